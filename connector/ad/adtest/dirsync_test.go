package adtest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

const incremental = 0x80000000

// round makes one DirSync request and returns its entries, the next cookie and whether
// there is more.
func round(c *ldap.Conn, base string, flags int64, cookie []byte, filter string, attrs ...string) ([]*ldap.Entry, []byte, bool, error) {
	req := ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, 0, 0, 0, false, filter, attrs, nil)
	r, err := c.DirSync(req, flags, 0, cookie)
	if err != nil {
		return nil, nil, false, err
	}
	ctl := ldap.FindControl(r.Controls, ldap.ControlTypeDirSync).(*ldap.ControlDirSync)
	return r.Entries, ctl.Cookie, ctl.Flags != 0, nil
}

func changes(t testing.TB, c *ldap.Conn, base string, flags int64, cookie []byte, attrs ...string) ([]*ldap.Entry, []byte) {
	t.Helper()
	var out []*ldap.Entry
	for {
		e, next, more, err := round(c, base, flags, cookie, "(objectClass=*)", attrs...)
		require.NoError(t, err)
		out, cookie = append(out, e...), next
		if !more {
			return out, cookie
		}
	}
}

// A replica is a client's copy of the domain, kept by applying DirSync answers. References
// are kept by the GUID of their target, as every real client has to.
type replica struct {
	objects map[string]*copied // by GUID
	byDN    map[string]string  // DN as last heard to GUID
}

type copied struct {
	name, parent string
	attrs        map[string][]string
	links        map[string]map[string]bool // by attribute: GUIDs
}

func newReplica() *replica { return &replica{map[string]*copied{}, map[string]string{}} }

// apply takes one answer in. resolve finds the GUID of a DN.
func (r *replica) apply(entries []*ldap.Entry, resolve func(dn string) string) {
	for _, e := range entries {
		id := string(e.GetRawAttributeValue("objectGUID"))
		o := r.objects[id]
		if o == nil {
			o = &copied{attrs: map[string][]string{}, links: map[string]map[string]bool{}}
			r.objects[id] = o
		}
		if e.GetAttributeValue("isDeleted") == "TRUE" {
			r.drop(id)
			continue
		}
		for _, a := range e.Attributes {
			name, option, ranged := strings.Cut(a.Name, ";range=")
			switch {
			case name == "objectGUID":
			case name == "name":
				o.name = a.Values[0]
			case name == "parentGUID":
				o.parent = string(a.ByteValues[0])
			case ranged:
				if o.links[name] == nil {
					o.links[name] = map[string]bool{}
				}
				for _, dn := range a.Values {
					if option == "1-1" {
						o.links[name][resolve(dn)] = true
					} else {
						delete(o.links[name], resolve(dn))
					}
				}
			case len(a.Values) == 0:
				delete(o.attrs, name)
			default:
				o.attrs[name] = a.Values
			}
		}
	}
}

// drop removes an object and all references to it.
func (r *replica) drop(id string) {
	delete(r.objects, id)
	for _, o := range r.objects {
		for _, l := range o.links {
			delete(l, id)
		}
	}
}

// dn computes where an object is.
func (r *replica) dn(id, base string) string {
	o := r.objects[id]
	if o.parent == "" {
		return base
	}
	typ := "CN"
	if slices.Contains(o.attrs["objectClass"], "organizationalUnit") {
		typ = "OU"
	}
	return typ + "=" + o.name + "," + r.dn(o.parent, base)
}

// compare holds the replica against the server's own dump.
func (r *replica) compare(t require.TestingT, dc *adtest.Server) {
	want, got := map[string]string{}, map[string]string{}
	linked := []string{"member", "manager", "managedBy"}
	for _, o := range dc.Dump() {
		attrs := maps.Clone(o.Attrs)
		for _, n := range append([]string{"distinguishedName", "name", "objectGUID", "whenChanged", "uSNChanged", "uSNCreated", "cn", "ou",
			"dc", "memberOf", "directReports", "managedObjects", "badPwdCount", "badPasswordTime", "lastLogoff", "lastLogon",
			"logonCount"}, linked...) {
			delete(attrs, n)
		}
		text := fmt.Sprintf("%v %v", o.DN, attrs)
		for _, l := range linked {
			values := slices.Clone(o.Attrs[l])
			slices.Sort(values)
			text += fmt.Sprintf(" %s%v", l, values)
		}
		want[string(o.GUID[:])] = text
	}
	for id, o := range r.objects {
		text := fmt.Sprintf("%v %v", r.dn(id, dc.BaseDN()), o.attrs)
		for _, l := range linked {
			var values []string
			for target := range o.links[l] {
				values = append(values, r.dn(target, dc.BaseDN()))
			}
			slices.Sort(values)
			text += fmt.Sprintf(" %s%v", l, values)
		}
		got[id] = text
	}
	require.Equal(t, want, got)
}

// resolver finds GUIDs as a client would: from the server, by the name that the answer had.
func resolver(t require.TestingT, dc *adtest.Server) func(string) string {
	return func(dn string) string {
		o, err := dc.Get(dn)
		require.NoError(t, err)
		return string(o.GUID[:])
	}
}

// TestDirSyncEqualsDump makes random edits and checks that the answers, applied to a copy,
// give what the server holds; with small answers, so that edits fall between two of them.
func TestDirSyncEqualsDump(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dc, err := adtest.Start(&adtest.Options{MaxPageSize: rapid.IntRange(1, 40).Draw(t, "page"), NoExchangeSchema: true})
		require.NoError(t, err)
		defer func() { _ = dc.Close() }()
		c, err := ldap.DialURL(dc.URL(), ldap.DialWithTLSConfig(dc.ClientTLS()))
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		require.NoError(t, c.Bind(dc.AdminUPN(), dc.AdminPassword()))

		flags := int64(incremental)
		if rapid.Bool().Draw(t, "ancestors first") {
			flags |= 0x800
		}
		ed := &editor{dc: dc, rng: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))}
		r := newReplica()
		var cookie []byte
		for range rapid.IntRange(2, 12).Draw(t, "rounds") {
			for range rapid.IntRange(0, 12).Draw(t, "edits") {
				ed.step()
			}
			entries, next, _, err := round(c, dc.BaseDN(), flags, cookie, "(objectClass=*)")
			require.NoError(t, err)
			r.apply(entries, resolver(t, dc))
			cookie = next
		}
		for more := true; more; {
			var entries []*ldap.Entry
			entries, cookie, more, err = round(c, dc.BaseDN(), flags, cookie, "(objectClass=*)")
			require.NoError(t, err)
			r.apply(entries, resolver(t, dc))
		}
		delete(r.objects, "") // nothing
		r.compare(t, dc)
		entries, _, _, err := round(c, dc.BaseDN(), flags, cookie, "(objectClass=*)")
		require.NoError(t, err)
		require.Empty(t, entries, "nothing changed, nothing sent")
	})
}

// An editor makes random changes. Refusals are part of the game.
type editor struct {
	dc  *adtest.Server
	rng *rand.Rand
	n   int
	dns []string
	ous []string
}

func (e *editor) pick(list []string) string {
	if len(list) == 0 {
		return e.dc.BaseDN()
	}
	return list[e.rng.IntN(len(list))]
}

func (e *editor) container() string {
	if len(e.ous) == 0 || e.rng.IntN(4) == 0 {
		return e.dc.BaseDN()
	}
	return e.pick(e.ous)
}

func (e *editor) step() {
	e.n++
	name := fmt.Sprintf("x%d", e.n)
	add := func(list *[]string, dn string, err error) {
		if err == nil {
			*list = append(*list, dn)
		}
	}
	replace := func(list []string, old, dn string, err error) {
		if err != nil {
			return
		}
		for _, l := range [][]string{e.dns, e.ous} {
			for i := range l {
				if l[i] == old {
					l[i] = dn
				} else if strings.HasSuffix(l[i], ","+old) {
					l[i] = strings.TrimSuffix(l[i], old) + dn
				}
			}
		}
	}
	target := e.pick(e.dns)
	switch e.rng.IntN(12) {
	case 0, 1:
		dn, err := e.dc.AddUser("CN="+name+","+e.container(), adtest.Attrs{"title": {"t"}, "manager": e.maybe()})
		add(&e.dns, dn, err)
	case 2:
		dn, err := e.dc.AddGroup("CN="+name+","+e.container(), adtest.Attrs{"member": e.maybe()})
		add(&e.dns, dn, err)
	case 3:
		dn, err := e.dc.AddOU("OU=" + name + "," + e.container())
		add(&e.ous, dn, err)
	case 4:
		_ = e.dc.Modify(target, adtest.Replace("title", name), adtest.AddValues("proxyAddresses", name))
		_ = e.dc.Modify(target, adtest.Replace("description", name))
	case 5:
		_ = e.dc.Modify(target, adtest.Replace("title"))
		_ = e.dc.Modify(target, adtest.Replace("manager"))
	case 6, 7:
		_ = e.dc.AddMember(target, e.pick(e.dns))
	case 8:
		_ = e.dc.RemoveMember(target, e.pick(e.dns))
		_ = e.dc.Modify(target, adtest.Replace("manager", e.pick(e.dns)))
	case 9:
		dn, err := e.dc.Rename(target, name)
		replace(e.dns, target, dn, err)
	case 10:
		from := e.pick(append(slices.Clone(e.dns), e.ous...))
		dn, err := e.dc.Move(from, e.container())
		replace(e.dns, from, dn, err)
	case 11:
		gone := e.pick(append(slices.Clone(e.dns), e.ous...))
		if gone != e.dc.BaseDN() && e.dc.DeleteTree(gone) == nil {
			under := func(s string) bool { return s == gone || strings.HasSuffix(s, ","+gone) }
			e.dns, e.ous = slices.DeleteFunc(e.dns, under), slices.DeleteFunc(e.ous, under)
		}
	}
}

func (e *editor) maybe() []string {
	if len(e.dns) == 0 || e.rng.IntN(2) == 0 {
		return nil
	}
	return []string{e.pick(e.dns)}
}

func TestDirSyncDelta(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	c := admin(t, dc)
	ou := dc.Must(dc.AddOU("Sales"))
	user := dc.Must(dc.AddUser("CN=Jo,"+ou, adtest.Attrs{"title": {"Clerk"}, "description": {"x"}}))
	group := dc.Must(dc.AddGroup("Team", adtest.Attrs{"member": {user, dc.AdminDN()}}))
	_, cookie := changes(t, c, dc.BaseDN(), incremental, nil)

	next := func() []*ldap.Entry {
		t.Helper()
		var e []*ldap.Entry
		e, cookie = changes(t, c, dc.BaseDN(), incremental, cookie)
		return e
	}
	names := func(e *ldap.Entry) []string {
		var out []string
		for _, a := range e.Attributes {
			out = append(out, fmt.Sprintf("%s(%d)", a.Name, len(a.Values)))
		}
		slices.Sort(out)
		return out
	}
	require.Empty(t, next())

	require.NoError(t, dc.Modify(user, adtest.Replace("title"), adtest.Replace("department", "D")))
	e := next()
	require.Len(t, e, 1)
	require.Equal(t, []string{"department(1)", "instanceType(1)", "objectGUID(1)", "title(0)"}, names(e[0]))

	user = dc.Must(dc.Rename(user, "Joe"))
	e = next()
	require.Equal(t, user, e[0].DN)
	require.Equal(t, []string{"instanceType(1)", "name(1)", "objectGUID(1)", "parentGUID(1)"}, names(e[0]))

	ou = dc.Must(dc.Rename(ou, "Sales, Europe"))
	e = next()
	require.Len(t, e, 1, "what is below a renamed container is not reported")
	require.Equal(t, `OU=Sales\, Europe,`+dc.BaseDN(), ou)
	user = "CN=Joe," + ou

	require.NoError(t, dc.RemoveMember(group, dc.AdminDN()))
	e = next()
	require.Equal(t, []string{dc.AdminDN()}, e[0].GetAttributeValues("member;range=0-0"))
	require.Empty(t, e[0].GetAttributeValues("member;range=1-1"))

	before, err := dc.Get(group)
	require.NoError(t, err)
	require.NoError(t, dc.Delete(user))
	e = next()
	require.Len(t, e, 1, "the group is not reported")
	require.Contains(t, e[0].DN, `CN=Joe\0ADEL:`)
	require.Equal(t, "TRUE", e[0].GetAttributeValue("isDeleted"))
	require.Equal(t, ou, e[0].GetAttributeValue("lastKnownParent"))
	after, err := dc.Get(group)
	require.NoError(t, err)
	require.Equal(t, before.First("uSNChanged"), after.First("uSNChanged"))
	require.Empty(t, after.Attrs["member"])
}

func TestDirSyncRefusals(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	reader := dc.Must(dc.AddUser("reader", nil))
	require.NoError(t, dc.SetPassword(reader, "Secret-123"))
	gone := dc.Must(dc.AddUser("gone", nil))
	require.NoError(t, dc.Delete(gone))
	c := dial(t, dc)
	require.NoError(t, c.Bind(reader, "Secret-123"))
	try := func(base string, flags int64, cookie []byte) uint16 {
		_, _, _, err := round(c, base, flags, cookie, "(objectClass=*)")
		return code(t, err)
	}
	require.EqualValues(t, 50, try(dc.BaseDN(), 0, nil))
	require.EqualValues(t, 0, try(dc.BaseDN(), 1, nil))
	require.EqualValues(t, 50, try(dc.UsersDN(), 0, nil))
	require.EqualValues(t, 53, try(dc.UsersDN(), 1, nil))
	require.EqualValues(t, 12, try(dc.BaseDN(), 1, []byte("nonsense")))

	deleted := func(flags int64) int {
		e, _ := changes(t, c, dc.BaseDN(), flags, nil, "isDeleted", "name")
		n := 0
		for _, x := range e {
			if strings.Contains(x.DN, `\0ADEL:`) {
				n++
			}
		}
		return n
	}
	require.Equal(t, 0, deleted(1), "a plain account does not see deletions")
	require.NoError(t, dc.Delegate(adtest.Delegation{Account: reader, GetChanges: true}))
	require.Equal(t, 1, deleted(0), "the right to replicate does")
	require.NoError(t, dc.Delegate(adtest.Delegation{Account: reader, ReadDeleted: true}))
	require.Equal(t, 1, deleted(1))
}

func TestDirSyncCookies(t *testing.T) {
	t.Parallel()
	dc, other := adtest.NewServer(t, nil), adtest.NewServer(t, &adtest.Options{Seed: 1})
	c, co := admin(t, dc), admin(t, other)
	_, cookie := changes(t, c, dc.BaseDN(), 0, nil)
	require.Len(t, cookie, 108)
	require.Equal(t, "MSDS", string(cookie[:4]))
	id := dc.InvocationID()
	require.Equal(t, id[:], cookie[52:68])

	e, _ := changes(t, co, other.BaseDN(), 0, cookie)
	require.Greater(t, len(e), 20, "another server's cookie leads to everything")
	other.Faults().RefuseForeignCookies(true)
	_, _, _, err := round(co, other.BaseDN(), 0, cookie, "(objectClass=*)")
	require.EqualValues(t, 12, code(t, err))

	dc.Faults().NewInvocation()
	e, next := changes(t, c, dc.BaseDN(), 0, cookie)
	require.Greater(t, len(e), 20)
	require.NotEqual(t, cookie[52:68], next[52:68])
	cookie = next

	dc.Faults().ExpireCookies()
	_, _, _, err = round(c, dc.BaseDN(), 0, cookie, "(objectClass=*)")
	require.EqualValues(t, 12, code(t, err))
	_, cookie = changes(t, c, dc.BaseDN(), 0, nil)
	e, _ = changes(t, c, dc.BaseDN(), 0, cookie)
	require.Empty(t, e)
}

func TestDirSyncContinues(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, &adtest.Options{MaxPageSize: 50})
	_, err := dc.Populate(adtest.PopulationOptions{Users: 200, Groups: 5})
	require.NoError(t, err)
	c := admin(t, dc)
	_, cookie, more, err := round(c, dc.BaseDN(), 0, nil, "(objectClass=user)")
	require.NoError(t, err)
	require.True(t, more)
	rounds, seen := 1, map[string]bool{}
	for more {
		var e []*ldap.Entry
		e, cookie, more, err = round(c, dc.BaseDN(), 0, cookie, "(objectClass=user)")
		require.NoError(t, err)
		require.LessOrEqual(t, len(e), 50)
		for _, x := range e {
			seen[x.DN] = true
		}
		rounds++
	}
	require.GreaterOrEqual(t, rounds, 4)
	require.Greater(t, len(seen), 140)
}

func TestTombstones(t *testing.T) {
	t.Parallel()
	for _, bin := range []bool{false, true} {
		t.Run(fmt.Sprintf("recycle bin %v", bin), func(t *testing.T) {
			t.Parallel()
			dc := adtest.NewServer(t, &adtest.Options{RecycleBin: bin})
			c := admin(t, dc)
			dn := dc.Must(dc.AddUser("joe", adtest.Attrs{"title": {"Clerk"}, "manager": {dc.AdminDN()}}))
			group := dc.Must(dc.AddGroup("Team", adtest.Attrs{"member": {dn}}))
			o, err := dc.Get(dn)
			require.NoError(t, err)
			require.NoError(t, c.Del(ldap.NewDelRequest(dn, nil)))
			require.Empty(t, read(t, c, group, "member").GetAttributeValues("member"))
			require.Empty(t, search(t, c, dc.BaseDN(), 2, "(isDeleted=TRUE)"))
			req := ldap.NewSearchRequest(dc.BaseDN(), 2, 0, 0, 0, false, "(&(isDeleted=TRUE)(sAMAccountName=joe))", nil,
				[]ldap.Control{ldap.NewControlMicrosoftShowDeleted()})
			r, err := c.Search(req)
			require.NoError(t, err)
			require.Len(t, r.Entries, 1)
			e := r.Entries[0]
			require.Equal(t, bin, e.GetAttributeValue("title") == "Clerk")
			require.Equal(t, bin, e.GetAttributeValue("isRecycled") == "")

			again := dc.Must(dc.Restore(o.GUID))
			require.Equal(t, dn, again)
			back, err := dc.Get(dn)
			require.NoError(t, err)
			require.Equal(t, o.GUID, back.GUID)
			require.Equal(t, o.First("objectSid"), back.First("objectSid"))
			require.Equal(t, bin, back.First("title") == "Clerk")
			require.Equal(t, bin, len(back.Attrs["memberOf"]) == 1)
			require.Empty(t, back.First("isDeleted"))

			require.NoError(t, dc.Delete(dn))
			require.Len(t, dc.Tombstones(), 1)
			dc.Faults().PurgeTombstones()
			require.Empty(t, dc.Tombstones())
		})
	}
}
