package ad_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
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

// TestSambaConformance runs the suite on a real domain controller. What Samba does not do as
// Active Directory does is tested on adtest instead:
//
//   - MaxPageSize and the size of DirSync answers are not enforced, nothing is continued:
//     TestMockLimits, TestMockConformance.
//   - MaxValRange is not enforced: TestMockLimits; TestSambaRanges asks for ranges itself.
//   - Limits of size, time and work are never met, busy is never said: TestMockLimitsOfSearches,
//     TestMockBusy.
//   - Page tokens cannot be made to repeat, cookies not to expire: TestMockConformance.
//   - There is one domain controller only, without cookies of others, replication that lags
//     or a restored database: failover_test.go.
//   - There is one domain in a forest: samba-tool of 4.17 joins a domain as DC, RODC or MEMBER,
//     no longer as a child. Domains with members of each other, and moves between them:
//     forest_test.go, forestchance_test.go; TestSambaForest takes two forests for one.
//   - Objects cannot be restored where the recycle bin is on, and tombstones do not expire
//     while a test waits: revival_test.go.
//   - Channel bindings are not asked for: TestEndPointBinding, TestBindChallenge.
//   - Policy hints, by which a reset keeps the rules about earlier passwords, are not known:
//     TestMockResetPassword.
//   - Administrators keep the permissions that they inherit (there is no SDProp): labs write
//     what AdminSDHolder would give, adtest does it by itself, see TestPreflight.
//   - The base schema ends at 2012 R2, without Exchange: sambatest.Options.ExchangeSchema adds
//     attributes with made-up numbers; forests with all of it are adtest's.
//   - Deleted objects are hidden from accounts that may replicate changes: see
//     sambatest.Options.Delegate, which grants what Active Directory does not ask for.
func TestSambaConformance(t *testing.T) {
	t.Parallel()
	for name, include := range map[string][]string{"WholePartition": nil, "Containers": {"OU=Conformance,DC=contoso,DC=test"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := sambatest.Start(t, &sambatest.Options{AllowPlain: true})
			d.MustEdit(t, containers)
			h := harness(d.BaseDN)
			h.Open = func(t *testing.T) connectortest.Directory {
				require.NoError(t, d.DeleteTree(t.Context(), "OU=Conformance,"+d.BaseDN))
				d.MustEdit(t, containers)
				p := newProxy(t, d.PlainURL)
				o := adminOptions(d)
				o.Include, o.URLs, o.AllowPlainLoopback = include, []string{p.url()}, true
				return faulty(directory(t, o), p)
			}
			connectortest.Run(t, h)
		})
	}
}

// TestMockConformance runs the suite on the mock domain controller, with limits so small
// that pages, ranges and continued DirSync answers are met everywhere.
func TestMockConformance(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*ad.Options){
		"WholePartition": func(*ad.Options) {},
		"Containers":     func(o *ad.Options) { o.Include = []string{"OU=Conformance,DC=contoso,DC=test"} },
		"WithoutDirSync": func(o *ad.Options) { o.DirSync = ad.DirSyncNever },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := harness("DC=contoso,DC=test")
			h.Open = func(t *testing.T) connectortest.Directory {
				dc := adtest.NewServer(t, &adtest.Options{MaxPageSize: 8, MaxValRange: 6, AllowPlainBind: true})
				for _, ou := range []string{"Conformance", "People,OU=Conformance", "Groups,OU=Conformance", "Elsewhere,OU=Conformance"} {
					require.NoError(t, dc.Add("OU="+ou+","+dc.BaseDN(), adtest.Attrs{"objectClass": {"organizationalUnit"}}))
				}
				p := newProxy(t, dc.LDAPURL())
				o := ad.Options{URLs: []string{p.url()}, AllowPlainLoopback: true, BindName: dc.AdminUPN(), Password: password(dc.AdminPassword()), AllowAdministrator: true}
				change(&o)
				dir := faulty(directory(t, o), p)
				dir.RepeatToken = func(*testing.T) { dc.Faults().RepeatPages(true) }
				dir.ExpireWatermark = func(*testing.T) { dc.Faults().ExpireCookies() }
				if o.DirSync == ad.DirSyncNever {
					dir.ExpireWatermark = func(*testing.T) { dc.Faults().NewInvocation() }
				}
				repair := dir.Repair
				dir.Repair = func(t *testing.T) { dc.Faults().Clear(); repair(t) }
				return dir
			}
			connectortest.Run(t, h)
		})
	}
}

// faulty is a directory behind a proxy.
func faulty(c connector.Connector, p *proxy) connectortest.Directory {
	return connectortest.Directory{
		Connector:   c,
		BreakImport: func(_ *testing.T, n int) { p.set(n, false) },
		LoseAnswer:  func(*testing.T) { p.set(-1, true) },
		Repair:      func(*testing.T) { p.set(-1, false) },
	}
}
