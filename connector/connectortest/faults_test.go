package connectortest_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/connectortest"
	"github.com/hybridsync/hybridsync/connector/memdir"
)

// users returns a directory with n users, u0 and so on.
func users(t *testing.T, n int) *memdir.Directory {
	d, err := memdir.New("test", &memdir.Options{PageSize: 2})
	require.NoError(t, err)
	for i := range n {
		o := connector.Object{Class: "user", DN: "u" + strconv.Itoa(i)}
		o.Attributes.Put("displayName", attr.String("x"))
		require.NoError(t, d.Put(o))
	}
	return d
}

// importAll makes a full import and writes down what comes: DNs, "|" for checkpoints, "."
// for Complete.
func importAll(t *testing.T, c connector.Connector) (got string, items []connector.Item, err error) {
	s, err := c.Open(t.Context(), connector.OpenOptions{})
	require.NoError(t, err)
	im, ok := connector.As[connector.FullImporter](s)
	require.True(t, ok)
	for it, e := range im.FullImport(t.Context(), connector.ImportRequest{}) {
		switch {
		case e != nil:
			return got, items, e
		case it.Kind == connector.ItemCheckpoint:
			got += "|"
		case it.Kind == connector.ItemComplete:
			got += "."
		default:
			got += it.Object.DN
			items = append(items, it)
		}
	}
	return got, items, nil
}

func TestStreamFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault connectortest.Fault
		want  string
		err   error
		fired int
	}{
		"none":                {connectortest.Fault{Kind: connectortest.Cut, On: connectortest.OnRead}, "u0u1|u2u3|u4|.", nil, 0},
		"other call":          {connectortest.Fault{Kind: connectortest.Cut, Call: 2}, "u0u1|u2u3|u4|.", nil, 0},
		"refuse":              {connectortest.Fault{Kind: connectortest.Refuse, On: connectortest.OnFullImport}, "", connector.ErrUnavailable, 1},
		"cut":                 {connectortest.Fault{Kind: connectortest.Cut, After: 3}, "u0u1|u2", connector.ErrUnavailable, 1},
		"cut with an error":   {connectortest.Fault{Kind: connectortest.Cut, After: 5, Err: connector.ErrPermission}, "u0u1|u2u3|u4", connector.ErrPermission, 1},
		"truncate":            {connectortest.Fault{Kind: connectortest.Truncate, After: 1}, "u0", nil, 1},
		"drop complete":       {connectortest.Fault{Kind: connectortest.DropComplete}, "u0u1|u2u3|u4|", nil, 1},
		"duplicate one":       {connectortest.Fault{Kind: connectortest.Duplicate, After: 2, Times: 1}, "u0u1|u2u2u3|u4|.", nil, 1},
		"duplicate all":       {connectortest.Fault{Kind: connectortest.Duplicate}, "u0u0u1u1|u2u2u3u3|u4u4|.", nil, 5},
		"reorder":             {connectortest.Fault{Kind: connectortest.Reorder}, "u1u0|u3u2|u4|.", nil, 3},
		"reorder wide":        {connectortest.Fault{Kind: connectortest.Reorder, Window: 9, After: 2}, "u0u1|u3u2|u4|.", nil, 2},
		"page twice":          {connectortest.Fault{Kind: connectortest.RepeatPage, After: 3, Times: 1}, "u0u1|u2u3u2u3|u4|.", nil, 1},
		"every page twice":    {connectortest.Fault{Kind: connectortest.RepeatPage}, "u0u1u0u1|u2u3u2u3|u4u4|.", nil, 3},
		"malformed":           {connectortest.Fault{Kind: connectortest.Malformed, After: 1, Times: 1}, "u0|u2u3|u4|.", nil, 1},
		"expire, not resumed": {connectortest.Fault{Kind: connectortest.Expire}, "u0u1|u2u3|u4|.", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := users(t, 5)
			f := connectortest.WithFaults(d, connectortest.FaultPlan{Faults: []connectortest.Fault{c.fault}})
			got, _, err := importAll(t, f)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, got)
			require.Len(t, f.Trace(), c.fired)
			again := connectortest.WithFaults(d, connectortest.FaultPlan{Faults: []connectortest.Fault{c.fault}})
			_, _, _ = importAll(t, again)
			require.Equal(t, f.Trace(), again.Trace(), "the same plan gives the same faults")
		})
	}
}

func TestItemFaults(t *testing.T) {
	t.Parallel()
	d := users(t, 3)
	f := connectortest.WithFaults(d, connectortest.FaultPlan{Faults: []connectortest.Fault{
		{Kind: connectortest.ItemTrouble, After: 1, Times: 1},
		{Kind: connectortest.Malformed, After: 2, Times: 1},
	}})
	_, items, err := importAll(t, f)
	require.NoError(t, err)
	require.NoError(t, items[0].Err)
	require.ErrorIs(t, items[1].Err, connector.ErrProtocol)
	require.True(t, items[2].Object.Key().IsZero())
	require.Equal(t, []connectortest.Firing{
		{Fault: 0, Kind: connectortest.ItemTrouble, On: connectortest.OnFullImport, Call: 1, Item: 1},
		{Fault: 1, Kind: connectortest.Malformed, On: connectortest.OnFullImport, Call: 1, Item: 2},
	}, f.Trace())
	o, err := d.Get(connector.Key{DN: "u2"})
	require.NoError(t, err)
	require.Equal(t, "user", o.Class, "the directory is not harmed")
}

func TestExpireFault(t *testing.T) {
	t.Parallel()
	f := connectortest.WithFaults(users(t, 1), connectortest.FaultPlan{Faults: []connectortest.Fault{{Kind: connectortest.Expire}}})
	s, err := f.Open(t.Context(), connector.OpenOptions{})
	require.NoError(t, err)
	delta, _ := connector.As[connector.DeltaImporter](s)
	for _, err := range delta.DeltaImport(t.Context(), nil, connector.ImportRequest{}) {
		require.ErrorIs(t, err, connector.ErrWatermarkExpired)
	}
	full, _ := connector.As[connector.FullImporter](s)
	for _, err := range full.FullImport(t.Context(), connector.ImportRequest{Resume: connector.Checkpoint("x")}) {
		require.ErrorIs(t, err, connector.ErrWatermarkExpired)
	}
	require.Len(t, f.Trace(), 2)
}

func TestExportFaults(t *testing.T) {
	t.Parallel()
	change := func(id string) connector.Change {
		return connector.Change{ID: id, Op: connector.OpDelete, Class: "user", Key: connector.Key{DN: id}}
	}
	for name, c := range map[string]struct {
		fault    connectortest.Fault
		outcomes []connector.Outcome
		err      error
		left     int
	}{
		"lost answer": {connectortest.Fault{Kind: connectortest.LoseAnswer, After: 1, Times: 1}, []connector.Outcome{connector.Applied, connector.Unknown, connector.Applied}, nil, 0},
		"lost batch":  {connectortest.Fault{Kind: connectortest.LoseBatch}, nil, connector.ErrUnavailable, 0},
		"part":        {connectortest.Fault{Kind: connectortest.PartialBatch, After: 2}, nil, connector.ErrUnavailable, 1},
		"refused":     {connectortest.Fault{Kind: connectortest.Refuse, On: connectortest.OnExport}, nil, connector.ErrUnavailable, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := users(t, 3)
			f := connectortest.WithFaults(d, connectortest.FaultPlan{Faults: []connectortest.Fault{c.fault}})
			s, err := f.Open(t.Context(), connector.OpenOptions{})
			require.NoError(t, err)
			e, _ := connector.As[connector.Exporter](s)
			results, err := e.Export(t.Context(), []connector.Change{change("u0"), change("u1"), change("u2")})
			require.ErrorIs(t, err, c.err)
			var outcomes []connector.Outcome
			for _, r := range results {
				outcomes = append(outcomes, r.Outcome)
			}
			require.Equal(t, c.outcomes, outcomes)
			require.Equal(t, c.left, d.Len())
			require.Len(t, f.Trace(), 1)
		})
	}
}

func TestSlowFault(t *testing.T) {
	t.Parallel()
	var slept []time.Duration
	f := connectortest.WithFaults(users(t, 1), connectortest.FaultPlan{
		Faults: []connectortest.Fault{{Kind: connectortest.Slow, Delay: time.Hour}},
		Sleep:  func(_ context.Context, d time.Duration) error { slept = append(slept, d); return nil },
	})
	_, err := f.Schema(t.Context())
	require.NoError(t, err)
	_, _, err = importAll(t, f)
	require.NoError(t, err)
	require.Equal(t, []time.Duration{time.Hour, time.Hour, time.Hour}, slept, "schema, open and import")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	real := connectortest.WithFaults(users(t, 1), connectortest.FaultPlan{Faults: []connectortest.Fault{{Kind: connectortest.Slow, Delay: time.Hour}}})
	_, err = real.Open(ctx, connector.OpenOptions{})
	require.ErrorIs(t, err, context.Canceled)
}
