package metaverse_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/rules"
)

// tb is what the helpers need of a test. Property tests have it, too.
type tb interface {
	require.TestingT
	Helper()
	Context() context.Context
	Cleanup(fn func())
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// world is a small deployment: one on-premises directory, one cloud directory, an engine.
type world struct {
	t      tb
	ad     *memdir.Directory
	cloud  *memdir.Directory
	store  metaverse.Store
	engine *metaverse.Engine
	opts   metaverse.Options
	rules  []rules.Rule
	policy policy
	fixed  bool // the DNs of the cloud directory follow from what its objects are

	arrived map[string]bool // by source anchor, of nobodyLost: in scope ever since it came
}

// patience is a lease period that no test outlasts, however slow the machine is: with the race detector
// and much else to do, a transaction may take longer than the default.
const patience = time.Hour

func newWorld(t tb) *world {
	t.Helper()
	return newWorldOn(t, cloudSchema())
}

// newWorldOn has a cloud directory with a schema of the test's own.
func newWorldOn(t tb, schema *connector.Schema) *world {
	t.Helper()
	w := &world{t: t, rules: testRules(), opts: metaverse.Options{LeasePeriod: patience}}
	var err error
	w.ad, err = memdir.New("ad", nil)
	require.NoError(t, err)
	cloud := cloudOptions(schema)
	w.cloud, err = memdir.New("cloud", &cloud)
	require.NoError(t, err)
	store, err := sqlstore.OpenMemory(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	w.store = store
	w.reload()
	return w
}

func cloudOptions(schema *connector.Schema) memdir.Options {
	return memdir.Options{
		References: connector.ReferenceByAnchor, ReferencesLast: true, Schema: schema,
		Unique: []string{"userPrincipalName", "sourceAnchor"},
	}
}

// reload makes a new engine, as a restarted process would.
func (w *world) reload() {
	w.t.Helper()
	set, err := rules.Compile(w.rules, &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(w.t, err)
	connectors := []connector.Connector{w.ad, w.cloud}
	if w.fixed {
		connectors[1] = fixed{w.cloud}
	}
	w.engine, err = metaverse.New(w.store, set, connectors, &w.opts)
	require.NoError(w.t, err)
}

func (w *world) run(name string, kind metaverse.StepKind) *metaverse.RunRecord {
	w.t.Helper()
	rec, err := w.engine.Run(w.t.Context(), name, kind, nil)
	require.NoError(w.t, err)
	return rec
}

// cycle runs one cycle and returns the record of the export to the cloud.
func (w *world) cycle(imp, sync metaverse.StepKind) *metaverse.RunRecord {
	w.t.Helper()
	for _, kind := range []metaverse.StepKind{imp, sync} {
		w.run("ad", kind)
		w.run("cloud", kind)
	}
	return w.run("cloud", metaverse.Export)
}

func (w *world) initial() *metaverse.RunRecord {
	return w.cycle(metaverse.FullImport, metaverse.FullSync)
}
func (w *world) delta() *metaverse.RunRecord {
	return w.cycle(metaverse.DeltaImport, metaverse.DeltaSync)
}

// settle runs delta cycles until one writes nothing, and fails after a few.
func (w *world) settle() {
	w.t.Helper()
	for range 5 {
		rec := w.delta()
		if rec.Objects == 0 && w.counts("ad").PendingImport+w.counts("cloud").PendingImport == 0 {
			return
		}
	}
	for _, e := range w.errors() {
		w.t.Logf("%+v", e)
	}
	w.t.Fatalf("delta cycles keep writing")
}

func (w *world) user(i int, mods ...attr.Mod) {
	w.t.Helper()
	o := connector.Object{Class: "user", DN: userDN(i)}
	o.Attributes.Put("sAMAccountName", attr.String(fmt.Sprintf("u%d", i)))
	o.Attributes.Put("userPrincipalName", attr.String(fmt.Sprintf("u%d@contoso.test", i)))
	o.Attributes.Put("displayName", attr.String(fmt.Sprintf("User %d", i)))
	o.Attributes.Put("employeeID", attr.String(fmt.Sprintf("E%d", i)))
	o.Attributes.Put("userAccountControl", attr.Int(512))
	for _, m := range mods {
		o.Attributes.Apply(m)
	}
	require.NoError(w.t, w.ad.Put(o))
}

func (w *world) group(i int) {
	w.t.Helper()
	o := connector.Object{Class: "group", DN: groupDN(i)}
	o.Attributes.Put("sAMAccountName", attr.String(fmt.Sprintf("g%d", i)))
	o.Attributes.Put("displayName", attr.String(fmt.Sprintf("Group %d", i)))
	o.Attributes.Put("description", attr.String(fmt.Sprintf("G%d", i)))
	require.NoError(w.t, w.ad.Put(o))
}

// join makes objects members of a group.
func (w *world) join(group int, members ...string) {
	w.t.Helper()
	m := attr.Mod{Name: "member"}
	for _, dn := range members {
		m.Adds = append(m.Adds, attr.Reference(dn))
	}
	w.modify(groupDN(group), m)
}

func (w *world) modify(dn string, mods ...attr.Mod) {
	w.t.Helper()
	require.NoError(w.t, w.ad.Modify(connector.Key{DN: dn}, mods...))
}

func userDN(i int) string  { return fmt.Sprintf("CN=User %d,OU=People,DC=contoso,DC=test", i) }
func groupDN(i int) string { return fmt.Sprintf("CN=Group %d,OU=Groups,DC=contoso,DC=test", i) }

func set(name string, values ...attr.Value) attr.Mod {
	return attr.Mod{Name: name, Replace: true, Adds: values}
}

// tenant describes the cloud directory by source anchors, so that states can be compared
// without regard to the anchors that the directory assigned.
func (w *world) tenant() map[string]map[string][]string {
	names := make(map[string]string)
	for o := range w.cloud.All() {
		names[reference(w.cloud, o).Str()] = o.Attributes.Text("sourceAnchor")
	}
	out := make(map[string]map[string][]string)
	for o := range w.cloud.All() {
		attrs := make(map[string][]string)
		for name, values := range o.Attributes.All() {
			for _, v := range values {
				text := v.Text()
				if v.Kind() == attr.KindReference {
					text = "->" + names[text]
				}
				attrs[name] = append(attrs[name], text)
			}
			slices.Sort(attrs[name])
		}
		key := o.Attributes.Text("sourceAnchor")
		if _, twice := out[key]; twice {
			w.t.Errorf("two objects of the tenant have the source anchor %q", key)
		}
		out[key] = attrs
	}
	return out
}

// members returns the source anchors of a cloud group's members.
func (w *world) members(anchor string) []string { return w.tenant()[anchor]["member"] }

func (w *world) anchors() []string { return slices.Sorted(maps.Keys(w.tenant())) }

func (w *world) errors() []metaverse.ObjectError {
	w.t.Helper()
	var errs []metaverse.ObjectError
	require.NoError(w.t, w.store.View(w.t.Context(), func(rd metaverse.Reader) (err error) {
		errs, err = rd.ObjectErrors("", -1, 1000)
		return err
	}))
	return errs
}

// healthy requires that everything in the store fits together.
func (w *world) healthy() {
	w.t.Helper()
	if s, ok := w.store.(*sqlstore.Store); ok {
		problems, err := s.Check(w.t.Context())
		require.NoError(w.t, err)
		require.Empty(w.t, problems)
	}
}

func (w *world) counts(name string) metaverse.CSCounts {
	w.t.Helper()
	var c metaverse.CSCounts
	require.NoError(w.t, w.store.View(context.Background(), func(rd metaverse.Reader) (err error) {
		c, err = rd.CountCS(name)
		return err
	}))
	return c
}

func cloudSchema() *connector.Schema {
	s := &connector.Schema{}
	for _, name := range []string{"userPrincipalName", "displayName", "department", "sourceAnchor"} {
		s.Attributes = append(s.Attributes, connector.Attribute{Name: name, Kind: attr.KindString})
	}
	s.Attributes = append(s.Attributes,
		connector.Attribute{Name: "accountEnabled", Kind: attr.KindBool},
		connector.Attribute{Name: "proxyAddresses", Kind: attr.KindString, MultiValued: true},
		connector.Attribute{Name: "manager", Kind: attr.KindReference},
		connector.Attribute{Name: "member", Kind: attr.KindReference, MultiValued: true},
	)
	s.Classes = []connector.Class{
		{Name: "user", Export: true, Attributes: []string{"userPrincipalName", "displayName", "department", "sourceAnchor", "accountEnabled", "proxyAddresses", "manager"}},
		{Name: "group", Export: true, Attributes: []string{"displayName", "sourceAnchor", "member"}},
	}
	return s
}

func testMetaverse() *rules.MetaverseSchema {
	m := &rules.MetaverseSchema{Classes: []string{"person", "group"}}
	for name, kind := range map[string]attr.Kind{
		"accountName": attr.KindString, "userPrincipalName": attr.KindString, "displayName": attr.KindString,
		"department": attr.KindString, "sourceAnchor": attr.KindString, "cloudSourceAnchor": attr.KindString,
		"accountEnabled": attr.KindBool, "cloudFiltered": attr.KindBool, "memberCount": attr.KindInt,
	} {
		m.Attributes = append(m.Attributes, rules.MetaverseAttribute{Name: name, Kind: kind})
	}
	m.Attributes = append(m.Attributes,
		rules.MetaverseAttribute{Name: "proxyAddresses", Kind: attr.KindString, MultiValued: true},
		rules.MetaverseAttribute{Name: "manager", Kind: attr.KindReference},
		rules.MetaverseAttribute{Name: "member", Kind: attr.KindReference, MultiValued: true})
	slices.SortFunc(m.Attributes, func(a, b rules.MetaverseAttribute) int { return attr.CompareNames(a.Name, b.Name) })
	return m
}

func direct(target, source string) rules.Flow {
	return rules.Flow{Target: target, Type: rules.Direct, Source: []string{source}, Merge: rules.Update}
}

func expression(target, text string) rules.Flow {
	return rules.Flow{Target: target, Type: rules.Expression, Expression: text, Merge: rules.Update}
}

// testRules is a rule set small enough to be understood at a glance.
func testRules() []rules.Rule {
	anchorJoin := []rules.JoinGroup{{{CS: "sourceAnchor", MV: "sourceAnchor", CaseSensitive: true}}}
	return []rules.Rule{
		{ID: "in-user", Name: "In from AD - User", Direction: rules.Inbound, Connector: "ad", SourceType: "user", TargetType: "person",
			LinkType: rules.Provision, Precedence: 100,
			Scope: []rules.ScopeGroup{{{Attribute: "sAMAccountName", Operator: rules.NotStartsWith, Value: "svc"}}},
			Flows: []rules.Flow{
				direct("accountName", "sAMAccountName"), direct("userPrincipalName", "userPrincipalName"),
				direct("displayName", "displayName"), direct("department", "department"), direct("proxyAddresses", "proxyAddresses"),
				direct("sourceAnchor", "employeeID"), direct("manager", "manager"),
				expression("accountEnabled", `BitAnd([userAccountControl],2) = 0`),
				expression("cloudFiltered", `IIF([department] = "Secret",True,NULL)`),
			}},
		{ID: "in-group", Name: "In from AD - Group", Direction: rules.Inbound, Connector: "ad", SourceType: "group", TargetType: "group",
			LinkType: rules.Provision, Precedence: 101,
			Flows: []rules.Flow{
				direct("displayName", "displayName"), direct("sourceAnchor", "description"), direct("member", "member"),
				expression("memberCount", `ValueCount("member")`),
			}},
		{ID: "in-cloud-user", Name: "In from cloud - User Join", Direction: rules.Inbound, Connector: "cloud", SourceType: "user", TargetType: "person",
			LinkType: rules.Join, Precedence: 102, Join: anchorJoin,
			Flows: []rules.Flow{expression("cloudSourceAnchor", `ImportedValue("sourceAnchor")`)}},
		{ID: "in-cloud-group", Name: "In from cloud - Group Join", Direction: rules.Inbound, Connector: "cloud", SourceType: "group", TargetType: "group",
			LinkType: rules.Join, Precedence: 103, Join: anchorJoin,
			Flows: []rules.Flow{expression("cloudSourceAnchor", `ImportedValue("sourceAnchor")`)}},
		{ID: "out-user", Name: "Out to cloud - User", Direction: rules.Outbound, Connector: "cloud", SourceType: "person", TargetType: "user",
			LinkType: rules.Provision, Precedence: 104, Join: anchorJoin,
			Scope: []rules.ScopeGroup{{
				{Attribute: "sourceAnchor", Operator: rules.IsNotNull}, {Attribute: "cloudFiltered", Operator: rules.NotEqual, Value: "True"},
			}},
			Flows: []rules.Flow{
				direct("sourceAnchor", "sourceAnchor"), direct("userPrincipalName", "userPrincipalName"), direct("displayName", "displayName"),
				direct("department", "department"), direct("accountEnabled", "accountEnabled"), direct("proxyAddresses", "proxyAddresses"),
				direct("manager", "manager"),
				expression("dn", `"CN={" & ConvertToUTF8Hex([sourceAnchor]) & "}"`),
			}},
		{ID: "out-group", Name: "Out to cloud - Group", Direction: rules.Outbound, Connector: "cloud", SourceType: "group", TargetType: "group",
			LinkType: rules.Provision, Precedence: 105, Join: anchorJoin,
			Scope: []rules.ScopeGroup{{{Attribute: "sourceAnchor", Operator: rules.IsNotNull}}},
			Flows: []rules.Flow{
				direct("sourceAnchor", "sourceAnchor"), direct("displayName", "displayName"), direct("member", "member"),
				expression("dn", `"CN={" & ConvertToUTF8Hex([sourceAnchor]) & "}"`),
			}},
	}
}
