package metaversetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
)

func leaseTests() []conformanceTest {
	return []conformanceTest{
		{rule: "one holder at a time", run: leaseHeld},
		{rule: "a lease that is not extended ends", run: leaseEnds},
		{rule: "a token of an earlier holder is fenced off", run: leaseFences},
		{rule: "the lease survives a restart", reopens: true, run: leaseSurvives},
		{rule: "configurations are versions with author and time", run: configurations},
	}
}

func holder(host string) metaverse.Holder {
	return metaverse.Holder{Host: host, PID: 7, Program: "program of " + host, Hold: "hold"}
}

func (f *fixture) fence(t *testing.T, token int64) error {
	return f.store.Update(t.Context(), func(tx metaverse.Tx) error {
		if err := tx.Fence(token); err != nil {
			return err
		}
		return tx.PutSetting("fenced", []byte("x"))
	})
}

func leaseHeld(t *testing.T, f *fixture) {
	ctx := t.Context()
	free := get[metaverse.Lease](t)(f.store.Lease(ctx))
	require.False(t, free.Held(), "a new store is free")
	a := get[metaverse.Lease](t)(f.store.AcquireLease(ctx, holder("a"), time.Hour, nil))
	require.Positive(t, a.Token)
	require.Equal(t, holder("a"), a.Holder)
	require.Greater(t, a.Left, 50*time.Minute)
	require.LessOrEqual(t, a.Left, time.Hour)

	_, err := f.store.AcquireLease(ctx, holder("b"), time.Hour, nil)
	require.ErrorIs(t, err, metaverse.ErrRunning)
	var held *metaverse.LeaseHeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, holder("a"), held.Lease.Holder, "the error says who has it")
	_, err = f.store.AcquireLease(ctx, holder("b"), time.Hour, func(metaverse.Holder) bool { return false })
	require.ErrorIs(t, err, metaverse.ErrRunning)
	require.NoError(t, f.store.RenewLease(ctx, a.Token, 2*time.Hour))
	require.Greater(t, get[metaverse.Lease](t)(f.store.Lease(ctx)).Left, time.Hour, "extended")

	b := get[metaverse.Lease](t)(f.store.AcquireLease(ctx, holder("b"), time.Hour, func(h metaverse.Holder) bool { return h == holder("a") }))
	require.Greater(t, b.Token, a.Token, "one that is known to be gone is followed at once")
	require.NoError(t, f.store.ReleaseLease(ctx, a.Token), "giving back what others have does nothing")
	require.True(t, get[metaverse.Lease](t)(f.store.Lease(ctx)).Held())
	require.NoError(t, f.store.ReleaseLease(ctx, b.Token))
	require.False(t, get[metaverse.Lease](t)(f.store.Lease(ctx)).Held())
	require.ErrorIs(t, f.store.RenewLease(ctx, b.Token, time.Hour), metaverse.ErrLeaseLost, "what was given back cannot be extended")
}

func leaseEnds(t *testing.T, f *fixture) {
	a := get[metaverse.Lease](t)(f.store.AcquireLease(t.Context(), holder("a"), time.Millisecond, nil))
	require.Eventually(t, func() bool { return !get[metaverse.Lease](t)(f.store.Lease(t.Context())).Held() }, time.Minute, time.Millisecond)
	require.NoError(t, f.fence(t, a.Token), "nobody else has come: what it writes is good")
	require.NoError(t, f.store.RenewLease(t.Context(), a.Token, time.Millisecond), "and it may go on")
	require.Eventually(t, func() bool {
		b, err := f.store.AcquireLease(t.Context(), holder("b"), time.Hour, nil)
		return err == nil && b.Token > a.Token
	}, time.Minute, time.Millisecond)
}

func leaseFences(t *testing.T, f *fixture) {
	ctx := t.Context()
	require.ErrorIs(t, f.fence(t, 0), metaverse.ErrLeaseLost, "without a lease nothing passes")
	a := get[metaverse.Lease](t)(f.store.AcquireLease(ctx, holder("a"), time.Hour, nil))
	require.NoError(t, f.fence(t, a.Token))
	require.ErrorIs(t, f.fence(t, a.Token+1), metaverse.ErrLeaseLost)
	b := get[metaverse.Lease](t)(f.store.AcquireLease(ctx, holder("b"), time.Hour, func(metaverse.Holder) bool { return true }))
	require.ErrorIs(t, f.fence(t, a.Token), metaverse.ErrLeaseLost)
	require.ErrorIs(t, f.store.RenewLease(ctx, a.Token, time.Hour), metaverse.ErrLeaseLost)
	err := f.store.Update(ctx, func(tx metaverse.Tx) error {
		require.ErrorIs(t, tx.Fence(a.Token), metaverse.ErrLeaseLost)
		return nil // swallowed
	})
	require.ErrorIs(t, err, metaverse.ErrLeaseLost, "an Update that was fenced off must not be committed")
	require.NoError(t, f.fence(t, b.Token))
	require.NoError(t, f.store.ReleaseLease(ctx, b.Token))
	require.ErrorIs(t, f.fence(t, b.Token), metaverse.ErrLeaseLost)
}

func leaseSurvives(t *testing.T, f *fixture) {
	a := get[metaverse.Lease](t)(f.store.AcquireLease(t.Context(), holder("a"), time.Hour, nil))
	f.reopen(t)
	again := get[metaverse.Lease](t)(f.store.Lease(t.Context()))
	require.Equal(t, a.Token, again.Token)
	require.Equal(t, a.Holder, again.Holder)
	require.True(t, again.Held())
}

func configurations(t *testing.T, f *fixture) {
	at := time.Date(2026, 11, 21, 8, 0, 0, 987654321, time.UTC)
	f.update(t, func(tx metaverse.Tx) {
		require.Nil(t, get[*metaverse.Configuration](t)(tx.Configuration(0)))
		require.Empty(t, get[[]metaverse.Configuration](t)(tx.Configurations(0, 10)))
		for i, text := range []string{"one", "two", "two", "one", ""} {
			c := get[*metaverse.Configuration](t)(tx.PutConfiguration(metaverse.Configuration{Author: "ann", At: at.Add(time.Duration(i)), Text: []byte(text)}))
			require.Equal(t, metaverse.HashConfiguration([]byte(text)), c.Hash)
			require.Equal(t, []int64{1, 2, 2, 3, 4}[i], c.Version, "an equal text is no new version")
		}
	})
	f.reopen(t)
	f.view(t, func(r metaverse.Reader) {
		newest := get[*metaverse.Configuration](t)(r.Configuration(0))
		require.EqualValues(t, 4, newest.Version)
		require.Empty(t, newest.Text)
		second := get[*metaverse.Configuration](t)(r.Configuration(2))
		require.Equal(t, metaverse.Configuration{Version: 2, Hash: metaverse.HashConfiguration([]byte("two")), Author: "ann", At: at.Add(1), Text: []byte("two")}, *second)
		require.Nil(t, get[*metaverse.Configuration](t)(r.Configuration(9)))
		list := get[[]metaverse.Configuration](t)(r.Configurations(4, 2))
		require.Len(t, list, 2)
		require.EqualValues(t, 3, list[0].Version, "newest first")
		require.EqualValues(t, 2, list[1].Version)
		require.Nil(t, list[0].Text)
	})
}
