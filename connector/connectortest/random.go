package connectortest

import (
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// deltaEqualsFull makes random edits, the same in every run, with a delta import after some
// of them, and compares what the deltas add up to with a full import at the end.
func deltaEqualsFull(f *fixture) {
	f.need(f.caps.DeltaImport, "delta import")
	e := &editor{f: f, rnd: rand.New(rand.NewPCG(2026, 11))}
	e.users = f.seedUsers(8)
	for i := range 3 {
		e.groups = append(e.groups, f.seedOne(f.group("conf-group-"+strconv.Itoa(i), e.users[i], e.users[i+1])))
	}
	m, w := f.fullState()
	for n := range f.h.Edits {
		e.edit(n)
		if e.rnd.IntN(5) > 0 && n < f.h.Edits-1 {
			continue
		}
		r := f.whole(f.delta(w, connector.ImportRequest{}))
		for _, it := range r.items {
			require.NoErrorf(f, m.apply(it), "after %v", e.done)
		}
		w = r.complete.Watermark
	}
	f.same(f.fullModel(), m, "deltas add up to what a full import shows")
	if f.Failed() {
		f.Logf("edits: %v", e.done)
	}
}

// An editor makes random edits of users and groups.
type editor struct {
	f      *fixture
	rnd    *rand.Rand
	users  []connector.Key
	groups []connector.Key
	done   []string
}

func (e *editor) user() (int, connector.Key) {
	i := e.rnd.IntN(len(e.users))
	return i, e.users[i]
}

// edit makes the n-th edit. Names are never used twice.
func (e *editor) edit(n int) {
	f, number := e.f, strconv.Itoa(n)
	i, user := e.user()
	group := e.groups[e.rnd.IntN(len(e.groups))]
	kind := e.rnd.IntN(8)
	switch {
	case kind == 0 || len(e.users) < 4:
		e.users = append(e.users, f.seedOne(f.user("conf-random-"+number, set(f.h.User.Single, "random-"+number))))
		e.note("add", number)
	case kind == 1:
		f.delete(f.h.User.Name, user)
		e.users = slices.Delete(e.users, i, i+1)
		e.note("delete", user.String())
	case kind == 2 && f.h.DN != nil && (f.dir.Rename != nil || f.caps.Rename):
		e.users[i] = f.rename(user, f.h.DN(f.h.User.Name, "conf-renamed-"+number))
		e.note("rename", user.String())
	case kind == 3 && f.h.User.Multi != "":
		f.modify(user, attr.Mod{Name: f.h.User.Multi, Adds: texted([]string{"555-0" + strconv.Itoa(100+e.rnd.IntN(9))})})
		e.note("multi", user.String())
	case kind == 4:
		f.modify(group, f.remove(f.h.Group.Members, user))
		e.note("remove", group.String(), user.String())
	case kind <= 6:
		f.modify(group, f.add(f.h.Group.Members, user))
		e.note("member", group.String(), user.String())
	default:
		f.modify(user, set(f.h.User.Single, "edited-"+number))
		e.note("modify", user.String())
	}
}

func (e *editor) note(what string, on ...string) {
	for _, s := range on {
		what += " " + s
	}
	e.done = append(e.done, what)
}
