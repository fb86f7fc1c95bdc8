package metaverse_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// filters keeps people of a department out.
func filters(t tb, department string) *rules.Set {
	t.Helper()
	set, err := rules.Compile([]rules.Rule{{
		ID: "filter", Name: "Contractors stay out", Direction: rules.Inbound, Connector: "ad", SourceType: "user", TargetType: "person",
		LinkType: rules.Join, Precedence: 1, Scope: []rules.ScopeGroup{{{Attribute: "department", Operator: rules.Equal, Value: department}}},
	}}, &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(t, err)
	return set
}

func (w *world) state(dn string) string {
	w.t.Helper()
	page, err := w.engine.SearchCS(w.t.Context(), metaverse.CSQuery{Connector: "ad", DN: dn})
	require.NoError(w.t, err)
	require.Len(w.t, page.Objects, 1)
	return page.Objects[0].State
}

// What a filter keeps out neither projects nor joins, leaves when it was in, and comes back
// when the filter lets it.
func TestFilteredDisconnectors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.opts.Filters = filters(t, "Contractor")
	w.reload()
	contractor := set("department", attr.String("Contractor"))
	w.user(1, contractor)
	w.user(2)
	w.group(1)
	w.join(1, userDN(1), userDN(2))
	w.initial()
	w.settle()
	require.Equal(t, "filtered-disconnector", w.state(userDN(1)))
	require.Equal(t, []string{"E2", "G1"}, w.anchors())
	require.Equal(t, []string{"->E2"}, w.members("G1"))
	require.Zero(t, w.initial().Objects)

	w.modify(userDN(2), contractor)
	w.settle()
	require.Equal(t, []string{"G1"}, w.anchors(), "one that was in leaves")
	require.Equal(t, "filtered-disconnector", w.state(userDN(2)))
	w.modify(userDN(1), set("department"))
	w.settle()
	require.Equal(t, "connected", w.state(userDN(1)))
	require.Equal(t, []string{"->E1"}, w.members("G1"), "with its memberships")

	w.opts.Filters = filters(t, "Nobody")
	w.reload()
	w.run("ad", metaverse.DeltaImport)
	require.Equal(t, metaverse.WidenRulesChanged, w.run("ad", metaverse.DeltaSync).Widened, "a changed filter is noticed")
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Empty(t, w.errors())
	w.healthy()

	w.opts.Filters = filters(t, "Contractor")
	w.reload()
	w.settle()
	require.Equal(t, "filtered-disconnector", w.state(userDN(2)))
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(2)}))
	w.settle()
	w.opts.Filters = nil
	w.reload()
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	w.healthy()
}

func TestBadFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bad, err := rules.Compile(testRules(), &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(t, err)
	good, err := rules.Compile(w.rules, &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(t, err)
	_, err = metaverse.New(w.store, good, []connector.Connector{w.ad, w.cloud}, &metaverse.Options{Filters: bad})
	require.ErrorContains(t, err, "is not inbound")
}

// reschemed is a directory whose schema has changed.
type reschemed struct {
	*memdir.Directory
	schema *connector.Schema
}

func (r *reschemed) Schema(context.Context) (*connector.Schema, error) { return r.schema, nil }

// A schema that changes what can be written makes everything be evaluated, and says so.
func TestChangedSchemaIsNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1, set("department", attr.String("Sales")))
	w.initial()
	w.settle()
	schema := cloudSchema()
	a, _ := schema.Attribute("department")
	a.ReadOnly = true
	set, err := rules.Compile(w.rules, &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(t, err)
	w.engine, err = metaverse.New(w.store, set, []connector.Connector{w.ad, &reschemed{w.cloud, schema}}, nil)
	require.NoError(t, err)
	rec := w.run("ad", metaverse.DeltaSync)
	require.Equal(t, metaverse.WidenSchemaChanged, rec.Widened)
	require.NotZero(t, rec.Counters.Evaluated)
	require.Contains(t, rec.Notes, "the schema of a directory has changed since the last synchronisation: every object was evaluated")
	require.Zero(t, w.run("ad", metaverse.DeltaSync).Counters.Evaluated)
	w.reload()
	require.Equal(t, metaverse.WidenSchemaChanged, w.run("ad", metaverse.DeltaSync).Widened)
}

// A store that holds objects of a connector which is not configured any more is not taken for
// one whose objects are gone.
func TestRemovedConnector(t *testing.T) {
	t.Parallel()
	w := populated(t)
	var kept []rules.Rule
	for _, r := range w.rules {
		if r.Connector == "ad" {
			kept = append(kept, r)
		}
	}
	before := w.tenant()
	set, err := rules.Compile(kept, &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(t, err)
	w.engine, err = metaverse.New(w.store, set, []connector.Connector{w.ad}, nil)
	require.NoError(t, err)
	w.run("ad", metaverse.DeltaImport)
	rec, err := w.engine.Run(t.Context(), "ad", metaverse.DeltaSync, nil)
	require.ErrorContains(t, err, `"cloud"`)
	require.Zero(t, rec.Counters.Evaluated)
	w.reload()
	w.settle()
	require.Equal(t, before, w.tenant())
}
