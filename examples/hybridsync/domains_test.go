package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/metaverse"
)

// woods starts a forest of three domains and a deployment in which they are one directory.
func woods(t *testing.T) (*bench, []*adtest.Server) {
	t.Helper()
	b := newBench(t)
	dcs := []*adtest.Server{b.dc, adtest.NewDomain(t, b.dc, &adtest.Options{Domain: "emea.contoso.test"}),
		adtest.NewDomain(t, b.dc, &adtest.Options{Domain: "fabrikam.test"})}
	b.inDomains(dcs)
	return b, dcs
}

// inDomains configures the domains; more are keys of single ones.
func (b *bench) inDomains(dcs []*adtest.Server, more ...string) {
	text := "  - name: contoso\n    exchange: true\n    allow_administrator: true\n    domains:\n"
	for i, dc := range dcs {
		ca := filepath.Join(b.dir, dc.Domain()+".pem") // which outlives the server
		require.NoError(b.t, os.WriteFile(ca, dc.CAPEM(), 0o600))
		text += fmt.Sprintf("      - name: %s\n        urls: [%q]\n        user: %q\n        password: %q\n        ca_file: %q\n",
			dc.Domain(), dc.URL(), dc.AdminUPN(), dc.AdminPassword(), ca)
		if i < len(more) {
			text += more[i]
		}
	}
	b.values["directories"] = text
}

// A person who moves from one domain of the forest to another stays the same person in the
// tenant, with all memberships; a domain that is taken out leaves.
func TestDomainsOfOneForest(t *testing.T) {
	t.Parallel()
	b, dcs := woods(t)
	users := make([]string, len(dcs))
	for i, dc := range dcs {
		users[i] = dc.Must(dc.AddUser(fmt.Sprint("person", i), adtest.Attrs{"userPrincipalName": {fmt.Sprintf("person%d@contoso.test", i)},
			"sn": {"Person"}, "givenName": {fmt.Sprint(i)}}))
	}
	dcs[1].Must(dcs[1].AddGroup("team", adtest.Attrs{"groupType": {"-2147483640"}, "member": users, "displayName": {"Team"}}))
	out, err := b.run("check")
	require.NoError(t, err, out)
	for range 2 {
		result, err := b.cycle()
		require.NoError(t, err, "%+v", result)
	}
	require.Len(t, b.tenant.Users(), 3)
	team := b.group("Team").ID
	members := b.tenant.Members(team)
	require.Len(t, members, 3)
	domainOf := func(dn string) string {
		x, err := decode[metaverse.Explained](b, "explain", dn)
		require.NoError(t, err)
		out, err := b.run("explain", "-mv", fmt.Sprint(x.Metaverse.ID), "-attribute", "domainFQDN")
		require.NoError(t, err)
		return out
	}
	for i, dc := range dcs {
		require.Contains(t, domainOf(users[i]), dc.Domain(), "each knows the domain that it is in")
	}

	users[0], err = dcs[0].MoveTo(users[0], dcs[1], dcs[1].UsersDN())
	require.NoError(t, err)
	users[1], err = dcs[1].MoveTo(users[1], dcs[2], dcs[2].UsersDN())
	require.NoError(t, err)
	b.tenant.ResetLog()
	_, err = b.cycle()
	require.NoError(t, err)
	require.ElementsMatch(t, members, b.tenant.Members(team))
	require.Len(t, b.tenant.Users(), 3)
	require.Contains(t, domainOf(users[0]), "emea.contoso.test")
	require.Contains(t, domainOf(users[1]), "fabrikam.test")

	require.NoError(t, dcs[2].Close())
	b.inDomains(dcs, "", "", "        disabled: true\n")
	diff, err := b.run("check")
	require.NoError(t, err, diff)
	for range 2 {
		_, err = b.cycle()
		require.NoError(t, err)
	}
	require.Len(t, b.tenant.Users(), 1, "who is in the domain that is left out has left the tenant")
	require.Len(t, b.tenant.Members(team), 1)
}

// Everything that is wrong with the domains is told at once.
func TestDomainsMistakes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.values["directories"] = `  - name: contoso
    urls: [ldaps://dc1.contoso.test]
    include: ["OU=x,DC=contoso,DC=test"]
    domains:
      - {name: contoso.test, disabled: true}
      - {name: CONTOSO.test, user: someone, disabled: true}
      - {disabled: true}
`
	_, err := b.run("config", "check")
	require.Error(t, err)
	for _, text := range []string{"directories[0].urls: belongs to the domains", "directories[0].include: belongs", "domains[1].name: CONTOSO.test is there twice",
		"domains[1]: user and password go together", "domains[2].name: is missing", "all of them are disabled"} {
		require.ErrorContains(t, err, text)
	}
}

// An account is made in the domain that is meant.
func TestAccountInDomain(t *testing.T) {
	b, dcs := woods(t)
	t.Setenv(adminPassword, dcs[1].AdminPassword())
	_, err := b.run("account", "plan", "-admin", dcs[1].AdminUPN(), "-name", "MSOL_x")
	require.ErrorContains(t, err, "-domain")
	out, err := b.run("account", "plan", "-admin", dcs[1].AdminUPN(), "-name", "MSOL_x", "-domain", "emea.contoso.test", "-container", dcs[1].UsersDN())
	require.NoError(t, err, out)
	require.Contains(t, out, "CN=MSOL_x,"+dcs[1].UsersDN())
	require.NotContains(t, out, "fabrikam")
}

func TestDomainsInheritance(t *testing.T) {
	t.Parallel()
	b, _ := woods(t)
	text := b.values["directories"]
	b.values["directories"] = strings.Replace(text, "    domains:\n", "    site: Berlin\n    write_back: {groups: \"OU=Cloud,DC=emea,DC=contoso,DC=test\", consistency_guid: true}\n    domains:\n", 1)
	b.values["more"] = "source_anchor: mS-DS-ConsistencyGuid\n"
	c, err := loadConfig(b.configure())
	require.NoError(t, err)
	c.Directories[0].Domains[2].URLs = nil
	c.Directories[0].Domains[2].ReadOnly = true
	all := c.Directories[0].perDomain()
	require.Len(t, all, 3)
	require.Equal(t, []string{"DC=contoso,DC=test"}, all[0].Bases)
	require.Empty(t, all[0].Site, "it is for DNS")
	require.Empty(t, all[0].WriteBack.Groups, "the container is in a domain beneath")
	require.True(t, all[0].WriteBack.ConsistencyGUID)
	require.Equal(t, "OU=Cloud,DC=emea,DC=contoso,DC=test", all[1].WriteBack.Groups)
	require.Equal(t, "fabrikam.test", all[2].Domain)
	require.Equal(t, "Berlin", all[2].Site)
	require.Equal(t, writeBack{}, all[2].WriteBack)
	require.True(t, all[2].options(nil).ReadOnly)
	require.Equal(t, filepath.Join(b.dir, "emea.contoso.test.pem"), all[1].CAFile)
	before := c.Directories[0].scope()
	c.Directories[0].Domains[1].Disabled = true
	require.NotEqual(t, before, c.Directories[0].scope())
	require.True(t, filepath.IsAbs(all[0].CAFile))
}

// While a domain is down the others are synchronised, and nobody leaves the tenant.
func TestDomainDown(t *testing.T) {
	t.Parallel()
	b, dcs := woods(t)
	person := func(dc *adtest.Server, name string) string {
		return dc.Must(dc.AddUser(name, adtest.Attrs{"userPrincipalName": {name + "@contoso.test"}, "sn": {"Person"}, "givenName": {name}}))
	}
	leaving := person(dcs[0], "anna")
	person(dcs[2], "carla")
	for range 2 {
		_, err := b.cycle()
		require.NoError(t, err)
	}
	require.Len(t, b.tenant.Users(), 2)
	require.NoError(t, dcs[2].Close())
	require.NoError(t, dcs[0].Delete(leaving))
	person(dcs[1], "ben")
	_, err := b.cycle()
	require.Error(t, err)
	require.Len(t, b.tenant.Users(), 3, "the new one is there, and nobody has left")
	out, err := b.run("check")
	require.Error(t, err)
	require.Contains(t, out, "fabrikam.test")
}
