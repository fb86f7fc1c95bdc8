package metaverse_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// treeLab has a directory b, a tree, whose objects are named by displayName in a.
func treeLab(t *testing.T, names ...string) *lab {
	t.Helper()
	l := newLab(t,
		inbound("in", "a", "user", rules.Provision, 100, nil, direct("displayName", "displayName"), direct("employeeID", "employeeID"), direct("member", "member")),
		rules.Rule{ID: "out-b", Name: "out-b", Direction: rules.Outbound, Connector: "b", SourceType: "person", TargetType: "user",
			LinkType: rules.Provision, Precedence: 200,
			Flows: []rules.Flow{direct("employeeID", "employeeID"), direct("member", "member"), expression("dn", `"CN=" & [displayName] & ",OU=People,DC=b"`)}})
	l.named(names...)
	l.refer("a", "CN=0,DC=a", "member", "CN=1,DC=a")
	l.cycle()
	require.Equal(t, names, l.names())
	return l
}

// named gives the objects of a their names.
func (l *lab) named(names ...string) {
	l.t.Helper()
	for i, name := range names {
		dn := fmt.Sprintf("CN=%d,DC=a", i)
		if _, err := l.dirs["a"].Get(connector.Key{DN: dn}); err == nil {
			require.NoError(l.t, l.dirs["a"].Modify(connector.Key{DN: dn}, set("displayName", attr.String(name))))
			continue
		}
		l.put("a", "user", dn, "displayName", name, "employeeID", fmt.Sprint(i))
	}
}

// names returns the names in b, in the order of the objects in a.
func (l *lab) names() []string {
	l.t.Helper()
	byNumber := make(map[string]string)
	for o := range l.dirs["b"].All() {
		name, _, _ := strings.Cut(strings.TrimPrefix(o.DN, "CN="), ",")
		byNumber[o.Attributes.Text("employeeID")] = name
	}
	var out []string
	for i := range len(byNumber) {
		out = append(out, byNumber[fmt.Sprint(i)])
	}
	return out
}

// stage brings the changes of a up to the export of b.
func (l *lab) stage() {
	l.t.Helper()
	for _, kind := range []metaverse.StepKind{metaverse.DeltaImport, metaverse.DeltaSync} {
		for _, name := range l.order {
			_, err := l.engine.Run(l.t.Context(), name, kind, &metaverse.RunOptions{AcceptDeletions: true})
			require.NoError(l.t, err)
		}
	}
}

// Objects that take each other's names get them in one export, however many they are and in
// whatever order.
func TestRenamesMakeWayForEachOther(t *testing.T) {
	t.Parallel()
	abc := []string{"a", "b", "c", "d", "e"}
	for name, want := range map[string][]string{
		"two trade":               {"b", "a", "c", "d", "e"},
		"three in a circle":       {"b", "c", "a", "d", "e"},
		"the other way round":     {"c", "a", "b", "d", "e"},
		"two circles":             {"b", "a", "d", "e", "c"},
		"all in one":              {"e", "a", "b", "c", "d"},
		"one after the other":     {"b", "c", "d", "e", "f"},
		"backwards":               {"f", "a", "b", "c", "d"},
		"a circle and a tail":     {"b", "a", "x", "c", "d"},
		"nothing in their way":    {"v", "w", "x", "y", "z"},
		"letters of another case": {"B", "A", "c", "d", "e"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := treeLab(t, abc...)
			l.named(want...)
			l.stage()
			rec, err := l.engine.Run(t.Context(), "b", metaverse.Export, nil)
			require.NoError(t, err)
			require.Equal(t, metaverse.ResultSuccess, rec.Result)
			moved := 0
			for i := range want {
				if want[i] != abc[i] {
					moved++
				}
			}
			require.EqualValues(t, moved, rec.Counters.Renames, "what is put aside does not count twice")
			require.EqualValues(t, moved, rec.Objects)
			require.Equal(t, want, l.names())
			require.Empty(t, l.errors())
			l.cycle()
			require.Equal(t, want, l.names())
			group, err := l.dirs["b"].Get(connector.Key{DN: "CN=" + want[0] + ",OU=People,DC=b"})
			require.NoError(t, err)
			require.Equal(t, "CN="+want[1]+",OU=People,DC=b", group.Attributes.Text("member"))
		})
	}
}

// A rename waits for the deletion of what stands in its place.
func TestRenameTakesThePlaceOfWhatIsDeleted(t *testing.T) {
	t.Parallel()
	l := treeLab(t, "a", "b", "c")
	l.remove("a", "CN=2,DC=a")
	l.named("c", "a")
	l.stage()
	rec, err := l.engine.Run(t.Context(), "b", metaverse.Export, nil)
	require.NoError(t, err)
	require.Equal(t, metaverse.ResultSuccess, rec.Result)
	require.Equal(t, []string{"c", "a"}, l.names())
	l.cycle()
	require.Equal(t, []string{"c", "a"}, l.names())
	require.Empty(t, l.errors())
}

// What a stranger has is his: the error says so, and those who would follow wait.
func TestRenameToAStrangersNameIsAConflict(t *testing.T) {
	t.Parallel()
	l := treeLab(t, "a", "b", "c")
	l.put("b", "user", "CN=stranger,OU=People,DC=b", "employeeID", "s")
	l.named("stranger", "a", "b")
	l.cycle()
	errs := l.errors()
	require.Len(t, errs, 3)
	require.Contains(t, errs[0].Message, "stranger")
	l.remove("b", "CN=stranger,OU=People,DC=b")
	l.cycle()
	require.Equal(t, []string{"stranger", "a", "b"}, l.names())
	require.Empty(t, l.errors())
}

// An object that an administrator has moved meanwhile, so that its place is free although no
// import has told so, is not in the way.
func TestRenameToAPlaceThatWasLeftUnnoticed(t *testing.T) {
	t.Parallel()
	l := treeLab(t, "a", "b", "c")
	l.named("b", "x", "c")
	l.stage()
	require.NoError(t, l.dirs["b"].Rename(connector.Key{DN: "CN=b,OU=People,DC=b"}, "CN=moved,OU=People,DC=b"))
	l.dirs["b"].SetFaults(memdir.Faults{Export: func(c connector.Change) memdir.Fate {
		if strings.HasPrefix(c.Key.DN, "CN=b,") {
			return memdir.Fate{Outcome: connector.Rejected}
		}
		return memdir.Fate{}
	}})
	_, err := l.engine.Run(t.Context(), "b", metaverse.Export, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"b", "moved", "c"}, l.names())
	l.dirs["b"].SetFaults(memdir.Faults{})
	l.cycle()
	require.Equal(t, []string{"b", "x", "c"}, l.names())
	require.Empty(t, l.errors())
}

// The answer to any of the renames may be lost, the one that puts aside included.
func TestTradedNamesWithLostAnswers(t *testing.T) {
	t.Parallel()
	for lost := 1; lost <= 4; lost++ {
		for _, drop := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d/drop=%t", lost, drop), func(t *testing.T) {
				t.Parallel()
				l := treeLab(t, "a", "b", "c")
				l.named("b", "c", "a")
				n := 0
				l.dirs["b"].SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate {
					if n++; n == lost {
						return memdir.Fate{Outcome: connector.Unknown, Drop: drop}
					}
					return memdir.Fate{}
				}})
				l.cycle()
				require.GreaterOrEqual(t, n, 4)
				require.Equal(t, []string{"b", "c", "a"}, l.names())
				require.Empty(t, l.errors())
			})
		}
	}
}

// Whenever the process dies, the next one finishes: at once, or after an import has seen what is
// aside.
func TestCrashAtEveryCommitOfTradedNames(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for _, imports := range []bool{false, true} {
			t.Run(fmt.Sprintf("after=%t,imports=%t", after, imports), func(t *testing.T) {
				t.Parallel()
				if testing.Short() && (!after || imports) {
					t.Skip("one of four is enough for the race detector")
				}
				aside := false
				for cut := 1; ; cut++ {
					l := treeLab(t, "a", "b")
					l.named("b", "a")
					l.stage()
					dying := &crashStore{Store: l.store, left: cut, after: after}
					l.restart(dying)
					_, err := l.engine.Run(context.WithoutCancel(t.Context()), "b", metaverse.Export, nil)
					if !dying.dead.Load() {
						require.NoError(t, err)
						break
					}
					aside = aside || slices.ContainsFunc(l.names(), func(n string) bool { return strings.HasPrefix(n, "hybridsync-") })
					l.restart(l.store)
					if imports {
						l.cycle()
					} else {
						_, err := l.engine.Run(t.Context(), "b", metaverse.Export, nil)
						require.NoError(t, err)
					}
					require.Equal(t, []string{"b", "a"}, l.names(), "died at commit %d", cut)
					l.cycle()
					require.Equal(t, []string{"b", "a"}, l.names(), "died at commit %d", cut)
					require.Empty(t, l.errors())
				}
				require.True(t, aside, "one died while an object was aside")
			})
		}
	}
}

// A database may have each transaction done twice.
func TestTradedNamesWithRepeatedTransactions(t *testing.T) {
	t.Parallel()
	l := treeLab(t, "a", "b", "c", "d")
	l.restart(twice{l.store})
	l.named("b", "a", "d", "e")
	l.stage()
	rec, err := l.engine.Run(t.Context(), "b", metaverse.Export, nil)
	require.NoError(t, err)
	require.EqualValues(t, 4, rec.Counters.Renames)
	require.Equal(t, []string{"b", "a", "d", "e"}, l.names())
	l.cycle()
	require.Empty(t, l.errors())
}
