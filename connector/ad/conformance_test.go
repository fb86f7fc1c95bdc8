package ad_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/connectortest"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// harness is what the suite needs to know of Active Directory: how to name objects beneath
// two containers.
func harness(base string) connectortest.Harness {
	container := func(class string) string {
		if class == "group" {
			return ",OU=Groups,OU=Conformance," + base
		}
		return ",OU=People,OU=Conformance," + base
	}
	account := func(name string) attr.Set {
		return attr.NewSet(map[string][]attr.Value{"sAMAccountName": {attr.String(name)}})
	}
	return connectortest.Harness{
		User:    connectortest.Class{Name: "user", Single: "displayName", Multi: "otherTelephone", Reference: "manager", Required: account},
		Group:   connectortest.Class{Name: "group", Single: "displayName", Members: "member", Required: account},
		DN:      func(class, name string) string { return "CN=" + name + container(class) },
		OtherDN: func(_, name string) string { return "CN=" + name + ",OU=Elsewhere,OU=Conformance," + base },
	}
}

// containers is the LDIF of the containers that the harness names.
const containers = `dn: OU=Conformance,%BASE%
changetype: add
objectClass: organizationalUnit

dn: OU=People,OU=Conformance,%BASE%
changetype: add
objectClass: organizationalUnit

dn: OU=Groups,OU=Conformance,%BASE%
changetype: add
objectClass: organizationalUnit

dn: OU=Elsewhere,OU=Conformance,%BASE%
changetype: add
objectClass: organizationalUnit
`

// TestSambaConformance runs the suite on a real domain controller. It cannot be made to
// repeat page tokens, to refuse its own cookies or to drop answers at will; adtest can.
func TestSambaConformance(t *testing.T) {
	t.Parallel()
	for name, include := range map[string][]string{"WholePartition": nil, "Containers": {"OU=Conformance,DC=contoso,DC=test"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := sambatest.Start(t, nil)
			d.MustEdit(t, containers)
			h := harness(d.BaseDN)
			h.Open = func(t *testing.T) connectortest.Directory {
				require.NoError(t, d.DeleteTree(t.Context(), "OU=Conformance,"+d.BaseDN))
				d.MustEdit(t, containers)
				o := adminOptions(d)
				o.Include = include
				con, err := ad.New("contoso", o)
				require.NoError(t, err)
				return connectortest.Directory{Connector: con}
			}
			connectortest.Run(t, h)
		})
	}
}
