package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/internal/sambatest"
	"github.com/hybridsync/hybridsync/rules"
)

// tradeNames gives users names by a rule of the deployment's own, first free ones and then each the
// one of another. phone sets what the rule makes the names of.
func tradeNames(t *testing.T, b *bench, container string, phone func(i int, value string), name func(i int) string) {
	t.Helper()
	o := rules.StandardOptions{Entra: "tenant", AD: []rules.ADConnector{{Name: "contoso.test", AnchorReadOnly: true}}}
	list := append(rules.Standard(o), rules.Rule{
		ID: "own-names", Name: "Out to AD - Names", Direction: rules.Outbound, Connector: "contoso.test", SourceType: "person", TargetType: "user",
		LinkType: rules.Join, Precedence: 900, Scope: []rules.ScopeGroup{{{Attribute: "ipPhone", Operator: rules.IsNotNull}}},
		Flows: []rules.Flow{{Target: "dn", Type: rules.Expression, Expression: fmt.Sprintf(`"CN=" & [ipPhone] & ",%s"`, container)}},
	})
	text, err := rules.MarshalYAML(&rules.File{Rules: list, Metaverse: rules.StandardMetaverse(o)})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "rules.yaml"), text, 0o600))
	b.values["more"] = "rules: rules.yaml\n"
	for _, names := range [][]string{{"1", "2", "3", "4", "5"}, {"2", "1", "4", "5", "3"}, {"3", "4", "5", "6", "7"}} {
		for i, n := range names {
			phone(i, n)
		}
		out, err := b.run("cycle")
		require.NoError(t, err, out)
		for i, n := range names {
			require.Equal(t, n, name(i), "after one cycle")
		}
		_, err = b.cycle()
		require.NoError(t, err)
		out, err = b.run("errors")
		require.NoError(t, err)
		require.NotContains(t, out, "exist")
	}
}

func TestNamesAreTraded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.values["keys"] = "    allow_administrator: true\n    write_back: {rules: true}\n"
	p := b.populate(5, 1)
	var guids []adtest.GUID
	for _, dn := range p.Users {
		o, err := b.dc.Get(dn)
		require.NoError(t, err)
		guids = append(guids, o.GUID)
	}
	dn := func(i int) string {
		for _, o := range b.dc.Dump() {
			if o.GUID == guids[i] {
				return o.DN
			}
		}
		return ""
	}
	_, container, _ := strings.Cut(p.Users[0], ",")
	tradeNames(t, b, container, func(i int, value string) {
		require.NoError(t, b.dc.Modify(dn(i), adtest.Replace("ipPhone", value)))
	}, func(i int) string {
		rdn, _, _ := strings.Cut(dn(i), ",")
		return strings.TrimPrefix(rdn, "CN=")
	})
}

func TestSambaNamesAreTraded(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 5, Groups: 1})
	b := sambaBench(t, d, d.AdminUPN, "    allow_administrator: true\n    write_back: {rules: true}\n")
	p := d.Population
	value := func(attribute string, args ...string) string {
		found, err := d.Search(t.Context(), append(args, attribute)...)
		require.NoError(t, err)
		_, rest, _ := strings.Cut(found, attribute+": ")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	var logons []string
	for i := range 5 {
		logons = append(logons, value("sAMAccountName", "-b", p.UserDN(i+1), "-s", "base", "(objectClass=*)"))
	}
	dn := func(i int) string {
		return value("distinguishedName", "-b", d.BaseDN, "(sAMAccountName="+logons[i]+")")
	}
	_, container, _ := strings.Cut(p.UserDN(1), ",")
	tradeNames(t, b, container, func(i int, value string) {
		d.MustEdit(t, fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: ipPhone\nipPhone: %s\n", dn(i), value))
	}, func(i int) string {
		rdn, _, _ := strings.Cut(dn(i), ",")
		return strings.TrimPrefix(rdn, "CN=")
	})
}
