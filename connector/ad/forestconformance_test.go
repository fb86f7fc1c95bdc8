package ad_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/connectortest"
)

// inTwoDomains names users in one domain and groups, which hold them, in another.
func inTwoDomains(people, groups string) connectortest.Harness {
	h := harness(people)
	base := func(class string) string {
		if class == "group" {
			return ",OU=Groups,OU=Conformance," + groups
		}
		return ",OU=People,OU=Conformance," + people
	}
	h.DN = func(class, name string) string { return "CN=" + name + base(class) }
	h.OtherDN = func(class, name string) string {
		if class == "group" {
			return "CN=" + name + ",OU=Elsewhere,OU=Conformance," + groups
		}
		return "CN=" + name + ",OU=Elsewhere,OU=Conformance," + people
	}
	h.Group.Required = func(name string) attr.Set {
		return attr.NewSet(map[string][]attr.Value{"sAMAccountName": {attr.String(name)}, "groupType": {attr.Int(-2147483640)}})
	}
	return h
}

// TestForestConformance runs the suite on a forest of two domains, users in one and groups
// in the other, with limits so small that pages, ranges and continued answers are met
// everywhere.
func TestForestConformance(t *testing.T) {
	t.Parallel()
	modes := map[string]ad.DirSyncMode{"DirSync": ad.DirSyncAuto}
	if !testing.Short() {
		modes["WithoutDirSync"] = ad.DirSyncNever
	}
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := inTwoDomains("DC=contoso,DC=test", "DC=emea,DC=contoso,DC=test")
			h.Open = func(t *testing.T) connectortest.Directory {
				limits := adtest.Options{MaxPageSize: 8, MaxValRange: 6, AllowPlainBind: true}
				child := limits
				child.Domain = "emea.contoso.test"
				root := adtest.NewServer(t, &limits)
				return testedForest(t, mode, root, adtest.NewDomain(t, root, &child))
			}
			connectortest.Run(t, h)
		})
	}
}

func testedForest(t *testing.T, mode ad.DirSyncMode, dcs ...*adtest.Server) connectortest.Directory {
	t.Helper()
	var domains []ad.Options
	var proxies []*proxy
	for _, dc := range dcs {
		for _, ou := range []string{"Conformance", "People,OU=Conformance", "Groups,OU=Conformance", "Elsewhere,OU=Conformance"} {
			require.NoError(t, dc.Add("OU="+ou+","+dc.BaseDN(), adtest.Attrs{"objectClass": {"organizationalUnit"}}))
		}
		p := newProxy(t, dc.LDAPURL())
		proxies = append(proxies, p)
		domains = append(domains, ad.Options{URLs: []string{p.url()}, AllowPlainLoopback: true, BindName: dc.AdminUPN(),
			Password: password(dc.AdminPassword()), AllowAdministrator: true, DirSync: mode})
	}
	f, err := ad.NewForest("contoso", domains...)
	require.NoError(t, err)
	all := func(do func(*proxy)) {
		for _, p := range proxies {
			do(p)
		}
	}
	return connectortest.Directory{
		Connector:   connector.Connector(f),
		BreakImport: func(_ *testing.T, n int) { all(func(p *proxy) { p.set(n, false) }) },
		LoseAnswer:  func(*testing.T) { all(func(p *proxy) { p.set(-1, true) }) },
		Repair: func(*testing.T) {
			all(func(p *proxy) { p.set(-1, false) })
			for _, dc := range dcs {
				dc.Faults().Clear()
			}
		},
		RepeatToken: func(*testing.T) {
			for _, dc := range dcs {
				dc.Faults().RepeatPages(true)
			}
		},
		ExpireWatermark: func(*testing.T) {
			if dc := dcs[len(dcs)-1]; mode == ad.DirSyncNever {
				dc.Faults().NewInvocation()
			} else {
				dc.Faults().ExpireCookies()
			}
		},
	}
}
