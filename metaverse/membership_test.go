package metaverse_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// members returns the source anchors of what the groups of a lab's cloud refer to.
func (l *lab) members() (out []string) {
	names := make(map[string]string)
	for o := range l.dirs["cloud"].All() {
		names[o.Anchor.Text()] = o.Attributes.Text("sourceAnchor")
	}
	for o := range l.dirs["cloud"].All() {
		for _, v := range o.Attributes.Values("member") {
			out = append(out, names[v.Str()])
		}
	}
	slices.Sort(out)
	return out
}

// raw counts the member values that the store has of groups of forest a.
func (l *lab) raw() (n int64) {
	l.t.Helper()
	require.NoError(l.t, l.store.View(l.t.Context(), func(rd metaverse.Reader) error {
		page, err := rd.ScanCS("a", 0, 100)
		for _, o := range page {
			if o.Class == "group" {
				c, err := rd.CountCSRefs(o.ID, "member")
				if err != nil {
					return err
				}
				n += c
			}
		}
		return err
	}))
	return n
}

// A member whose object is deleted leaves the group's exports at once, also where the directory
// does not say that the group has changed, and where its person lives on through another forest. The
// reference itself stays: should the object come back, so does the membership.
func TestDeletedMembersLeaveAtOnce(t *testing.T) {
	t.Parallel()
	group := rules.Rule{ID: "in-group", Name: "in-group", Direction: rules.Inbound, Connector: "a", SourceType: "group", TargetType: "group",
		LinkType: rules.Provision, Precedence: 102, Flows: []rules.Flow{direct("sourceAnchor", "sAMAccountName"), direct("member", "member")}}
	outGroup := rules.Rule{ID: "out-group", Name: "out-group", Direction: rules.Outbound, Connector: "cloud", SourceType: "group", TargetType: "group",
		LinkType: rules.Provision, Precedence: 501, Flows: []rules.Flow{direct("sourceAnchor", "sourceAnchor"), direct("member", "member")}}
	people := append(userFlows(), direct("sourceAnchor", "employeeID"))
	l := newLab(t)
	loose, err := memdir.New("a", &memdir.Options{LooseReferences: true})
	require.NoError(t, err)
	l.dirs["a"] = loose
	l.compile(inbound("in-a", "a", "user", rules.Provision, 100, []rules.JoinGroup{on("mail", "mail")}, people...),
		inbound("in-b", "b", "user", rules.Provision, 101, []rules.JoinGroup{on("mail", "mail")}, people...), group, outUser(), outGroup)
	for _, dir := range []string{"a", "b"} {
		l.put(dir, "user", "CN=Ann,DC="+dir, "employeeID", "7", "mail", "ann@contoso.test")
	}
	l.put("a", "user", "CN=Bob,DC=a", "employeeID", "8", "mail", "bob@contoso.test")
	l.put("a", "user", "CN=Eve,DC=a", "employeeID", "9", "mail", "eve@contoso.test")
	l.put("a", "group", "CN=Team,DC=a", "sAMAccountName", "team")
	l.refer("a", "CN=Team,DC=a", "member", "CN=Ann,DC=a", "CN=Bob,DC=a", "CN=Eve,DC=a")
	l.cycle()
	require.Equal(t, []string{"7", "8", "9"}, l.members())

	ann, err := loose.Get(connector.Key{DN: "CN=Ann,DC=a"})
	require.NoError(t, err)
	l.remove("a", "CN=Ann,DC=a")
	l.remove("a", "CN=Bob,DC=a")
	delta := func(name string, kind metaverse.StepKind) *metaverse.RunRecord {
		rec, err := l.engine.Run(t.Context(), name, kind, nil)
		require.NoError(t, err)
		return rec
	}
	require.Zero(t, delta("a", metaverse.DeltaImport).Counters.Updates, "the directory says nothing of the group")
	delta("a", metaverse.DeltaSync)
	rec := delta("cloud", metaverse.Export)
	require.EqualValues(t, 1, rec.Counters.RefDeletes, "Ann lives on, and is no member; Bob is gone with all that is his")
	require.EqualValues(t, 1, rec.Counters.Deletes)
	require.Equal(t, []string{"9"}, l.members())
	require.Equal(t, map[string]string{"7": "user", "9": "user", "team": "group"}, l.cloud())
	require.EqualValues(t, 3, l.raw(), "what the directory says is kept")
	l.cycle()

	require.NoError(t, loose.Put(connector.Object{Class: "user", DN: "CN=Ann,DC=a", Anchor: ann.Anchor, Attributes: ann.Attributes}))
	l.cycle()
	require.Equal(t, []string{"7", "9"}, l.members(), "taken out of the recycle bin")
	for _, name := range l.order {
		delta(name, metaverse.FullImport)
		delta(name, metaverse.FullSync)
	}
	require.Equal(t, []string{"7", "9"}, l.members())
	require.Zero(t, delta("cloud", metaverse.Export).Objects)
}

// Whatever comes, goes and comes again at the same DN, the members of groups in the tenant are those
// whose objects are there, in a directory that leaves references as they are.
func TestLooseReferencesAgreeWithTheModel(t *testing.T) {
	t.Parallel()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		if runs++; testing.Short() && runs > 10 {
			return
		}
		w := newWorld(rt)
		var err error
		w.ad, err = memdir.New("ad", &memdir.Options{LooseReferences: true})
		require.NoError(rt, err)
		w.opts.ImportHold.Fraction, w.opts.DeletionThreshold = -1, -1
		w.reload()
		w.group(1)
		w.user(100) // somebody is there always
		w.initial()
		there := make(map[int]bool)
		born := 0
		for range rapid.IntRange(1, 5).Draw(rt, "cycles") {
			for range rapid.IntRange(1, 6).Draw(rt, "edits") {
				i := rapid.IntRange(1, 3).Draw(rt, "user")
				switch rapid.IntRange(0, 3).Draw(rt, "edit") {
				case 0:
					if there[i] {
						require.NoError(rt, w.ad.Delete(connector.Key{DN: userDN(i)}))
						there[i] = false
					}
				case 1:
					if !there[i] {
						born++
						w.user(i, set("employeeID", attr.String("E"+string(rune('A'+born)))))
						there[i] = true
					}
				case 2:
					w.join(1, userDN(i))
				case 3:
					w.modify(groupDN(1), attr.Mod{Name: "member", Deletes: []attr.Value{attr.Reference(userDN(i))}})
				}
			}
			w.settle()
			require.Equal(rt, w.expected(), w.tenant())
			w.healthy()
		}
		w.initial()
		require.Equal(rt, w.expected(), w.tenant(), "a full cycle finds nothing else")
	})
}
