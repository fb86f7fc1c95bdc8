package rules_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// The standard rules, applied to one account of Active Directory: first into the
// metaverse, then on to Microsoft Entra ID.
func Example() {
	ctx, now := context.Background(), time.Now()
	set, err := rules.Compile(rules.Standard(rules.StandardOptions{
		AD: []rules.ADConnector{{Name: "corp"}}, Entra: "cloud",
	}), nil)
	if err != nil {
		fmt.Println(err) // every problem, with rule, line and column
		return
	}
	account := attr.NewSet(map[string][]attr.Value{
		"objectGUID":         {attr.BinaryString("0123456789abcdef")},
		"cn":                 {attr.String("Ann Lee")},
		"sn":                 {attr.String(" Lee ")},
		"sAMAccountName":     {attr.String("ann")},
		"userAccountControl": {attr.Int(512)},
	})
	subject := &rules.Subject{
		Class: "user", Attributes: &account, DN: "CN=Ann Lee,OU=Staff,DC=corp,DC=example",
		Parameters: rules.MapParameters{
			"Connector.ID": "corp", "Domain.FQDN": "corp.example", "Domain.Netbios": "CORP",
			"Forest.FQDN": "corp.example", "Forest.Netbios": "CORP",
		},
	}
	scope, err := set.InScope(ctx, rules.Inbound, "corp", subject)
	if err != nil {
		fmt.Println(err)
		return
	}
	in := set.Inbound(ctx, "person", []rules.Contribution{{Connector: "corp", Subject: subject, Rules: scope}}, nil, now)

	person := &rules.Subject{Class: "person", Attributes: &in.Values, New: true}
	scope, err = set.InScope(ctx, rules.Outbound, "cloud", person)
	if err != nil {
		fmt.Println(err)
		return
	}
	out := set.Outbound(ctx, "cloud", "user", scope, person, nil, now)
	for _, name := range []string{"userPrincipalName", "surname", "displayName", "accountEnabled", "sourceAnchor"} {
		fmt.Println(name, "=", out.Values.Text(name))
	}
	fmt.Println("made by", scope[0].Name)
	// Output:
	// userPrincipalName = ann@corp.example
	// surname = Lee
	// displayName = Ann Lee
	// accountEnabled = True
	// sourceAnchor = MDEyMzQ1Njc4OWFiY2RlZg==
	// made by Out to AAD - User Join
}
