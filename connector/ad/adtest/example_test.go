package adtest_test

import (
	"fmt"
	"log"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

func Example() {
	dc, err := adtest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = dc.Close() }()
	user := dc.Must(dc.AddUser("Ada Lovelace", adtest.Attrs{"title": {"Countess"}}))
	dc.Must(dc.AddGroup("Analysts", adtest.Attrs{"member": {user}}))
	dc.Must(dc.Move(user, dc.Must(dc.AddOU("People"))))

	conn, err := ldap.DialURL(dc.URL(), ldap.DialWithTLSConfig(dc.ClientTLS()))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(dc.AdminUPN(), dc.AdminPassword()); err != nil {
		log.Fatal(err)
	}
	r, err := conn.Search(ldap.NewSearchRequest(dc.BaseDN(), ldap.ScopeWholeSubtree, 0, 0, 0, false,
		"(memberOf=CN=Analysts,CN=Users,DC=contoso,DC=test)", []string{"userPrincipalName"}, nil))
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range r.Entries {
		fmt.Println(e.DN, e.GetAttributeValue("userPrincipalName"))
	}
	// Output: CN=Ada Lovelace,OU=People,DC=contoso,DC=test Ada.Lovelace@contoso.test
}

func ExampleServer_Faults() {
	dc, err := adtest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = dc.Close() }()
	dc.Faults().RejectBinds("533")
	conn, err := ldap.DialURL(dc.URL(), ldap.DialWithTLSConfig(dc.ClientTLS()))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	err = conn.Bind(dc.AdminUPN(), dc.AdminPassword())
	fmt.Println(ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials))
	// Output: true
}
