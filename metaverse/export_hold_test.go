package metaverse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// anchorWorld writes the source anchor back to an attribute of the on-premises directory.
func anchorWorld(t *testing.T) *world {
	w := newWorld(t)
	w.rules = append(w.rules, rules.Rule{ID: "out-anchor", Name: "Out to AD - Anchor", Direction: rules.Outbound, Connector: "ad",
		SourceType: "person", TargetType: "user", LinkType: rules.Join, Precedence: 200, Flows: []rules.Flow{direct("info", "sourceAnchor")}})
	w.opts.AnchorAttribute = "info"
	w.reload()
	return w
}

// An identity is not made known to the cloud before its source anchor has been written.
func TestAnchorIsWrittenBeforeTheCloudKnows(t *testing.T) {
	t.Parallel()
	w := anchorWorld(t)
	for i := range 5 {
		w.user(i)
	}
	w.user(5, attr.Mod{Name: "info", Adds: []attr.Value{attr.String("E5")}}) // has it already
	rec := w.initial()
	require.EqualValues(t, 1, rec.Counters.Adds)
	require.Equal(t, []string{"5 objects are not created yet: their source anchor has not been written to info"}, rec.Notes)

	require.EqualValues(t, 5, w.run("ad", metaverse.Export).Counters.Updates)
	rec = w.run("cloud", metaverse.Export)
	require.EqualValues(t, 5, rec.Counters.Adds, "written is enough, it need not be confirmed")
	require.Empty(t, rec.Notes)
	w.settle()
	require.Equal(t, 6, w.cloud.Len())
}

// Who cannot be given the source anchor stays out of the cloud; nobody else waits.
func TestRefusedAnchorHoldsTheIdentityBack(t *testing.T) {
	t.Parallel()
	w := anchorWorld(t)
	for i := range 4 {
		w.user(i)
	}
	w.user(4, attr.Mod{Name: "info", Adds: []attr.Value{attr.String("E4")}}) // so that the directory has the attribute
	w.initial()
	w.ad.SetFaults(memdir.Faults{Export: func(c connector.Change) memdir.Fate {
		if c.Key.DN == userDN(2) {
			return memdir.Fate{Outcome: connector.Rejected}
		}
		return memdir.Fate{}
	}})
	require.EqualValues(t, 1, w.run("ad", metaverse.Export).Counters.Errors)
	rec := w.run("cloud", metaverse.Export)
	require.EqualValues(t, 3, rec.Counters.Adds)
	require.Len(t, rec.Notes, 1)

	w.ad.SetFaults(memdir.Faults{}) // the permission has been given
	w.run("ad", metaverse.Export)
	require.EqualValues(t, 1, w.run("cloud", metaverse.Export).Counters.Adds)
}
