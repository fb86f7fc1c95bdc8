package ad_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// Changes go to the domain of the object's DN, or to where the object is by now.
func TestForestExport(t *testing.T) {
	t.Parallel()
	w := newWood(t, adtest.Options{})
	w.options[2].ReadOnly = true
	anna, ben, carla := w.user(0, "anna"), w.user(1, "ben"), w.user(2, "carla")
	team := w.universal(0, "team")
	f := w.forest(t)
	require.True(t, f.Capabilities().Export)
	whole, err := f.Schema(t.Context())
	require.NoError(t, err)
	require.True(t, whole.Classes[0].Export)
	s := openForest(t, f)
	v := full(t, s)
	title := func(dn, text string) connector.Change {
		return connector.Change{ID: dn, Op: connector.OpUpdate, Class: "user", Key: v.at(t, dn).Key(), Mods: []attr.Mod{replace("title", attr.String(text))}}
	}
	outcomes := func(results []connector.Result) (out []connector.Outcome) {
		for _, r := range results {
			out = append(out, r.Outcome)
		}
		return out
	}
	where := connector.Change{ID: "x", Op: connector.OpDelete, Class: "user", Key: connector.Key{DN: "CN=x,DC=elsewhere,DC=test"}}
	across := connector.Change{ID: "y", Op: connector.OpUpdate, Class: "user", Key: v.at(t, ben).Key(), NewDN: "CN=ben," + w.dcs[0].UsersDN()}
	results := export(t, s, title(anna, "a"), title(ben, "b"), title(carla, "c"), where, across,
		connector.Change{ID: "new", Op: connector.OpAdd, Class: "user", Key: connector.Key{DN: "CN=new," + w.dcs[1].UsersDN()},
			Mods: []attr.Mod{{Name: "sAMAccountName", Adds: []attr.Value{attr.String("new")}}}},
		connector.Change{ID: "team", Op: connector.OpUpdate, Class: "group", Key: v.at(t, team).Key(),
			Mods: []attr.Mod{{Name: "member", Adds: []attr.Value{attr.Reference(ben), attr.Reference(carla)}}}})
	require.Equal(t, []connector.Outcome{connector.Applied, connector.Applied, connector.Rejected, connector.Rejected, connector.Rejected,
		connector.Applied, connector.Applied}, outcomes(results))
	require.Equal(t, connector.CodePermissionIssue, connector.CodeOf(results[2].Err))
	require.ErrorContains(t, results[2].Err, "fabrikam.test")
	require.Equal(t, connector.CodeInvalidDN, connector.CodeOf(results[3].Err))
	require.ErrorContains(t, results[4].Err, "does not move objects")
	v.delta(t, s)
	require.Equal(t, "b", v.at(t, ben).Attributes.Text("title"))
	require.Len(t, v.at(t, team).Attributes.Values("member"), 2)

	stale := title(ben, "moved")
	moved := w.move(t, ben, 1, 0)
	require.Equal(t, connector.Applied, export(t, s, stale)[0].Outcome, "the object has moved to another domain meanwhile")
	v.delta(t, s)
	require.Equal(t, "moved", v.at(t, moved).Attributes.Text("title"))

	w.cut(1, true)
	s = openForest(t, f)
	results = export(t, s, title(anna, "a2"), connector.Change{ID: "gone", Op: connector.OpDelete, Class: "user", Key: connector.Key{DN: "CN=new," + w.dcs[1].UsersDN()}})
	require.Equal(t, []connector.Outcome{connector.Applied, connector.Retry}, outcomes(results))
	require.ErrorContains(t, results[1].Err, "DC=emea")

	for i := range w.options {
		w.options[i].ReadOnly = true
	}
	f = w.forest(t)
	require.False(t, f.Capabilities().Export)
	_, ok := connector.As[connector.Exporter](openForest(t, f))
	require.False(t, ok)
}

func TestForestPreflight(t *testing.T) {
	t.Parallel()
	w := newWood(t, adtest.Options{})
	check := func() []connector.Finding {
		preflight, ok := connector.As[connector.Preflighter](openForest(t, w.forest(t)))
		require.True(t, ok)
		findings, err := preflight.Preflight(t.Context(), connector.Needs{Import: true, Delta: true, Attributes: []string{"noSuchAttribute"}})
		require.NoError(t, err)
		return findings
	}
	with := func(findings []connector.Finding, severity connector.Severity, text string) (n int) {
		for _, f := range findings {
			if f.Severity == severity && (text == "" || strings.Contains(f.Message, text)) {
				n++
			}
		}
		return n
	}
	findings := check()
	require.Equal(t, 1, with(findings, connector.Warning, "no such attribute"), "what is the same everywhere is told once")
	require.Zero(t, with(findings, connector.Failure, ""))
	w.cut(1, true)
	findings = check()
	require.Equal(t, 1, with(findings, connector.Failure, "cannot be checked"))

	w.cut(1, false)
	w.options[2].Include = []string{"OU=Empty,DC=fabrikam,DC=test"}
	w.dcs[2].Must(w.dcs[2].AddOU("Empty"))
	require.Equal(t, 1, with(check(), connector.Warning, "domain fabrikam.test: the account sees no object"))
}

func TestForestOptions(t *testing.T) {
	t.Parallel()
	_, err := ad.NewForest("")
	require.ErrorContains(t, err, "no name")
	require.ErrorContains(t, err, "no domains")
	one := ad.Options{Domain: "a.test", BindName: "x@a.test", Password: password("x")}
	two := ad.Options{Domain: "b.test", BindName: "x@b.test", Password: password("x"), Classes: []string{"user"}, Attributes: []string{"mail"}}
	_, err = ad.NewForest("f", one, two, one, ad.Options{})
	for _, text := range []string{"domain b.test: Classes and Attributes", "domain a.test: is there twice", "domain 4: "} {
		require.ErrorContains(t, err, text)
	}
	f, err := ad.NewForest("f", one)
	require.NoError(t, err)
	require.Equal(t, connector.Info{Type: "ad", Version: "1", Name: "f"}, f.Info())
	require.Len(t, f.Domains(), 1)

	w := newWood(t, adtest.Options{})
	stranger := mockOptions(adtest.NewServer(t, &adtest.Options{Domain: "stranger.test"}))
	f, err = ad.NewForest("f", w.options[0], stranger)
	require.NoError(t, err)
	_, err = f.Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, connector.ErrInvalid)
	require.ErrorContains(t, err, "another forest")
	strange, err := ad.NewForest("f", w.options[0], mockOptions(adtest.NewServer(t, &adtest.Options{Domain: "bare.test", NoExchangeSchema: true})))
	require.NoError(t, err)
	ad.TakeStrangers(strange)
	preflight, _ := connector.As[connector.Preflighter](openForest(t, strange))
	findings, err := preflight.Preflight(t.Context(), connector.Needs{Import: true})
	require.NoError(t, err)
	require.Contains(t, findings[0].Message, "bare.test is not that of domain contoso.test, though a forest has one")
	again := w.options[0]
	again.URLs = []string{w.dcs[0].LDAPURL()}
	f, err = ad.NewForest("f", w.options[0], again)
	require.NoError(t, err)
	_, err = f.Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, connector.ErrInvalid)
	require.ErrorContains(t, err, "belongs to two")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = w.forest(t).Open(ctx, connector.OpenOptions{})
	require.ErrorIs(t, err, context.Canceled)
}
