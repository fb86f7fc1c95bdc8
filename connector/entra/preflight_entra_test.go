package entra_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

func preflight(t *testing.T, tenant *entra.Tenant, n connector.Needs) map[connector.Code][]connector.Finding {
	t.Helper()
	pf, ok := connector.As[connector.Preflighter](open(t, tenant))
	require.True(t, ok)
	findings, err := pf.Preflight(t.Context(), n)
	require.NoError(t, err)
	out := make(map[connector.Code][]connector.Finding)
	for _, f := range findings {
		require.NotEmpty(t, f.Message)
		require.NotEmpty(t, f.Remedy, f.Message)
		out[f.Code] = append(out[f.Code], f)
	}
	return out
}

// names waits with the given user names.
func names(upns ...string) func(string) iter.Seq2[connector.Waiting, error] {
	return func(attribute string) iter.Seq2[connector.Waiting, error] {
		return func(yield func(connector.Waiting, error) bool) {
			for i, upn := range upns {
				v := attr.String(upn)
				if attribute != "userPrincipalName" {
					v = attr.String("A user")
				}
				w := connector.Waiting{Object: connector.Key{DN: dn(fmt.Sprint("user", i))}, Op: connector.OpAdd, Class: "user", Value: v}
				if !yield(w, nil) {
					return
				}
			}
		}
	}
}

func TestPreflightNamesUsersWithoutAVerifiedDomain(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	upns := []string{"a@contoso.com", "B@Contoso.TEST", "nodomain"}
	for i := range 14 {
		upns = append(upns, fmt.Sprintf("u%d@corp.local", i))
	}
	found := preflight(t, connect(t, s, quick(s)), connector.Needs{Export: true, Waiting: names(upns...)})["verified-domains"]
	require.Len(t, found, 2)
	require.Empty(t, found[0].Object, "a name without a domain")
	require.Equal(t, "corp.local", found[1].Object)
	require.Equal(t, connector.Warning, found[1].Severity)
	require.Contains(t, found[1].Message, "14 users")
	require.Contains(t, found[1].Message, "contoso.onmicrosoft.com")
	require.Contains(t, found[1].Message, dn("user3"))
	require.Contains(t, found[1].Message, "and 4 more")

	broken := connector.Needs{Export: true, Waiting: func(string) iter.Seq2[connector.Waiting, error] {
		return func(yield func(connector.Waiting, error) bool) { yield(connector.Waiting{}, errors.New("no store")) }
	}}
	pf, _ := connector.As[connector.Preflighter](open(t, connect(t, s, quick(s))))
	_, err := pf.Preflight(t.Context(), broken)
	require.ErrorContains(t, err, "no store")
}

func TestPreflightCountsWhatThereIs(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	yes := true
	for i := range 7 {
		s.AddUser(entratest.User{UserPrincipalName: fmt.Sprintf("u%d@contoso.test", i), DisplayName: "U", OnPremisesSyncEnabled: map[bool]*bool{true: &yes}[i < 3]})
	}
	s.AddGroup(entratest.Group{DisplayName: "G", OnPremisesSyncEnabled: &yes})
	tenant := connect(t, s, quick(s))
	found := preflight(t, tenant, connector.Needs{Export: true, Waiting: names("x@contoso.com")})
	require.Len(t, found["directory-quota"], 1)
	require.Equal(t, connector.Notice, found["directory-quota"][0].Severity)
	require.Contains(t, found["directory-quota"][0].Message, "1 wait to be created")
	require.Contains(t, found["directory-quota"][0].Message, "300000")
	mastered := found["objects-mastered-elsewhere"]
	require.Len(t, mastered, 2)
	require.Contains(t, mastered[0].Message, "3 users")
	require.Contains(t, mastered[1].Message, "1 groups")
	require.Empty(t, preflight(t, tenant, connector.Needs{Import: true}), "who only reads needs to know none of that")
}

func TestPreflightComparesTheTenantsSettings(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	tenant := connect(t, s, quick(s))
	settings := func(tenant *entra.Tenant) []connector.Finding {
		return preflight(t, tenant, connector.Needs{Export: true})["synchronization-settings"]
	}
	unknown := settings(tenant)
	require.Len(t, unknown, 1)
	require.Equal(t, connector.Notice, unknown[0].Severity, "an application usually may not read them")
	s.SetSyncFeatures(map[string]bool{"blockSoftMatchEnabled": true})
	found := settings(tenant)
	require.Len(t, found, 1)
	require.Equal(t, "blockSoftMatchEnabled", found[0].Object)
	require.Equal(t, connector.Warning, found[0].Severity)
	opts := quick(s)
	opts.BlockSoftMatch = true
	require.Empty(t, settings(connect(t, s, opts)))
}

func TestDirectoryExtensions(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	prefix := "extension_" + strings.ReplaceAll(s.ClientID, "-", "") + "_"
	want := []entra.Extension{
		{Name: prefix + "badge", Kind: attr.KindInt, Classes: []string{"user"}},
		{Name: prefix + "costCenter", Kind: attr.KindString, Classes: []string{"user", "group"}},
		{Name: prefix + "floors", Kind: attr.KindString, MultiValued: true, Classes: []string{"user"}},
		{Name: prefix + "remote", Kind: attr.KindBool, Classes: []string{"user"}},
	}
	opts := quick(s)
	opts.Extensions = want
	tenant := connect(t, s, opts)
	missing := preflight(t, tenant, connector.Needs{Export: true, Write: []string{prefix + "badge", prefix + "other"}})["directory-extensions"]
	require.Len(t, missing, 1)
	require.Equal(t, connector.Failure, missing[0].Severity)
	require.Contains(t, missing[0].Object, prefix+"costCenter")
	require.Contains(t, missing[0].Object, prefix+"other")

	require.NoError(t, tenant.DefineExtensions(t.Context(), want...))
	require.NoError(t, tenant.DefineExtensions(t.Context(), want...), "what is there is left alone")
	got, err := tenant.Extensions(t.Context(), s.ClientID)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Empty(t, preflight(t, tenant, connector.Needs{Export: true})["directory-extensions"])
	other := want[0]
	other.Kind = attr.KindString
	require.ErrorIs(t, tenant.DefineExtensions(t.Context(), other), connector.ErrConflict)
	require.ErrorIs(t, tenant.DefineExtensions(t.Context(), entra.Extension{Name: "badge"}), connector.ErrInvalid)
	_, err = tenant.Extensions(t.Context(), adaID)
	require.ErrorIs(t, err, connector.ErrNotFound)

	// They flow: out, in, changed, cleared.
	values := []attr.Mod{
		{Name: prefix + "badge", Replace: true, Adds: []attr.Value{attr.Int(7)}}, setText(prefix+"costCenter", "R&D"),
		setText(prefix+"floors", "one", "two"), boolean(prefix+"remote", true),
	}
	r := mustExport(t, tenant, addUser("ada", values...))[0]
	items, err := fullImport(t, tenant)
	require.NoError(t, err)
	ada := objects(items)[r.Anchor.Raw()]
	for _, mod := range values {
		require.Equal(t, mod.Adds, ada.Attributes.Values(mod.Name), mod.Name)
	}
	mustExport(t, tenant, updateOf(connector.Key{Anchor: r.Anchor}, setText(prefix+"costCenter"), setText(prefix+"floors", "three")))
	items, err = deltaImport(t, tenant, watermark(t, items))
	require.NoError(t, err)
	require.Len(t, items, 2)
	require.Nil(t, s.Property(id(r.Anchor), prefix+"costCenter"))
	require.Equal(t, []string{"three"}, s.Property(id(r.Anchor), prefix+"floors"))
}
