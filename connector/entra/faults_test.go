package entra_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// settle exports changes as the engine would: what is to be tried again is, until all is
// done. What is Unknown is exported again as well, which has to be harmless.
func settle(t *testing.T, e connector.Exporter, changes []connector.Change) map[string]connector.Result {
	t.Helper()
	done := make(map[string]connector.Result, len(changes))
	for range 30 {
		for batch := range slices.Chunk(slices.Clone(changes), 200) {
			results, err := e.Export(t.Context(), batch)
			if err != nil {
				require.True(t, connector.IsTransient(err), "%v", err)
				continue
			}
			for i, r := range results {
				switch r.Outcome {
				case connector.Applied, connector.NoChange:
					done[r.ID] = r
				default:
					require.Contains(t, []connector.Outcome{connector.Retry, connector.Unknown}, r.Outcome, "%v: %v", batch[i].ID, r.Err)
				}
			}
		}
		changes = slices.DeleteFunc(changes, func(c connector.Change) bool { _, ok := done[c.ID]; return ok })
		if len(changes) == 0 {
			return done
		}
	}
	require.Empty(t, changes, "changes that never came through")
	return done
}

// With a twentieth of all requests failing, in every way that the mock knows, the tenant
// ends up as without: no duplicates, nothing lost. HYBRIDSYNC_LARGE=1 does it with 20,000
// users and 2,000 groups of 50 members each, once.
func TestExportConvergesUnderFaults(t *testing.T) {
	t.Parallel()
	people, groups, each, seeds := 300, 20, 75, uint64(3)
	if os.Getenv("HYBRIDSYNC_LARGE") != "" {
		people, groups, each, seeds = 20_000, 2_000, 50, 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := entratest.NewServer(t, &entratest.Options{Seed: seed})
			tenant := connect(t, s, quick(s))
			exporter, ok := connector.As[connector.Exporter](open(t, tenant))
			require.True(t, ok)
			var adds []connector.Change
			for i := range people {
				if i%10 == 7 { // already there, to be taken over
					s.AddUser(entratest.User{UserPrincipalName: fmt.Sprintf("user%d@contoso.test", i), DisplayName: "old"})
				}
				adds = append(adds, addUser(fmt.Sprintf("user%d", i), setText("department", "before")))
			}
			for i := range groups {
				adds = append(adds, addGroup(fmt.Sprintf("group%d", i), boolean("securityEnabled", true)))
			}
			s.FailRate(0.05)
			done := settle(t, exporter, adds)
			var updates []connector.Change
			for i := range people {
				c := updateOf(connector.Key{Anchor: done[fmt.Sprintf("add user%d", i)].Anchor}, setText("department", "after"))
				if i > 0 {
					c.Mods = append(c.Mods, attr.Mod{Name: "manager", Replace: true, Adds: refs(done["add user0"].Anchor)})
				}
				updates = append(updates, c)
			}
			for g := range groups {
				var some []connector.Anchor
				for i := range each {
					some = append(some, done[fmt.Sprintf("add user%d", (g+i*4)%people)].Anchor)
				}
				updates = append(updates, updateOf(connector.Key{Anchor: done[fmt.Sprintf("add group%d", g)].Anchor}, members(refs(some...), nil)))
			}
			settle(t, exporter, updates)
			s.FailRate(0)

			require.Len(t, s.Users(), people)
			require.Len(t, s.Groups(), groups)
			for _, u := range s.Users() {
				require.Equal(t, "after", u.Department)
				require.Equal(t, u.UserPrincipalName != "user0@contoso.test", u.ManagerID != "")
			}
			for g := range groups {
				require.Len(t, s.Members(id(done[fmt.Sprintf("add group%d", g)].Anchor)), each)
			}
		})
	}
}

// Duplicates, empty pages and groups cut over many pages make no difference.
func TestImportsBearWhatDeltaQueriesDo(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, &entratest.Options{DeltaPageSize: 7, DeltaLinkPage: 5})
	var ids []string
	for i := range 60 {
		ids = append(ids, s.AddUser(entratest.User{UserPrincipalName: fmt.Sprintf("u%d@contoso.test", i), DisplayName: "U"}))
	}
	big := s.AddGroup(entratest.Group{DisplayName: "big", Members: ids})
	s.AddGroup(entratest.Group{DisplayName: "small", Members: ids[:2]})
	tenant := connect(t, s, quick(s))
	plain, err := fullImport(t, tenant)
	require.NoError(t, err)
	s.SetDeltaFaults(entratest.DeltaFaults{Duplicates: true, EmptyPages: true})
	odd, err := fullImport(t, tenant)
	require.NoError(t, err)
	require.Equal(t, objects(plain), objects(odd))
	require.Len(t, objects(odd)["Group_"+big].Attributes.Values("member"), 60)

	// Every user came twice, so that the watermark names them all: the delta reads them.
	again, err := deltaImport(t, tenant, watermark(t, odd))
	require.NoError(t, err)
	require.Equal(t, users(objects(plain)), users(objects(again)))
	quiet, err := deltaImport(t, tenant, watermark(t, again))
	require.NoError(t, err)
	require.Len(t, quiet, 1, "nothing but Complete")

	// Value-level members: one added and one removed in a big group are just that.
	s.RemoveMember(big, ids[0])
	extra := s.AddUser(entratest.User{UserPrincipalName: "extra@contoso.test", DisplayName: "E"})
	require.NoError(t, s.AddMembers(big, extra))
	s.Advance(time.Hour)
	items, err := deltaImport(t, tenant, watermark(t, plain))
	require.NoError(t, err)
	for _, it := range items {
		if it.Object == nil || it.Object.Anchor.Raw() != "Group_"+big || it.Kind != connector.ItemUpdate {
			continue
		}
		for _, mod := range it.Mods {
			if mod.Name == "member" {
				require.Equal(t, []attr.Value{attr.Reference("User_" + extra)}, mod.Adds)
				require.Equal(t, []attr.Value{attr.Reference("User_" + ids[0])}, mod.Deletes)
			}
		}
	}
}

func objects(items []connector.Item) map[string]*connector.Object {
	out := make(map[string]*connector.Object)
	for _, it := range items {
		if it.Kind == connector.ItemObject {
			out[it.Object.Anchor.Raw()] = it.Object
		}
	}
	return out
}

func users(all map[string]*connector.Object) map[string]*connector.Object {
	for anchor := range all {
		if !strings.HasPrefix(anchor, "User_") {
			delete(all, anchor)
		}
	}
	return all
}

// Imports come to what the tenant holds while a twentieth of all requests fails, links
// expire, and delta queries repeat themselves.
func TestImportsConvergeUnderFaults(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := entratest.NewServer(t, &entratest.Options{Seed: seed, DeltaPageSize: 7, DeltaLinkPage: 5})
			var ids []string
			for i := range 80 {
				ids = append(ids, s.AddUser(entratest.User{UserPrincipalName: fmt.Sprintf("u%d@contoso.test", i), DisplayName: "U"}))
			}
			group := s.AddGroup(entratest.Group{DisplayName: "G", Members: ids[:40]})
			opts := quick(s)
			opts.Attempts = 12
			tenant := connect(t, s, opts)
			s.FailRate(0.05)
			s.SetDeltaFaults(entratest.DeltaFaults{Duplicates: seed%2 == 0, EmptyPages: true})
			known := make(map[string]*connector.Object)
			apply := func(items []connector.Item) connector.Watermark {
				for _, it := range items {
					switch {
					case it.Object == nil:
					case it.Kind == connector.ItemDelete:
						delete(known, it.Object.Anchor.Raw())
					case it.Kind == connector.ItemObject:
						known[it.Object.Anchor.Raw()] = it.Object
					default:
						for _, mod := range it.Mods {
							known[it.Object.Anchor.Raw()].Attributes.Apply(mod)
						}
					}
				}
				return watermark(t, items)
			}
			items, err := fullImport(t, tenant)
			require.NoError(t, err)
			mark := apply(items)
			for round := range 4 {
				s.RemoveMember(group, ids[round])
				require.NoError(t, s.AddMembers(group, ids[50+round]))
				require.NoError(t, s.Update(ids[20+round], map[string]any{"department": fmt.Sprint("d", round)}))
				require.NoError(t, s.Delete(ids[60+round]))
				s.Advance(time.Minute)
				items, err = deltaImport(t, tenant, mark)
				require.NoError(t, err)
				mark = apply(items)
			}
			s.ExpireDeltaTokens()
			_, err = deltaImport(t, tenant, mark)
			require.ErrorIs(t, err, connector.ErrWatermarkExpired)
			s.FailRate(0)
			s.SetDeltaFaults(entratest.DeltaFaults{})
			items, err = fullImport(t, connect(t, s, quick(s)))
			require.NoError(t, err)
			want := objects(items)
			require.Len(t, known, len(want))
			for anchor, o := range want {
				require.Contains(t, known, anchor)
				for name, values := range o.Attributes.All() {
					require.ElementsMatch(t, values, known[anchor].Attributes.Values(name), "%s %s", anchor, name)
				}
			}
		})
	}
}
