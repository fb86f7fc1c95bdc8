package ad_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

// hooked calls something before every request.
type hooked struct {
	net.Conn
	hook func()
}

func (h *hooked) Write(b []byte) (int, error) {
	h.hook()
	return h.Conn.Write(b)
}

// A shuffle moves and changes people at random, and knows who lives.
type shuffle struct {
	*wood
	t      testing.TB
	rng    *rand.Rand
	people map[adtest.GUID]bool // alive
	serial int

	mu   sync.Mutex // pages are fetched ahead
	busy bool       // chance strikes between requests
}

// newShuffle makes a forest with a team in each domain and some people, in which chance strikes between
// the requests of its connector.
func newShuffle(t testing.TB, seed uint64, o adtest.Options) *shuffle {
	t.Helper()
	s := &shuffle{t: t, rng: rand.New(rand.NewPCG(seed, 7)), people: map[adtest.GUID]bool{}, wood: newWood(t, o)}
	for i := range s.options {
		s.options[i].Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return &hooked{c, s.between}, err
		}
		s.universal(i, "team")
	}
	for range 40 {
		s.strike()
	}
	return s
}

// strike changes something, somewhere.
func (s *shuffle) strike() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change()
}

func (s *shuffle) change() {
	i := s.rng.IntN(len(s.dcs))
	j := (i + 1 + s.rng.IntN(len(s.dcs)-1)) % len(s.dcs)
	var here []adtest.Object
	for _, o := range s.dcs[i].Dump() {
		if s.people[o.GUID] {
			here = append(here, o)
		}
	}
	dice := s.rng.IntN(20)
	if len(here) == 0 || dice == 0 {
		s.serial++
		dn := s.user(i, fmt.Sprint("person", s.serial))
		o, err := s.dcs[i].Get(dn)
		require.NoError(s.t, err)
		s.people[o.GUID] = true
		return
	}
	o := here[s.rng.IntN(len(here))]
	var err error
	switch {
	case dice == 1 && len(s.people) > 10:
		s.people[o.GUID] = false
		err = s.dcs[i].Delete(o.DN)
	case dice < 4:
		err = s.dcs[i].Modify(o.DN, adtest.Replace("title", fmt.Sprint("title ", s.rng.IntN(1000))))
	case dice < 6:
		s.serial++
		_, err = s.dcs[i].Rename(o.DN, fmt.Sprint("person", s.serial))
	case dice < 9: // in or out of a team, of whatever domain
		team := "CN=team," + s.dcs[j].UsersDN()
		if s.rng.IntN(2) == 0 {
			s.dcs[j].AddMember(team, o.DN) //nolint:errcheck // may be one already
		} else {
			s.dcs[j].RemoveMember(team, o.DN) //nolint:errcheck // may be none
		}
	default:
		_, err = s.dcs[i].MoveTo(o.DN, s.dcs[j], s.dcs[j].UsersDN())
	}
	require.NoError(s.t, err)
}

// between is called before every request of the connector.
func (s *shuffle) between() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.busy && s.rng.IntN(3) == 0 {
		s.change()
	}
}

func (s *shuffle) meanwhile(busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = busy
}

// living checks that nobody who lives was deleted by an import, nor missed by a full one.
func (s *shuffle) living(v *view, complete, full bool, before map[adtest.GUID]bool) {
	for g, alive := range s.people {
		if !alive || !before[g] {
			continue
		}
		anchor := connector.NewAnchor(g[:])
		require.NotContains(s.t, v.deletes, anchor, "somebody who lives was deleted")
		if complete && full {
			require.Contains(s.t, v.byAnchor, anchor, "somebody who lives was missed")
		}
	}
}

func (s *shuffle) run(steps int, meanwhile bool) {
	f := s.forest(s.t)
	session := openForest(s.t, f)
	v := full(s.t, session)
	v.partitions(s.t, f)
	names := v.partition
	for step := range steps {
		alive := maps.Clone(s.people)
		for range 4 {
			s.strike()
		}
		s.meanwhile(meanwhile)
		mark := v.mark
		next, isFull := newView(), step%4 == 3
		next.byAnchor = v.byAnchor
		items := session.(connector.DeltaImporter).DeltaImport(s.t.Context(), mark, connector.ImportRequest{})
		if isFull {
			next.byAnchor = newView().byAnchor
			items = session.(connector.FullImporter).FullImport(s.t.Context(), connector.ImportRequest{})
		}
		err := next.take(func(yield func(connector.Item, error) bool) {
			for item, err := range items {
				s.between()
				if !yield(item, err) {
					return
				}
			}
		})
		s.meanwhile(false)
		if err != nil {
			require.ErrorIs(s.t, err, connector.ErrUnavailable, "step %d", step)
			next.mark = mark
			if isFull {
				next.byAnchor = v.byAnchor
			}
		}
		s.living(next, err == nil, isFull, alive)
		v = next
		v.partition = names
		if step%3 == 2 { // at rest, the next import tells the whole truth
			for {
				err := tryInto(s.t, session, v)
				if err == nil {
					break
				}
				require.ErrorIs(s.t, err, connector.ErrWatermarkExpired)
				v = full(s.t, session)
				v.partition = names
			}
			v.partial = meanwhile // the engine reads what refers to who was renamed under way, a view does not
			s.equal(s.t, v)
		}
	}
}

// tryInto applies the changes since the view's last import.
func tryInto(t testing.TB, s connector.Session, v *view) error {
	importer, _ := connector.As[connector.DeltaImporter](s)
	return v.take(importer.DeltaImport(t.Context(), v.mark, connector.ImportRequest{}))
}

// Whatever moves whenever: nobody who lives is ever deleted or missed, and when all is at
// rest the connector space is what the domains hold. HYBRIDSYNC_LONG makes it longer.
func TestForestByChance(t *testing.T) {
	t.Parallel()
	seeds := uint64(4)
	switch {
	case testing.Short():
		seeds = 2
	case os.Getenv("HYBRIDSYNC_LONG") != "":
		seeds = 40
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newShuffle(t, seed, adtest.Options{MaxPageSize: 5, SilentMoves: seed%3 == 2})
			if seed%4 == 3 { // one domain without DirSync among others
				s.options[seed%3].DirSync = ad.DirSyncNever
			}
			s.run(24, seed%2 == 0)
		})
	}
}
