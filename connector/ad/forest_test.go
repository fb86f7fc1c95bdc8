package ad_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A wood is a forest of three domains: a root, a child of it and a tree of its own.
type wood struct {
	dcs     []*adtest.Server
	down    []atomic.Bool
	options []ad.Options
}

var woodDomains = []string{"contoso.test", "emea.contoso.test", "fabrikam.test"}

func newWood(t testing.TB, o adtest.Options) *wood {
	t.Helper()
	w := &wood{down: make([]atomic.Bool, len(woodDomains))}
	for i, domain := range woodDomains {
		o.Domain = domain
		if i == 0 {
			w.dcs = append(w.dcs, adtest.NewServer(t, &o))
		} else {
			w.dcs = append(w.dcs, adtest.NewDomain(t, w.dcs[0], &o))
		}
		dc := w.dcs[i]
		options := mockOptions(dc)
		options.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if w.down[i].Load() && strings.HasSuffix(dc.URL(), address) {
				return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
		w.options = append(w.options, options)
	}
	return w
}

func (w *wood) cut(i int, off bool) {
	w.down[i].Store(off)
	w.dcs[i].Faults().DropConnections()
}

func (w *wood) forest(t testing.TB) *ad.Forest {
	t.Helper()
	f, err := ad.NewForest("contoso", w.options...)
	require.NoError(t, err)
	return f
}

func openForest(t testing.TB, f *ad.Forest) connector.Session {
	t.Helper()
	s, err := f.Open(t.Context(), connector.OpenOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

// user makes a user in one of the domains, and universal a group that may hold any.
func (w *wood) user(i int, name string) string {
	return w.dcs[i].Must(w.dcs[i].AddUser(name, nil))
}

func (w *wood) universal(i int, name string, members ...string) string {
	return w.dcs[i].Must(w.dcs[i].AddGroup(name, adtest.Attrs{"groupType": {"-2147483640"}, "member": members}))
}

func (w *wood) move(t testing.TB, dn string, from, to int) string {
	t.Helper()
	moved, err := w.dcs[from].MoveTo(dn, w.dcs[to], w.dcs[to].UsersDN())
	require.NoError(t, err)
	return moved
}

// equal holds a view against what the domains hold.
func (w *wood) equal(t testing.TB, v *view) {
	t.Helper()
	count := 0
	for i, dc := range w.dcs {
		for _, o := range dc.Dump() {
			if !slices.Contains(ad.DefaultClasses(), o.Class) {
				continue
			}
			count++
			got := v.byAnchor[connector.NewAnchor(o.GUID[:])]
			require.NotNilf(t, got, "%s is missing", o.DN)
			require.Equal(t, o.DN, got.DN)
			require.Equalf(t, woodDomains[i], v.partition[got.Partition], "partition of %s", o.DN)
			require.Equal(t, o.First("title"), got.Attributes.Text("title"))
			var members []attr.Value
			for _, dn := range o.Attrs["member"] {
				members = append(members, attr.Reference(dn))
			}
			if v.partial {
				continue
			}
			require.Truef(t, attr.SameValues(members, got.Attributes.Values("member")), "members of %s: %v, not %v", o.DN, got.Attributes.Values("member"), members)
		}
	}
	require.Len(t, v.byAnchor, count)
}

// partitions tells the view the names of the partitions.
func (v *view) partitions(t testing.TB, c connector.Connector) {
	t.Helper()
	schema, err := c.Schema(t.Context())
	require.NoError(t, err)
	v.partition = map[string]string{}
	for _, p := range schema.Partitions {
		v.partition[p.ID] = p.Parameters["Domain.FQDN"]
	}
}

func TestForestImports(t *testing.T) {
	t.Parallel()
	w := newWood(t, adtest.Options{})
	f := w.forest(t)
	anna, ben, carla := w.user(0, "anna"), w.user(1, "ben"), w.user(2, "carla")
	team := w.universal(0, "team", anna, ben, carla)
	s := openForest(t, f)
	v := full(t, s)
	v.partitions(t, f)
	w.equal(t, v)
	require.Len(t, v.at(t, team).Attributes.Values("member"), 3)

	v.delta(t, s)
	require.Empty(t, v.objects)
	require.Empty(t, v.updates)
	require.Empty(t, v.deletes)

	ben2, err := w.dcs[1].Rename(ben, "Benjamin")
	require.NoError(t, err)
	require.NoError(t, w.dcs[0].RemoveMember(team, ben2))
	require.NoError(t, w.dcs[2].Delete(carla))
	w.user(2, "dora")
	v.delta(t, s)
	require.Len(t, v.deletes, 1)
	w.equal(t, v)
	require.Equal(t, team, v.updates[len(v.updates)-1].Object.DN, "the removed reference comes after the rename in another domain")
	v.delta(t, openForest(t, f))
	w.equal(t, v)
}

func TestForestSchema(t *testing.T) {
	t.Parallel()
	w := newWood(t, adtest.Options{})
	f := w.forest(t)
	whole, err := f.Schema(t.Context())
	require.NoError(t, err)
	require.Equal(t, "contoso.test", whole.Parameters["Forest.FQDN"])
	require.Len(t, whole.Partitions, 3)
	require.Equal(t, map[string]string{"Domain.FQDN": "emea.contoso.test", "Domain.Netbios": "EMEA", "Domain.LDAP": "DC=emea,DC=contoso,DC=test"},
		whole.Partitions[1].Parameters)
	for i := range w.dcs {
		w.cut(i, true)
		other, err := w.forest(t).Schema(t.Context())
		require.NoError(t, err, "the others know the names of the domain that is down")
		require.Equal(t, whole, other)
		w.cut(i, false)
	}
}

// Moves between domains, in both ways in which the domain that is left may tell of them.
func TestForestMoves(t *testing.T) {
	t.Parallel()
	for _, silent := range []bool{false, true} {
		t.Run(fmt.Sprint("silent=", silent), func(t *testing.T) {
			t.Parallel()
			w := newWood(t, adtest.Options{SilentMoves: silent})
			f := w.forest(t)
			var people []string
			for i := range 3 {
				people = append(people, w.user(i, fmt.Sprint("person", i)))
			}
			w.universal(1, "team", people...)
			s := openForest(t, f)
			v := full(t, s)
			v.partitions(t, f)
			for i := range people {
				for step := 1; step <= 3; step++ {
					people[i] = w.move(t, people[i], (i+step-1)%3, (i+step)%3)
					v.delta(t, s)
					require.Empty(t, v.deletes)
					w.equal(t, v)
				}
			}
			require.NoError(t, w.dcs[0].Delete(people[0]))
			v.delta(t, s)
			require.Len(t, v.deletes, 1)
			w.equal(t, v)
		})
	}
}

// Moves at every moment of an import: after each item that was sent.
func TestForestMovesMeanwhile(t *testing.T) {
	t.Parallel()
	for _, silent := range []bool{false, true} {
		for _, route := range [][2]int{{0, 1}, {1, 0}, {2, 0}, {1, 2}} {
			t.Run(fmt.Sprint("silent=", silent, " ", route), func(t *testing.T) {
				t.Parallel()
				w := newWood(t, adtest.Options{SilentMoves: silent, MaxPageSize: 7})
				f := w.forest(t)
				s := openForest(t, f)
				v := full(t, s)
				total, stride := len(v.objects), 3
				if testing.Short() {
					stride = 17
				}
				for at := 0; at <= total; at += stride {
					dn := w.user(route[0], fmt.Sprint("mover", at))
					before := full(t, s)
					importer, _ := connector.As[connector.FullImporter](s)
					v := newView()
					v.partitions(t, f)
					count := 0
					err := v.take(func(yield func(connector.Item, error) bool) {
						for item, err := range importer.FullImport(t.Context(), connector.ImportRequest{}) {
							if count == at {
								w.move(t, dn, route[0], route[1])
							}
							count++
							if !yield(item, err) {
								return
							}
						}
					})
					require.NoError(t, err)
					require.Len(t, v.byAnchor, len(before.byAnchor), "at %d: nobody is missed", at)
					v.delta(t, s)
					require.Empty(t, v.deletes)
					w.equal(t, v)
				}
			})
		}
	}
}

// Somebody goes to another domain and comes back while the domains are asked, so that none
// tells of it, and is made a member while she is away.
func TestForestThereAndBack(t *testing.T) {
	t.Parallel()
	w := newWood(t, adtest.Options{SilentMoves: true})
	f := w.forest(t)
	anna, other := w.user(0, "anna"), w.user(0, "other")
	team := w.universal(1, "team")
	s := openForest(t, f)
	v := full(t, s)
	v.partitions(t, f)
	require.NoError(t, w.dcs[0].Modify(other, adtest.Replace("title", "x")))
	importer, _ := connector.As[connector.DeltaImporter](s)
	mark := v.mark
	require.NoError(t, v.take(func(yield func(connector.Item, error) bool) {
		for item, err := range importer.DeltaImport(t.Context(), mark, connector.ImportRequest{}) {
			switch { // the domain has answered, the next one was not asked yet
			case item.Kind == connector.ItemUpdate && item.Object.DN == other:
				anna = w.move(t, anna, 0, 2)
				require.NoError(t, w.dcs[1].AddMember(team, anna))
			case item.Kind == connector.ItemUpdate && item.Object.DN == team:
				anna = w.move(t, anna, 2, 0)
			}
			if !yield(item, err) {
				return
			}
		}
	}))
	require.NotEmpty(t, v.mark)
	w.equal(t, v)
	v.delta(t, s)
	w.equal(t, v)
}

// One domain is down: the others are imported, nothing is deleted, nothing is complete.
func TestForestDomainDown(t *testing.T) {
	t.Parallel()
	w := newWood(t, adtest.Options{})
	f := w.forest(t)
	anna, ben := w.user(0, "anna"), w.user(1, "ben")
	v := full(t, openForest(t, f))
	v.partitions(t, f)
	mark := v.mark

	w.cut(1, true)
	w.user(2, "new")
	require.NoError(t, w.dcs[0].Delete(anna))
	s := openForest(t, f)
	importer, _ := connector.As[connector.DeltaImporter](s)
	err := v.take(importer.DeltaImport(t.Context(), mark, connector.ImportRequest{}))
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.ErrorContains(t, err, "domain ")
	require.True(t, connector.IsTransient(err))
	require.Empty(t, v.deletes, "she may have moved to the domain that is down")
	require.Len(t, v.objects, 1, "what is new elsewhere comes all the same")
	require.Empty(t, v.mark)

	fulls, _ := connector.As[connector.FullImporter](s)
	partial := newView()
	err = partial.take(fulls.FullImport(t.Context(), connector.ImportRequest{}))
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.Empty(t, partial.mark)
	require.NotEmpty(t, partial.objects)

	reader, _ := connector.As[connector.ObjectReader](s)
	var items []connector.Item
	for item, err := range reader.ReadObjects(t.Context(), []connector.Key{{DN: ben}, {DN: w.dcs[2].AdminDN()}, {Anchor: connector.NewAnchor(make([]byte, 16))}}) {
		require.NoError(t, err)
		items = append(items, item)
	}
	require.Len(t, items, 3)
	require.ErrorIs(t, items[0].Err, connector.ErrUnavailable)
	require.Equal(t, connector.ItemObject, items[1].Kind)
	require.ErrorIs(t, items[2].Err, connector.ErrUnavailable, "nobody knows")

	w.cut(1, false)
	v.mark = mark
	v.delta(t, openForest(t, f))
	require.Len(t, v.deletes, 1)
	w.equal(t, v)

	for i := range w.dcs {
		w.cut(i, true)
	}
	_, err = f.Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, connector.ErrUnavailable)
}

// A domain that dies in mid-import.
func TestForestDomainDies(t *testing.T) {
	t.Parallel()
	w := newWood(t, adtest.Options{MaxPageSize: 5})
	f := w.forest(t)
	for i := range 3 {
		for n := range 12 {
			w.user(i, fmt.Sprint("user", i, n))
		}
	}
	s := openForest(t, f)
	whole := full(t, s)
	for i := range 3 {
		for at := 1; at < len(whole.objects); at += 11 {
			s := openForest(t, f)
			importer, _ := connector.As[connector.FullImporter](s)
			v := newView()
			count := 0
			err := v.take(func(yield func(connector.Item, error) bool) {
				for item, err := range importer.FullImport(t.Context(), connector.ImportRequest{}) {
					if count++; count == at {
						w.cut(i, true)
					}
					if !yield(item, err) {
						return
					}
				}
			})
			w.cut(i, false)
			require.ErrorIs(t, err, connector.ErrUnavailable)
			require.ErrorContains(t, err, "domain "+woodDomains[i])
			require.Empty(t, v.mark)
		}
	}
}

// One domain's watermark is no good: all of them are, before the first item.
func TestForestWatermarkExpired(t *testing.T) {
	t.Parallel()
	for i := range woodDomains {
		w := newWood(t, adtest.Options{})
		f := w.forest(t)
		s := openForest(t, f)
		v := full(t, s)
		for i := range woodDomains {
			w.user(i, "new")
		}
		w.dcs[i].Faults().ExpireCookies()
		importer, _ := connector.As[connector.DeltaImporter](s)
		for item, err := range importer.DeltaImport(t.Context(), v.mark, connector.ImportRequest{}) {
			require.Zero(t, item, "no item")
			require.ErrorIs(t, err, connector.ErrWatermarkExpired)
			require.ErrorContains(t, err, woodDomains[i])
		}
		full(t, s)

		fewer := *w
		fewer.options = w.options[:2]
		require.ErrorIs(t, tryDelta(t, openForest(t, fewer.forest(t)), v), connector.ErrWatermarkExpired, "another domain is left out")
		single := openForest(t, w.forest(t))
		v.mark = full(t, open(t, directory(t, w.options[0]))).mark
		require.ErrorIs(t, tryDelta(t, single, v), connector.ErrWatermarkExpired, "the watermark of one domain alone")
	}
}

// Every domain goes on at another of its domain controllers.
func TestForestFailover(t *testing.T) {
	t.Parallel()
	w := newWood(t, adtest.Options{})
	var second []*adtest.Server
	for i := range w.dcs {
		second = append(second, adtest.NewReplica(t, w.dcs[i]))
		w.options[i].URLs = append(w.options[i].URLs, second[i].URL())
	}
	f := w.forest(t)
	anna := w.user(0, "anna")
	s := openForest(t, f)
	v := full(t, s)
	v.partitions(t, f)
	for i := range w.dcs {
		w.cut(i, true)
		anna = w.move(t, anna, i, (i+1)%3)
		w.user(i, "new")
		v.delta(t, s)
		require.Empty(t, v.deletes)
		w.equal(t, v)
		require.NotZero(t, second[i].Count(adtest.OpSearch))
	}
}

// What each domain has to remember between imports is found again in the watermark of all.
func TestForestRenamedContainer(t *testing.T) {
	t.Parallel()
	w := newWood(t, adtest.Options{})
	for i, dc := range w.dcs {
		unit(t, dc, "OU=Staff,"+dc.BaseDN(), fmt.Sprint("inside", i))
		w.user(i, fmt.Sprint("outside", i))
		w.options[i].Include = []string{"OU=Staff," + dc.BaseDN()}
	}
	f := w.forest(t)
	v := full(t, openForest(t, f))
	require.Len(t, v.byAnchor, 3)
	_, err := w.dcs[1].Rename("OU=Staff,"+w.dcs[1].BaseDN(), "People")
	require.NoError(t, err)

	s, err := f.Open(t.Context(), connector.OpenOptions{Last: v.mark})
	require.NoError(t, err, "it is found by its GUID")
	defer s.Close(t.Context())
	v.delta(t, s)
	require.Len(t, v.byAnchor, 3)
	require.True(t, v.has("CN=inside1,OU=People,DC=emea,DC=contoso,DC=test"))

	// Into and out of scope, from one domain to another.
	inside := "CN=inside0,OU=Staff,DC=contoso,DC=test"
	moved, err := w.dcs[0].MoveTo(inside, w.dcs[2], "OU=Staff,"+w.dcs[2].BaseDN())
	require.NoError(t, err)
	v.delta(t, s)
	require.Empty(t, v.deletes)
	require.True(t, v.has(moved))
	w.move(t, moved, 2, 0)
	v.delta(t, s)
	require.Len(t, v.deletes, 1, "it lives where nothing is imported from")
	moved, err = w.dcs[0].MoveTo("CN=inside0,"+w.dcs[0].UsersDN(), w.dcs[1], "OU=People,"+w.dcs[1].BaseDN())
	require.NoError(t, err)
	v.delta(t, s)
	require.True(t, v.has(moved))
	want := full(t, s)
	require.Len(t, v.byAnchor, len(want.byAnchor))
}

// While the domain controller of the other domain has not heard of a move the person is
// nowhere. That is no reason to think that she is gone.
func TestForestMoveUnderway(t *testing.T) {
	t.Parallel()
	for _, silent := range []bool{false, true} {
		var now atomic.Int64
		now.Store(1_800_000_000)
		w := newWood(t, adtest.Options{SilentMoves: silent, Clock: func() time.Time { return time.Unix(now.Load(), 0) }})
		f := w.forest(t)
		anna, ben := w.user(0, "anna"), w.user(0, "ben")
		s := openForest(t, f)
		v := full(t, s)
		v.partitions(t, f)
		mark := v.mark

		w.dcs[1].Faults().HoldArrivals(true)
		w.move(t, anna, 0, 1)
		require.NoError(t, w.dcs[0].Delete(ben))
		importer, _ := connector.As[connector.FullImporter](s)
		err := newView().take(importer.FullImport(t.Context(), connector.ImportRequest{}))
		require.ErrorIs(t, err, connector.ErrUnavailable)
		require.ErrorContains(t, err, "emea.contoso.test")
		err = tryInto(t, s, v)
		if silent {
			require.NoError(t, err)
			require.Len(t, v.deletes, 1, "of her nothing was told")
			mark = v.mark
		} else {
			require.ErrorIs(t, err, connector.ErrUnavailable)
			require.Empty(t, v.deletes)
		}

		w.dcs[1].Faults().HoldArrivals(false)
		v.mark = mark
		v.delta(t, s)
		w.equal(t, v)
		require.Len(t, full(t, s).byAnchor, len(v.byAnchor))

		// One that never arrives is given up after a while; one that was deleted there is not
		// waited for.
		w.dcs[2].Faults().HoldArrivals(true)
		w.move(t, w.user(1, "lost"), 1, 2)
		require.NoError(t, w.dcs[0].Delete(w.move(t, w.user(1, "short"), 1, 0)))
		require.ErrorIs(t, newView().take(importer.FullImport(t.Context(), connector.ImportRequest{})), connector.ErrUnavailable)
		now.Add(3601)
		full(t, s)
		w.dcs[2].Faults().HoldArrivals(false)
	}
}
