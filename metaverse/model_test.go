package metaverse_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
)

// expected is the reference model: what the tenant must hold, computed from the directory
// at a glance, without any engine.
func (w *world) expected() map[string]map[string][]string {
	anchor := make(map[string]string) // source anchor by DN, of what is in the tenant
	for o := range w.ad.All() {
		switch {
		case o.Class == "user" && inScope(o):
			anchor[o.DN] = o.Attributes.Text("employeeID")
		case o.Class == "group" && o.Attributes.Has("description"):
			anchor[o.DN] = o.Attributes.Text("description")
		}
	}
	out := make(map[string]map[string][]string)
	for o := range w.ad.All() {
		id, ok := anchor[o.DN]
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

func inScope(o *connector.Object) bool {
	return !strings.HasPrefix(o.Attributes.Text("sAMAccountName"), "svc") && o.Attributes.Has("employeeID") &&
		o.Attributes.Text("department") != "Secret"
}

// editor makes random changes to a world's directories.
type editor struct {
	*world
	rng  *rand.Rand
	next int
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
	return all[e.rng.IntN(len(all))]
}

func (e *editor) edit() {
	user, group, other := e.pick("user"), e.pick("group"), e.pick("user")
	if user == nil || group == nil {
		e.create()
		return
	}
	kind := e.rng.IntN(14)
	e.t.Logf("edit %d: %s, %s, %s", kind, user.DN, group.DN, other.DN)
	switch kind {
	case 0, 1:
		e.create()
	case 2:
		require.NoError(e.t, e.ad.Delete(user.Key()))
	case 3:
		e.modify(user.DN, set("displayName", attr.String(fmt.Sprintf("Name %d", e.rng.IntN(1000)))))
	case 4:
		e.modify(user.DN, set("department", attr.String([]string{"Sales", "Secret", "Legal"}[e.rng.IntN(3)])))
	case 5:
		e.modify(user.DN, set("userAccountControl", attr.Int([]int64{512, 514}[e.rng.IntN(2)])))
	case 6:
		e.next++
		require.NoError(e.t, e.ad.Rename(user.Key(), fmt.Sprintf("CN=Renamed %d,OU=Other,DC=contoso,DC=test", e.next)))
	case 7:
		e.modify(user.DN, set("manager", attr.Reference(other.DN)))
	case 8:
		e.modify(user.DN, set("manager"))
	case 9, 10:
		e.modify(group.DN, attr.Mod{Name: "member", Adds: []attr.Value{attr.Reference(user.DN), attr.Reference(other.DN)}})
	case 11:
		if members := group.Attributes.Values("member"); len(members) > 0 {
			e.modify(group.DN, attr.Mod{Name: "member", Deletes: members[:1]})
		}
	case 12:
		e.modify(user.DN, attr.Mod{Name: "proxyAddresses", Adds: []attr.Value{attr.String(fmt.Sprintf("smtp:%d@x", e.rng.IntN(9)))}})
	case 13:
		e.drift()
	}
}

func (e *editor) create() {
	e.next++
	if e.rng.IntN(4) == 0 {
		e.group(1000 + e.next)
		return
	}
	e.user(e.next)
	if e.rng.IntN(4) == 0 {
		e.modify(userDN(e.next), set("sAMAccountName", attr.String(fmt.Sprintf("svc%d", e.next))))
	}
}

// drift is what somebody does in the cloud.
func (e *editor) drift() {
	for o := range e.cloud.All() {
		if e.rng.IntN(5) != 0 {
			continue
		}
		if e.rng.IntN(2) == 0 {
			e.t.Logf("drift: delete %s", o.Attributes.Text("sourceAnchor"))
			require.NoError(e.t, e.cloud.Delete(o.Key()))
		} else {
			e.t.Logf("drift: edit %s", o.Attributes.Text("sourceAnchor"))
			require.NoError(e.t, e.cloud.Modify(o.Key(), set("displayName", attr.String("drift"))))
		}
		return
	}
}

// stumble runs one random step under a random fault. Its errors are expected.
func (e *editor) stumble() {
	cut := memdir.Faults{Import: connector.ErrUnavailable, After: e.rng.IntN(5)}
	fault := e.rng.IntN(5)
	switch fault {
	case 0:
		e.ad.SetFaults(cut)
	case 1:
		e.cloud.SetFaults(cut)
	case 2:
		e.ad.SetFaults(memdir.Faults{ExpireWatermark: true})
	case 3:
		e.cloud.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate {
			return memdir.Fate{Outcome: connector.Unknown, Drop: e.rng.IntN(2) == 0}
		}})
	case 4:
		e.cloud.SetFaults(memdir.Faults{ExportBatch: connector.ErrUnavailable})
	}
	name := []string{"ad", "cloud"}[e.rng.IntN(2)]
	kinds := []metaverse.StepKind{metaverse.FullImport, metaverse.DeltaImport, metaverse.DeltaSync, metaverse.FullSync}
	if name == "cloud" {
		kinds = append(kinds, metaverse.Export, metaverse.Export)
	}
	rec, err := e.engine.Run(e.t.Context(), name, kinds[e.rng.IntN(len(kinds))], nil)
	e.t.Logf("stumble: fault %d in %s %s: %s %+v", fault, name, rec.Step, rec.Result, rec.Counters)
	var step *metaverse.StepError
	if err != nil {
		require.True(e.t, errors.As(err, &step), "%v", err)
	}
	require.NotEmpty(e.t, rec.Result)
	e.ad.SetFaults(memdir.Faults{})
	e.cloud.SetFaults(memdir.Faults{})
	if e.rng.IntN(4) == 0 {
		e.reload() // a restart
	}
}

func runModel(t *testing.T, seed uint64, rounds int) {
	w := newWorld(t)
	w.opts.ImportHold.Fraction = -1
	w.opts.Batch = 7
	w.reload()
	e := &editor{world: w, rng: rand.New(rand.NewPCG(seed, 1))}
	for range 8 {
		e.create()
	}
	w.initial()
	for range rounds {
		for range 1 + e.rng.IntN(6) {
			e.edit()
		}
		for range e.rng.IntN(4) {
			e.stumble()
		}
		if e.rng.IntN(3) == 0 {
			w.settle()
			require.Equal(t, w.expected(), w.tenant(), "seed %d", seed)
		}
	}
	w.settle()
	require.Equal(t, w.expected(), w.tenant(), "seed %d", seed)
	require.Empty(t, w.errors(), "seed %d", seed)
	require.Zero(t, w.initial().Objects, "seed %d: full finds what delta has missed", seed)
	require.Equal(t, w.expected(), w.tenant(), "seed %d", seed)
}

func TestRandomEditsAgreeWithTheModel(t *testing.T) {
	t.Parallel()
	seeds := 60
	if testing.Short() {
		seeds = 10
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			runModel(t, seed, 12)
		})
	}
}
