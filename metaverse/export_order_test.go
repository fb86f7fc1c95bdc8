package metaverse_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// A directory that is a tree gets what is above first and loses it last; references come when
// everything is there, deletions when everything else is done.
func TestExportsComeInOrder(t *testing.T) {
	t.Parallel()
	l := newLab(t,
		inbound("in", "a", "user", rules.Provision, 100, nil, direct("displayName", "displayName"), direct("sourceAnchor", "employeeID"), direct("member", "member")),
		rules.Rule{ID: "out-b", Name: "out-b", Direction: rules.Outbound, Connector: "b", SourceType: "person", TargetType: "user",
			LinkType: rules.Provision, Precedence: 200,
			Flows: []rules.Flow{direct("displayName", "displayName"), direct("member", "member"), direct("dn", "displayName")}})
	// The deepest comes first, so that it has the least id.
	places := []string{`CN=Leaf\, Ltd,OU=Inner,OU=Outer,DC=b`, "OU=Inner,OU=Outer,DC=b", "OU=Outer,DC=b", "CN=Beside,OU=Outer,DC=b"}
	for i, place := range places {
		l.put("a", "user", "CN="+string(rune('a'+i))+",DC=a", "displayName", place, "employeeID", place)
	}
	l.refer("a", "CN=a,DC=a", "member", "CN=b,DC=a", "CN=d,DC=a")
	var sent []string
	l.dirs["b"].SetFaults(memdir.Faults{Export: func(c connector.Change) memdir.Fate {
		dn := c.Key.DN
		if c.Op == connector.OpAdd {
			for _, m := range c.Mods {
				require.NotEqual(t, "member", m.Name, "references come when what they refer to is there")
			}
		}
		sent = append(sent, c.Op.String()+" "+dn)
		return memdir.Fate{}
	}})
	l.put("b", "user", "CN=unrelated,DC=b")
	l.cycle()
	require.Equal(t, []string{
		"add OU=Outer,DC=b", "add OU=Inner,OU=Outer,DC=b", "add CN=Beside,OU=Outer,DC=b", `add CN=Leaf\, Ltd,OU=Inner,OU=Outer,DC=b`,
		`update CN=Leaf\, Ltd,OU=Inner,OU=Outer,DC=b`,
	}, sent)

	sent = nil
	for _, dn := range []string{"CN=a,DC=a", "CN=b,DC=a", "CN=c,DC=a", "CN=d,DC=a"} {
		l.remove("a", dn)
	}
	l.put("a", "user", "CN=e,DC=a", "displayName", "CN=New,OU=Elsewhere,DC=b", "employeeID", "e")
	l.cycle()
	require.Equal(t, []string{
		"add CN=New,OU=Elsewhere,DC=b",
		`delete CN=Leaf\, Ltd,OU=Inner,OU=Outer,DC=b`, "delete OU=Inner,OU=Outer,DC=b", "delete CN=Beside,OU=Outer,DC=b", "delete OU=Outer,DC=b",
	}, sent)
}

// clocked is a world whose clock the test moves, with a cloud that fails for one user.
func clocked(t *testing.T, fate memdir.Fate) (w *world, now *time.Time, tries *int) {
	t.Helper()
	w = populated(t)
	at, n := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0
	w.opts.Now = func() time.Time { return at }
	w.reload()
	w.cloud.SetFaults(memdir.Faults{Export: func(c connector.Change) memdir.Fate {
		if slices.ContainsFunc(c.Mods, func(m attr.Mod) bool { return m.Name == "department" }) {
			n++
			return fate
		}
		return memdir.Fate{}
	}})
	w.modify(userDN(1), set("department", attr.String("Sales")))
	return w, &at, &n
}

// What a directory puts off is left alone for longer and longer, by every process that comes.
func TestBackoffAcrossRuns(t *testing.T) {
	t.Parallel()
	w, now, tries := clocked(t, memdir.Fate{Outcome: connector.Retry})
	first := *now
	require.EqualValues(t, 1, w.delta().Counters.Retries)
	wait := time.Minute
	for n := 1; n < 6; n++ {
		w.reload() // another process
		*now = now.Add(wait - time.Second)
		rec := w.run("cloud", metaverse.Export)
		require.EqualValues(t, 1, rec.Counters.Deferred)
		require.Contains(t, rec.Notes[0], "not due yet, the first at "+now.Add(time.Second).Format(time.RFC3339))
		require.Zero(t, rec.Counters.Retries)
		require.Equal(t, n, *tries)
		*now = now.Add(time.Second)
		rec = w.run("cloud", metaverse.Export)
		require.Zero(t, rec.Counters.Deferred)
		require.EqualValues(t, 1, rec.Counters.Retries)
		wait *= 2
	}
	errs := w.errors()
	require.Len(t, errs, 1)
	require.Equal(t, 6, errs[0].Count)
	require.Equal(t, first, errs[0].First)
	require.Equal(t, *now, errs[0].Last)
	page, err := w.engine.SearchCS(t.Context(), metaverse.CSQuery{Connector: "cloud", Errors: true})
	require.NoError(t, err)
	require.Len(t, page.Objects, 1)
	require.Equal(t, 6, page.Objects[0].FailedAttempts)
	require.Equal(t, now.Add(wait), *page.Objects[0].NextAttempt)

	w.cloud.SetFaults(memdir.Faults{})
	*now = now.Add(wait)
	w.settle()
	require.Empty(t, w.errors())
	require.Equal(t, w.expected(), w.tenant())
}

// A directory that says when to come back is believed.
func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	w, now, tries := clocked(t, memdir.Fate{Outcome: connector.Retry, RetryAfter: time.Hour})
	w.delta()
	*now = now.Add(59 * time.Minute)
	require.EqualValues(t, 1, w.run("cloud", metaverse.Export).Counters.Deferred)
	require.Equal(t, 1, *tries)
	*now = now.Add(time.Minute)
	w.run("cloud", metaverse.Export)
	require.Equal(t, 2, *tries)
}

// Whoever changes the value, or asks, need not wait.
func TestBackoffEndsWithAnotherValueOrARequest(t *testing.T) {
	t.Parallel()
	w, _, tries := clocked(t, memdir.Fate{Outcome: connector.Retry, RetryAfter: time.Hour})
	w.delta()
	w.modify(userDN(1), set("department", attr.String("Marketing")))
	require.EqualValues(t, 1, w.delta().Counters.Retries)
	require.Equal(t, 2, *tries, "another value")
	require.EqualValues(t, 1, w.delta().Counters.Deferred, "the same one")

	rec, err := w.engine.Run(t.Context(), "cloud", metaverse.Export, &metaverse.RunOptions{RetryNow: true})
	require.NoError(t, err)
	require.Zero(t, rec.Counters.Deferred)
	require.Equal(t, 3, *tries, "all of them")

	w.cloud.SetFaults(memdir.Faults{})
	_, err = w.engine.SyncObject(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: userDN(1)}, nil)
	require.NoError(t, err)
	require.Equal(t, w.expected(), w.tenant(), "one of them")
	require.Empty(t, w.errors())
}

// What a directory refuses is tried in every run, as the cause may lie elsewhere, and stays
// reported with the time it began.
func TestRefusalsStayReported(t *testing.T) {
	t.Parallel()
	w, now, tries := clocked(t, memdir.Fate{Outcome: connector.Rejected})
	first := *now
	w.delta()
	for range 4 {
		*now = now.Add(30 * time.Minute)
		w.reload()
		rec := w.delta()
		require.EqualValues(t, 1, rec.Counters.Errors)
		require.Zero(t, rec.Counters.Deferred)
		require.Equal(t, metaverse.ResultExportErrors, rec.Result)
	}
	require.Equal(t, 5, *tries)
	errs := w.errors()
	require.Len(t, errs, 1)
	require.Equal(t, 5, errs[0].Count)
	require.Equal(t, first, errs[0].First)
}

// What was not sent because the step itself ended is nobody's failure: the next export sends it, with
// no delay.
func TestWhatWasNotSentWhenTheStepEndedIsNotPutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 6 {
		w.user(i)
	}
	w.initial()
	w.settle()
	for i := range 6 {
		require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(i)}))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.cloud.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate {
		cancel()
		return memdir.Fate{}
	}})
	w.run("ad", metaverse.DeltaImport)
	w.run("ad", metaverse.DeltaSync)
	rec, err := w.engine.Run(ctx, "cloud", metaverse.Export, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, metaverse.ResultStoppedCancelled, rec.Result)
	require.EqualValues(t, 1, rec.Counters.Deletes, "what was sent is known")
	require.EqualValues(t, 5, rec.Counters.Retries)
	require.Zero(t, rec.Counters.Errors)
	require.Empty(t, w.errors())
	w.cloud.SetFaults(memdir.Faults{})
	rec = w.run("cloud", metaverse.Export)
	require.EqualValues(t, 5, rec.Counters.Deletes)
	require.Zero(t, rec.Counters.Deferred)
	require.Empty(t, w.anchors())
}
