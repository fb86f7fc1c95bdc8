package sambatest

import (
	"context"
	"fmt"
	"strings"
)

// An exchangeAttribute is one attribute of the reduced Exchange schema. Only names and
// syntaxes are Exchange's; the object identifiers are made up.
type exchangeAttribute struct {
	name     string
	syntax   string
	om       int
	multiple bool
}

func exchangeAttributes() []exchangeAttribute {
	const text, octets, boolean, large = "2.5.5.12", "2.5.5.10", "2.5.5.8", "2.5.5.16"
	out := []exchangeAttribute{
		{name: "mailNickname", syntax: text, om: 64},
		{name: "targetAddress", syntax: text, om: 64},
		{name: "msDS-ExternalDirectoryObjectId", syntax: text, om: 64},
		{name: "msExchMailboxGuid", syntax: octets, om: 4},
		{name: "msExchHideFromAddressLists", syntax: boolean, om: 1},
		{name: "msExchMasterAccountSid", syntax: "2.5.5.17", om: 4},
		{name: "msExchRecipientTypeDetails", syntax: large, om: 65},
		{name: "msExchRemoteRecipientType", syntax: large, om: 65},
		{name: "msExchSafeSendersHash", syntax: octets, om: 4},
		{name: "msExchUserHoldPolicies", syntax: text, om: 64, multiple: true},
	}
	for i := 1; i <= 15; i++ {
		out = append(out, exchangeAttribute{name: fmt.Sprintf("extensionAttribute%d", i), syntax: text, om: 64})
	}
	return out
}

// addExchangeSchema adds the attributes and lets every mail recipient have them.
func (d *Domain) addExchangeSchema(ctx context.Context) error {
	schema := "CN=Schema,CN=Configuration," + d.BaseDN
	var add, allow strings.Builder
	fmt.Fprintf(&allow, "dn: CN=Mail-Recipient,%s\nchangetype: modify\nadd: mayContain\n", schema)
	for i, a := range exchangeAttributes() {
		single := "TRUE"
		if a.multiple {
			single = "FALSE"
		}
		fmt.Fprintf(&add, "dn: CN=%s,%s\nchangetype: add\nobjectClass: attributeSchema\nlDAPDisplayName: %s\nattributeID: 1.3.6.1.4.1.99999.77.%d\n"+
			"attributeSyntax: %s\noMSyntax: %d\nisSingleValued: %s\nsearchFlags: 0\nisMemberOfPartialAttributeSet: TRUE\n\n",
			a.name, schema, a.name, i+1, a.syntax, a.om, single)
		fmt.Fprintf(&allow, "mayContain: %s\n", a.name)
	}
	if _, err := d.ldbTool(ctx, "ldbmodify", add.String()); err != nil {
		return err
	}
	_, err := d.ldbTool(ctx, "ldbmodify", allow.String())
	return err
}
