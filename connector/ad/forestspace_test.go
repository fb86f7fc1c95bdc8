package ad_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/rules"
)

// A space is the connector space that the engine makes of what a forest tells.
type space struct {
	t      testing.TB
	wood   *wood
	store  metaverse.Store
	engine *metaverse.Engine
}

func newSpace(t testing.TB, w *wood, f *ad.Forest) *space {
	t.Helper()
	set, err := rules.Compile([]rules.Rule{
		{ID: "user", Name: "user", Direction: rules.Inbound, Connector: "contoso", SourceType: "user", TargetType: "person", LinkType: rules.Provision,
			Precedence: 1, Flows: []rules.Flow{{Type: rules.Direct, Target: "displayName", Source: []string{"displayName"}}}},
		{ID: "group", Name: "group", Direction: rules.Inbound, Connector: "contoso", SourceType: "group", TargetType: "group", LinkType: rules.Provision,
			Precedence: 2, Flows: []rules.Flow{{Type: rules.Direct, Target: "member", Source: []string{"member"}}}},
	}, &rules.CompileOptions{Metaverse: &rules.MetaverseSchema{Classes: []string{"person", "group"}, Attributes: []rules.MetaverseAttribute{
		{Name: "displayName", Kind: attr.KindString}, {Name: "member", Kind: attr.KindReference, MultiValued: true}}}})
	require.NoError(t, err)
	s := &space{t: t, wood: w, store: metaversetest.NewMemory()}
	t.Cleanup(func() { require.NoError(t, s.store.Close()) })
	s.engine, err = metaverse.New(s.store, set, []connector.Connector{f}, &metaverse.Options{Batch: 7, ImportHold: metaverse.ImportHold{Fraction: -1}})
	require.NoError(t, err)
	return s
}

func (s *space) run(kind metaverse.StepKind) error {
	_, err := s.engine.Run(s.t.Context(), "contoso", kind, nil)
	return err
}

// equal holds the names and the members in the connector space against the domains.
func (s *space) equal(hint string) {
	s.t.Helper()
	err := s.store.View(s.t.Context(), func(rd metaverse.Reader) error {
		all, err := rd.ScanCS("contoso", 0, 1<<20)
		require.NoError(s.t, err)
		byAnchor := map[string]*metaverse.CSObject{}
		names := map[metaverse.CSID]string{}
		for _, o := range all {
			if o.State != metaverse.Placeholder && o.Pending != metaverse.ImportDelete {
				names[o.ID], byAnchor[o.Anchor.Raw()] = o.DN, o
			}
		}
		for _, dc := range s.wood.dcs {
			for _, o := range dc.Dump() {
				if o.Class != "user" && o.Class != "group" {
					continue
				}
				got := byAnchor[string(o.GUID[:])]
				require.NotNilf(s.t, got, "%s: %s is missing", hint, o.DN)
				require.Equal(s.t, o.DN, got.DN, hint)
				delete(byAnchor, string(o.GUID[:]))
				if !strings.HasPrefix(o.DN, "CN=team,") {
					continue
				}
				ids, err := rd.CSRefs(got.ID, "member", 0, 0)
				require.NoError(s.t, err)
				members := []string{}
				for _, id := range ids {
					if names[id] != "" { // she exists
						members = append(members, names[id])
					}
				}
				slices.Sort(members)
				want := append([]string{}, o.Attrs["member"]...)
				slices.Sort(want)
				require.Equalf(s.t, want, members, "%s: members of %s", hint, o.DN)
			}
		}
		require.Empty(s.t, byAnchor, hint)
		return nil
	})
	require.NoError(s.t, err)
}

// Whoever moves between domains while imports go on keeps her memberships in the connector space of the engine,
// and who left a group has left it: one delta import at rest makes good what those before it could not
// know. HYBRIDSYNC_LONG makes it longer.
func TestForestSpaceByChance(t *testing.T) {
	t.Parallel()
	seeds := uint64(4)
	switch {
	case testing.Short():
		seeds = 1
	case os.Getenv("HYBRIDSYNC_LONG") != "":
		seeds = 100
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newShuffle(t, seed, adtest.Options{MaxPageSize: 5, SilentMoves: seed%2 == 1})
			at := newSpace(t, s.wood, s.forest(t))
			require.NoError(t, at.run(metaverse.FullImport))
			at.equal("at the beginning")
			for step := range 12 {
				kind := metaverse.DeltaImport
				if step%5 == 4 {
					kind = metaverse.FullImport
				}
				s.meanwhile(true)
				err := at.run(kind)
				s.meanwhile(false)
				if err != nil {
					require.ErrorIs(t, err, connector.ErrUnavailable, "step %d", step)
				}
				if step%3 == 2 {
					require.NoError(t, at.run(metaverse.DeltaImport))
					at.equal(fmt.Sprintf("after step %d (%v)", step, err))
				}
			}
		})
	}
}
