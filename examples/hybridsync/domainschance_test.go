package main

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

// A bustle moves people between the domains of a forest, in and out of a group, while
// cycles run.
type bustle struct {
	t     *testing.T
	rng   *rand.Rand
	dcs   []*adtest.Server
	team  string
	alive map[adtest.GUID]string // user principal names
	made  int
	// moved are those who have moved in this round, where nobody moves twice; nil where
	// everybody moves about, there and back again, while names are read.
	moved map[adtest.GUID]bool
}

func (b *bustle) strike() {
	i := b.rng.IntN(len(b.dcs))
	var here []adtest.Object
	for _, o := range b.dcs[i].Dump() {
		if b.alive[o.GUID] != "" {
			here = append(here, o)
		}
	}
	dice := b.rng.IntN(16)
	if len(here) == 0 || dice == 0 {
		b.made++
		upn := fmt.Sprintf("person%d@contoso.test", b.made)
		dn := b.dcs[i].Must(b.dcs[i].AddUser(fmt.Sprint("person", b.made), adtest.Attrs{"userPrincipalName": {upn}, "sn": {"Person"}}))
		o, err := b.dcs[i].Get(dn)
		require.NoError(b.t, err)
		b.alive[o.GUID] = upn
		require.NoError(b.t, b.dcs[1].AddMember(b.team, dn))
		return
	}
	o := here[b.rng.IntN(len(here))]
	var err error
	switch {
	case dice == 1 && len(b.alive) > 12:
		delete(b.alive, o.GUID)
		err = b.dcs[i].Delete(o.DN)
	case dice < 5:
		if b.rng.IntN(2) == 0 {
			b.dcs[1].AddMember(b.team, o.DN) //nolint:errcheck // may be one already
		} else {
			b.dcs[1].RemoveMember(b.team, o.DN) //nolint:errcheck // may be none
		}
	case b.moved[o.GUID]:
	default:
		if b.moved != nil {
			b.moved[o.GUID] = true
		}
		to := b.dcs[(i+1+b.rng.IntN(2))%3]
		_, err = b.dcs[i].MoveTo(o.DN, to, to.UsersDN())
	}
	require.NoError(b.t, err)
}

// Whoever moves from domain to domain while cycles run keeps the user in the tenant, and
// when all is at rest the tenant is what the domains hold.
func TestDomainsByChance(t *testing.T) {
	t.Parallel()
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	b, dcs := woods(t)
	b.values["more"] = "safety:\n  hold_minimum: 1000\n"
	x := &bustle{t: t, rng: rand.New(rand.NewPCG(4, 2)), dcs: dcs, alive: map[adtest.GUID]string{},
		team: dcs[1].Must(dcs[1].AddGroup("team", adtest.Attrs{"groupType": {"-2147483640"}, "displayName": {"Team"}}))}
	for range 60 {
		x.strike()
	}
	ids := map[string]string{}
	for range 2 {
		_, err := b.cycle()
		require.NoError(t, err)
	}
	x.settled(b, ids)
	for round := range rounds {
		done, pause := make(chan struct{}), 25*time.Millisecond
		x.moved = map[adtest.GUID]bool{}
		if round%2 == 1 {
			pause, x.moved = time.Millisecond, nil
		}
		var busy sync.WaitGroup
		busy.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(pause):
					x.strike()
				}
			}
		})
		_, err := b.cycle()
		close(done)
		busy.Wait()
		if err != nil {
			require.ErrorContains(t, err, "moved", "round %d", round)
		}
		for range 3 { // at rest; what was put off comes with the next one
			_, err := b.cycle()
			require.NoError(t, err, "round %d", round)
		}
		x.settled(b, ids)
	}
}

// settled compares the tenant with the domains. ids are the users of earlier rounds.
func (b *bustle) settled(at *bench, ids map[string]string) {
	users := map[string]string{}
	for _, u := range at.tenant.Users() {
		users[u.UserPrincipalName] = u.ID
	}
	require.Len(b.t, users, len(b.alive))
	living := map[string]bool{}
	for _, upn := range b.alive {
		require.Contains(b.t, users, upn)
		if ids[upn] != "" {
			require.Equal(b.t, ids[upn], users[upn], "the same user for life")
		}
		ids[upn] = users[upn]
		living[users[upn]] = true
	}
	for _, r := range at.tenant.Requests() {
		if r.Method == "DELETE" && r.Template == "/users/{id}" {
			require.False(b.t, living[path.Base(r.Path)], "somebody who lives was deleted")
		}
	}
	team, err := b.dcs[1].Get(b.team)
	require.NoError(b.t, err)
	var want []string
	for _, dn := range team.Attrs["member"] {
		for _, dc := range b.dcs {
			if o, err := dc.Get(dn); err == nil {
				want = append(want, users[b.alive[o.GUID]])
			}
		}
	}
	slices.Sort(want)
	got := at.tenant.Members(at.group("Team").ID)
	slices.Sort(got)
	require.Equal(b.t, want, got, "members")
}
