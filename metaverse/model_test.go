package metaverse_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/rules"
)

// policy is what an administrator may change about the rules of a world.
type policy struct {
	upper    bool // display names are written in capitals
	open     bool // the secret department is exported as well
	noGroups bool // groups are not synchronised
	noLegal  bool // a filter keeps the legal department out

	pilot string // DN of a group: of people only its members are synchronised; "" for all
}

// apply gives a world the rules of a policy.
func (w *world) apply(p policy) {
	w.t.Helper()
	w.policy = p
	w.rules = testRules()
	if p.upper {
		w.rules[0].Flows[2] = expression("displayName", `UCase([displayName])`)
	}
	if p.open {
		w.rules[0].Flows = slices.DeleteFunc(w.rules[0].Flows, func(f rules.Flow) bool { return f.Target == "cloudFiltered" })
	}
	if p.noGroups {
		w.rules = slices.DeleteFunc(w.rules, func(r rules.Rule) bool { return r.ID == "in-group" })
	}
	if p.pilot != "" {
		w.rules = append(w.rules, pilot(p.pilot))
	}
	w.opts.Filters = nil
	if p.noLegal {
		w.opts.Filters = filters(w.t, "Legal")
	}
	w.reload()
}

// expected is the reference model: what the tenant must hold, computed from the directory
// and the policy at a glance, without any engine.
func (w *world) expected() map[string]map[string][]string {
	anchor := make(map[string]string) // source anchor by reference, of what is in the tenant
	for o := range w.ad.All() {
		switch {
		case o.Class == "user" && w.inScope(o):
			anchor[w.ref(o).Str()] = o.Attributes.Text("employeeID")
		case o.Class == "group" && o.Attributes.Has("description") && !w.policy.noGroups:
			anchor[w.ref(o).Str()] = o.Attributes.Text("description")
		}
	}
	out := make(map[string]map[string][]string)
	for o := range w.ad.All() {
		id, ok := anchor[w.ref(o).Str()]
		if !ok {
			continue
		}
		attrs := map[string][]string{"sourceAnchor": {id}}
		copyTo := func(name string) {
			for _, v := range o.Attributes.Values(name) {
				text := v.Text()
				if v.Kind() == attr.KindReference {
					if text = anchor[text]; text == "" {
						continue
					}
					text = "->" + text
				}
				attrs[name] = append(attrs[name], text)
			}
			slices.Sort(attrs[name])
		}
		copyTo("displayName")
		if o.Class == "group" {
			copyTo("member")
		} else {
			if w.policy.upper {
				attrs["displayName"] = []string{strings.ToUpper(o.Attributes.Text("displayName"))}
			}
			copyTo("userPrincipalName")
			copyTo("department")
			copyTo("proxyAddresses")
			copyTo("manager")
			uac, _ := o.Attributes.First("userAccountControl")
			attrs["accountEnabled"] = []string{attr.Bool(uac.Int()&2 == 0).Text()}
		}
		for name, values := range attrs {
			if len(values) == 0 {
				delete(attrs, name)
			}
		}
		out[id] = attrs
	}
	return out
}

// ref is how the on-premises directory refers to an object.
func (w *world) ref(o *connector.Object) attr.Value { return reference(w.ad, o) }

func reference(d *memdir.Directory, o *connector.Object) attr.Value {
	if d.Capabilities().References == connector.ReferenceByAnchor {
		return attr.Reference(o.Anchor.Text())
	}
	return attr.Reference(o.DN)
}

func (w *world) inScope(o *connector.Object) bool {
	return !strings.HasPrefix(o.Attributes.Text("sAMAccountName"), "svc") && o.Attributes.Has("employeeID") && w.piloted(o) &&
		(w.policy.open || o.Attributes.Text("department") != "Secret") && (!w.policy.noLegal || o.Attributes.Text("department") != "Legal")
}

// piloted reports whether an object takes part in a pilot, if there is one.
func (w *world) piloted(o *connector.Object) bool {
	if w.policy.pilot == "" {
		return true
	}
	group, err := w.ad.Get(connector.Key{DN: w.policy.pilot})
	return err == nil && !w.policy.noGroups && slices.Contains(group.Attributes.Values("member"), w.ref(o))
}

// editor makes random changes to a world's directories and rules.
type editor struct {
	*world
	n    func(limit int, label string) int // draws a number below limit
	next int

	taken metaverse.ObjectRef // what an operator has disconnected and will release

	late []connector.Change // creations that were lost, and may take effect yet

	// settled are the accounts, by source anchor, of those who have been in the tenant, in the
	// directory and in scope ever since everything was at rest.
	settled map[string]connector.Anchor
}

func (e *editor) pick(class string) *connector.Object {
	var all []*connector.Object
	for o := range e.ad.All() {
		if o.Class == class {
			all = append(all, o)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[e.n(len(all), class)]
}

// edits are what happens in the directories and to the rules.
var edits = []struct {
	name string
	do   func(e *editor, user, other, group *connector.Object)
}{
	{"create", func(e *editor, _, _, _ *connector.Object) { e.create() }},
	{"create another", func(e *editor, _, _, _ *connector.Object) { e.create() }},
	{"delete", func(e *editor, user, _, _ *connector.Object) { e.remove(user) }},
	{"delete a group", func(e *editor, _, _, group *connector.Object) { e.remove(group) }},
	{"name", func(e *editor, user, _, _ *connector.Object) {
		e.modify(user.DN, set("displayName", attr.String(fmt.Sprintf("Name %d", e.n(1000, "name")))))
	}},
	{"department", func(e *editor, user, _, _ *connector.Object) {
		e.modify(user.DN, set("department", attr.String([]string{"Sales", "Secret", "Legal"}[e.n(3, "department")])))
	}},
	{"disable", func(e *editor, user, _, _ *connector.Object) {
		e.modify(user.DN, set("userAccountControl", attr.Int([]int64{512, 514}[e.n(2, "control")])))
	}},
	{"rename", func(e *editor, user, _, _ *connector.Object) { e.rename(user, e.freshDN()) }},
	{"rename a group", func(e *editor, _, _, group *connector.Object) { e.rename(group, e.freshDN()) }},
	{"swap DNs", func(e *editor, user, other, _ *connector.Object) {
		if user.DN != other.DN {
			dn := e.freshDN()
			e.rename(user, dn)
			e.rename(other, user.DN)
			require.NoError(e.t, e.ad.Rename(connector.Key{Anchor: user.Anchor}, other.DN))
		}
	}},
	{"take over a DN", func(e *editor, user, other, _ *connector.Object) {
		if user.DN != other.DN {
			e.remove(user)
			e.rename(other, user.DN)
		}
	}},
	{"another person at the DN", func(e *editor, user, _, _ *connector.Object) {
		e.remove(user)
		e.next++
		e.user(e.next)
		e.rename(&connector.Object{DN: userDN(e.next)}, user.DN)
	}},
	{"delete and make again", func(e *editor, user, _, _ *connector.Object) {
		e.remove(user)
		// An import that ends here has seen the deletion alone, and so has who synchronises the account by
		// itself.
		if id := user.Attributes.Text("employeeID"); e.arrived != nil {
			e.arrived[id] = false
		} else {
			delete(e.settled, id)
		}
		again := connector.Object{Class: "user", DN: user.DN}
		for name, values := range user.Attributes.All() {
			if values[0].Kind() != attr.KindReference {
				again.Attributes.Put(name, values...)
			}
		}
		require.NoError(e.t, e.ad.Put(again))
	}},
	{"another class", func(e *editor, user, _, _ *connector.Object) {
		o := connector.Object{Class: "contact", DN: user.DN}
		o.Attributes.Put("displayName", user.Attributes.Values("displayName")...)
		o.Attributes.Put("employeeID", user.Attributes.Values("employeeID")...)
		require.NoError(e.t, e.ad.Put(o))
	}},
	{"manager", func(e *editor, user, other, _ *connector.Object) {
		e.modify(user.DN, set("manager", e.ref(other)))
	}},
	{"no manager", func(e *editor, user, _, _ *connector.Object) { e.modify(user.DN, set("manager")) }},
	{"join", func(e *editor, user, other, group *connector.Object) {
		e.modify(group.DN, attr.Mod{Name: "member", Adds: []attr.Value{e.ref(user), e.ref(other)}})
	}},
	{"join again", func(e *editor, user, other, group *connector.Object) {
		e.modify(group.DN, attr.Mod{Name: "member", Adds: []attr.Value{e.ref(user), e.ref(other)}})
	}},
	{"nest", func(e *editor, _, _, group *connector.Object) {
		inner := e.pick("group")
		e.modify(group.DN, attr.Mod{Name: "member", Adds: []attr.Value{e.ref(inner)}})
	}},
	{"leave", func(e *editor, _, _, group *connector.Object) {
		if members := group.Attributes.Values("member"); len(members) > 0 {
			e.modify(group.DN, attr.Mod{Name: "member", Deletes: members[:1]})
		}
	}},
	{"leave all", func(e *editor, _, _, group *connector.Object) { e.modify(group.DN, set("member")) }},
	{"other members", func(e *editor, user, other, group *connector.Object) {
		e.modify(group.DN, set("member", e.ref(user), e.ref(other)))
	}},
	{"service account", func(e *editor, user, _, _ *connector.Object) {
		e.modify(user.DN, set("sAMAccountName", attr.String([]string{"svc", "u"}[e.n(2, "service")]+number(user))))
	}},
	{"identity", func(e *editor, user, _, _ *connector.Object) {
		e.modify(user.DN, set("employeeID", e.perhaps("E"+number(user))...))
	}},
	{"identity of a group", func(e *editor, _, _, group *connector.Object) {
		e.modify(group.DN, set("description", e.perhaps("G"+number(group))...))
	}},
	{"another identity", func(e *editor, user, _, _ *connector.Object) {
		e.next++
		e.modify(user.DN, set("sAMAccountName", attr.String(fmt.Sprintf("u%d", e.next))), set("employeeID", attr.String(fmt.Sprintf("E%d", e.next))))
	}},
	{"spelling", func(e *editor, user, _, _ *connector.Object) { e.rename(user, strings.ToUpper(user.DN)) }},
	{"class again", func(e *editor, _, _, _ *connector.Object) {
		if o := e.pick("contact"); o != nil {
			e.next++
			e.user(e.next)
			again, err := e.ad.Get(connector.Key{DN: userDN(e.next)})
			require.NoError(e.t, err)
			e.remove(again)
			require.NoError(e.t, e.ad.Put(connector.Object{Class: "user", DN: o.DN, Attributes: again.Attributes}))
		}
	}},
	{"address", func(e *editor, user, _, _ *connector.Object) {
		e.modify(user.DN, attr.Mod{Name: "proxyAddresses", Adds: []attr.Value{attr.String(fmt.Sprintf("smtp:%d@x", e.n(9, "address")))}})
	}},
	{"drift", func(e *editor, _, _, _ *connector.Object) { e.drift() }},
	{"policy", func(e *editor, _, _, group *connector.Object) {
		bits := e.n(64, "policy")
		p := policy{upper: bits&1 != 0, open: bits&2 != 0, noGroups: bits&4 != 0, noLegal: bits&8 != 0}
		if bits&48 == 48 {
			p.pilot = group.DN
		}
		e.apply(p)
	}},
}

func (e *editor) edit() {
	user, group := e.pick("user"), e.pick("group")
	if user == nil || group == nil {
		e.create()
		return
	}
	what := edits[e.n(len(edits), "edit")]
	other := e.pick("user")
	e.t.Logf("%s: %s, %s, %s", what.name, user.DN, other.DN, group.DN)
	what.do(e, user, other, group)
	e.unsettle()
}

// perhaps returns a text, or none.
func (e *editor) perhaps(text string) []attr.Value {
	return []attr.Value{attr.String(text)}[e.n(2, "none"):]
}

// number is what an object's names have in common.
func number(o *connector.Object) string {
	return strings.TrimLeft(o.Attributes.Text("sAMAccountName"), "usvcg")
}

// unsettle forgets who is out of scope now: when she comes back she may get another account.
func (e *editor) unsettle() {
	want := e.expected()
	maps.DeleteFunc(e.settled, func(id string, _ connector.Anchor) bool { return want[id] == nil })
}

// nobodyDeleted requires that the settled have their accounts.
func (e *editor) nobodyDeleted() {
	e.t.Helper()
	have := e.accounts()
	for id, a := range e.settled {
		require.Equal(e.t, a, have[id], "%s was deleted by mistake", id)
	}
}

// accounts returns the anchors of the tenant's objects by their source anchors.
func (w *world) accounts() map[string]connector.Anchor {
	out := make(map[string]connector.Anchor)
	for o := range w.cloud.All() {
		out[o.Attributes.Text("sourceAnchor")] = o.Anchor
	}
	return out
}

func (e *editor) remove(o *connector.Object) {
	e.t.Helper()
	require.NoError(e.t, e.ad.Delete(connector.Key{DN: o.DN}))
}

func (e *editor) rename(o *connector.Object, dn string) {
	e.t.Helper()
	require.NoError(e.t, e.ad.Rename(connector.Key{DN: o.DN}, dn))
}

func (e *editor) freshDN() string {
	e.next++
	return fmt.Sprintf("CN=Renamed %d,OU=Other,DC=contoso,DC=test", e.next)
}

func (e *editor) create() {
	e.next++
	switch e.n(8, "create") {
	case 0, 1:
		e.group(1000 + e.next)
	case 2:
		e.user(e.next, set("sAMAccountName", attr.String(fmt.Sprintf("svc%d", e.next))))
	default:
		e.user(e.next)
	}
}

// drift is what somebody does in the cloud.
func (e *editor) drift() {
	var all []*connector.Object
	for o := range e.cloud.All() {
		all = append(all, o)
	}
	if len(all) == 0 {
		return
	}
	o := all[e.n(len(all), "drift")]
	if e.n(2, "delete") == 0 {
		require.NoError(e.t, e.cloud.Delete(o.Key()))
		delete(e.settled, o.Attributes.Text("sourceAnchor"))
	} else if o.Class == "group" && e.n(2, "members") == 0 {
		stranger := all[e.n(len(all), "stranger")]
		require.NoError(e.t, e.cloud.Modify(o.Key(), set("member", reference(e.cloud, stranger))))
	} else {
		require.NoError(e.t, e.cloud.Modify(o.Key(), set("displayName", attr.String("drift"))))
	}
}

// stumble runs one random step under a random fault, or dies at one of its commits. Its
// errors are expected.
func (e *editor) stumble() {
	opts := &metaverse.RunOptions{RetryNow: e.n(4, "retry now") == 0, PageSize: []int{0, 1, 2, 5}[e.n(4, "page size")]}
	fault, late := e.n(15, "fault"), e.late
	e.late = nil
	e.harm(fault, opts)
	good := e.store
	if fault == 7 {
		e.store = &crashStore{Store: good, left: 1 + e.n(6, "commits"), after: e.n(2, "after the commit") == 0}
		e.reload()
	}
	if fault == 11 {
		e.stage(true)
	}
	whole := e.rules
	if fault == 12 {
		e.breakRule()
	}
	var err error
	if e.n(6, "sort of step") == 0 {
		err = e.one()
	} else {
		err = e.step(opts)
	}
	e.t.Logf("fault %d: %v", fault, err)
	var step *metaverse.StepError
	if err != nil && fault != 7 {
		require.True(e.t, errors.As(err, &step), "%v", err)
	}
	e.ad.SetFaults(memdir.Faults{})
	e.cloud.SetFaults(memdir.Faults{})
	if e.store = good; fault == 7 || fault == 8 {
		e.reload() // a restart
	}
	if fault == 11 {
		e.stage(false)
	}
	if fault == 12 {
		e.rules = whole
		e.reload()
	}
	if !e.taken.Anchor.IsZero() {
		e.t.Logf("release: %v", e.engine.Release(e.t.Context(), e.taken))
		e.taken = metaverse.ObjectRef{}
	}
	late, e.late = e.late, late
	e.arrive()
	e.late = late
	e.nobodyDeleted()
}

// arrive lets creations that were lost take effect, or not.
func (e *editor) arrive() {
	for _, c := range e.late {
		o := connector.Object{Class: c.Class, DN: c.Key.DN}
		for _, m := range c.Mods {
			o.Attributes.Apply(m)
		}
		if e.n(2, "arrives") == 0 {
			e.t.Logf("arrives: %s: %v", o.DN, e.cloud.Put(o))
		}
	}
	e.late = nil
}

// breakRule gives the world a rule that fails for some people.
func (e *editor) breakRule() {
	id := []string{"in-user", "out-user"}[e.n(2, "rule")]
	e.rules = slices.Clone(e.rules)
	r := &e.rules[slices.IndexFunc(e.rules, func(r rules.Rule) bool { return r.ID == id })]
	r.Flows = slices.Clone(r.Flows)
	r.Flows[2] = expression("displayName", `IIF([department]="Sales",Error("broken"),[displayName])`)
	e.reload()
}

// harm gives the directories a fault.
func (e *editor) harm(fault int, opts *metaverse.RunOptions) {
	cut := memdir.Faults{Import: connector.ErrUnavailable, After: e.n(5, "after")}
	d := []*memdir.Directory{e.ad, e.ad, e.cloud}[e.n(3, "directory")]
	switch fault {
	case 0, 1:
		d.SetFaults(cut)
	case 2:
		d.SetFaults(memdir.Faults{ExpireWatermark: true})
	case 3:
		dropped := e.n(16, "dropped")
		e.cloud.SetFaults(memdir.Faults{Export: func(c connector.Change) memdir.Fate {
			dropped = dropped>>1 | dropped&1<<3
			if dropped&1 != 0 && c.Op == connector.OpAdd && e.fixed {
				e.late = append(e.late, c)
			}
			return memdir.Fate{Outcome: connector.Unknown, Drop: dropped&1 != 0}
		}})
	case 4:
		e.cloud.SetFaults(memdir.Faults{ExportBatch: connector.ErrUnavailable})
	case 5:
		d.SetFaults(memdir.Faults{Truncate: true, After: cut.After})
	case 6:
		bad := e.n(3, "bad")
		d.SetFaults(memdir.Faults{Item: func(k connector.Key) error {
			if k.DN != "" && (len(k.DN)+int(k.DN[len(k.DN)/2]))%3 == bad {
				return connector.ErrInvalid
			}
			return nil
		}})
	case 9: // what changes while it is read
		d.SetFaults(memdir.Faults{Page: func(int) { e.edit() }})
	case 13: // what is refused
		refused := e.n(16, "refused")
		e.cloud.SetFaults(memdir.Faults{Export: func(connector.Change) (f memdir.Fate) {
			if refused = refused>>1 | refused&1<<3; refused&1 != 0 {
				f.Outcome = connector.Rejected
			}
			return f
		}})
	case 14: // a step of the other connector meanwhile
		e.ad.SetFaults(memdir.Faults{Page: func(int) { e.beside("cloud", metaverse.DeltaSync, metaverse.FullSync, metaverse.Export) }})
		e.cloud.SetFaults(memdir.Faults{
			Page:   func(int) { e.beside("ad", metaverse.DeltaSync, metaverse.FullSync) },
			Export: func(connector.Change) (f memdir.Fate) { e.beside("ad"); return f },
		})
	case 10: // an operator stops the step
		stop := make(chan struct{})
		opts.Stop = stop
		left := cut.After + 1
		count := func() {
			if left--; left == 0 {
				close(stop)
			}
		}
		e.ad.SetFaults(memdir.Faults{Item: func(connector.Key) error { count(); return nil }})
		e.cloud.SetFaults(memdir.Faults{
			Item:   func(connector.Key) error { count(); return nil },
			Export: func(connector.Change) (f memdir.Fate) { count(); return f },
		})
	}
}

// beside runs an import, or one of some more steps, while another step runs.
func (e *editor) beside(name string, more ...metaverse.StepKind) {
	if e.n(2, "beside") == 0 {
		return
	}
	e.ad.SetFaults(memdir.Faults{})
	e.cloud.SetFaults(memdir.Faults{})
	kinds := append([]metaverse.StepKind{metaverse.DeltaImport, metaverse.FullImport}, more...)
	rec, err := e.engine.Run(e.t.Context(), name, kinds[e.n(len(kinds), "kind beside")], nil)
	e.t.Logf("beside: %s %s: %s %+v %v", name, rec.Step, rec.Result, rec.Counters, err)
}

// step runs a random step.
func (e *editor) step(opts *metaverse.RunOptions) error {
	name := []string{"ad", "cloud"}[e.n(2, "connector")]
	kinds := []metaverse.StepKind{metaverse.FullImport, metaverse.DeltaImport, metaverse.DeltaSync, metaverse.FullSync}
	if name == "cloud" {
		kinds = append(kinds, metaverse.Export, metaverse.Export)
	}
	rec, err := e.engine.Run(e.t.Context(), name, kinds[e.n(len(kinds), "step")], opts)
	e.t.Logf("stumble: %s %s: %s %+v", name, rec.Step, rec.Result, rec.Counters)
	require.NotEmpty(e.t, rec.Result)
	return err
}

// one synchronises one object, or has an operator take it out for a moment.
func (e *editor) one() error {
	o := e.pick([]string{"user", "group"}[e.n(2, "class")])
	if o == nil {
		return nil
	}
	ref := metaverse.ObjectRef{Connector: "ad", Anchor: o.Anchor}
	if e.n(3, "operator") == 0 {
		err := e.engine.Disconnect(e.t.Context(), ref)
		e.t.Logf("disconnect %s: %v", o.DN, err)
		e.ad.SetFaults(memdir.Faults{})
		e.cloud.SetFaults(memdir.Faults{})
		e.taken = ref
		clear(e.settled)
		return e.step(nil)
	}
	if a, ok := e.accounts()[o.Attributes.Text("employeeID")+o.Attributes.Text("description")]; ok && e.n(4, "side") == 0 {
		ref = metaverse.ObjectRef{Connector: "cloud", Anchor: a}
	}
	r, err := e.engine.SyncObject(e.t.Context(), ref, &metaverse.ObjectOptions{Deletes: e.n(2, "deletes") == 0, NoExport: e.n(3, "no export") == 0})
	e.t.Logf("object %s: %s, %v", o.DN, r.Result, err)
	return nil
}

func (e *editor) stage(on bool) {
	_, err := metaverse.SetStaging(e.t.Context(), e.store, on, metaverse.Staging{By: "somebody"})
	require.NoError(e.t, err)
}

// agree brings everything to rest and compares the tenant with the model.
func (e *editor) agree() {
	e.t.Helper()
	e.arrive()
	if !e.cloud.Capabilities().ReadObjects {
		e.run("cloud", metaverse.FullImport) // it may go on where an earlier one was interrupted
		e.run("cloud", metaverse.FullImport) // and nothing else tells what became of an export
	}
	e.settle()
	e.settle() // who was deleted while a full import was interrupted is told of by the delta after it
	require.Equal(e.t, e.expected(), e.tenant())
	require.Empty(e.t, e.errors())
	e.healthy()
	e.nobodyDeleted()
	e.settled = e.accounts()
}

// still requires that a full cycle finds nothing that delta cycles have missed, and that no
// step writes when it is run again.
func (e *editor) still() {
	e.t.Helper()
	require.Zero(e.t, e.initial().Objects, "full finds what delta has missed")
	before := metaversetest.Snapshot(e.t, e.store)
	for _, kind := range []metaverse.StepKind{metaverse.DeltaImport, metaverse.DeltaSync, metaverse.FullImport, metaverse.FullSync} {
		e.run("ad", kind)
		e.run("cloud", kind)
		require.Equal(e.t, before, metaversetest.Snapshot(e.t, e.store), "%s", kind)
		require.Empty(e.t, e.world.queue())
	}
	require.Zero(e.t, e.run("cloud", metaverse.Export).Objects)
	require.Equal(e.t, before, metaversetest.Snapshot(e.t, e.store))
}

// Whatever happens in the directories, to the rules and to the process, the tenant ends up as
// the model says. Thousands of sequences are tried with
//
//	go test ./metaverse -run TestRandomEditsAgreeWithTheModel -rapid.checks=5000
//
// A sequence that fails is shrunk and kept in testdata/rapid, where every later run tries it
// first.
func TestRandomEditsAgreeWithTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { runModel(t, func(*world) {}) })
}

// shape draws what the directories of a world can do.
func (w *world) shape(t *rapid.T) {
	ad, cloud := memdir.Options{}, cloudOptions(cloudSchema())
	switch rapid.IntRange(0, 9).Draw(t, "shape") {
	case 0:
		ad.FullOnly = true
	case 1:
		ad.FullOnly, ad.NoRead = true, true
	case 2:
		cloud.FullOnly = true
	case 3:
		ad.References = connector.ReferenceByAnchor
	case 4:
		cloud.References, cloud.ReferencesLast = connector.ReferenceByDN, false
	case 5:
		cloud.NoRead = true
	case 6, 7:
		w.fixed = true
	}
	var err error
	w.ad, err = memdir.New("ad", &ad)
	require.NoError(t, err)
	w.cloud, err = memdir.New("cloud", &cloud)
	require.NoError(t, err)
}

// runModel tries one sequence, on a world that change may give another store.
func runModel(t *rapid.T, change func(*world)) {
	w := newWorld(t)
	w.shape(t)
	change(w)
	w.opts.ImportHold.Fraction = -1
	w.opts.Batch = rapid.SampledFrom([]int{1, 3, 7, 100}).Draw(t, "batch")
	w.reload()
	e := &editor{world: w, n: func(limit int, label string) int { return rapid.IntRange(0, limit-1).Draw(t, label) }}
	for range 4 {
		e.create()
	}
	w.initial()
	for range rapid.IntRange(1, 12).Draw(t, "rounds") {
		for range 1 + e.n(6, "edits") {
			e.edit()
		}
		for range e.n(4, "stumbles") {
			e.stumble()
		}
		if e.n(3, "agree") == 0 {
			e.agree()
		}
	}
	e.agree()
	e.still()
}
