package connector_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/connectortest"
	"github.com/hybridsync/hybridsync/connector/memdir"
)

// waits records what a connector with retries waits for.
type waits struct {
	times []time.Duration
	err   error
}

func (w *waits) options() *connector.RetryOptions {
	return &connector.RetryOptions{
		Base: time.Second, MaxWait: 10 * time.Second, Attempts: 4,
		Jitter: func() float64 { return 0 },
		Sleep: func(_ context.Context, d time.Duration) error {
			w.times = append(w.times, d)
			return w.err
		},
	}
}

func directory(t *testing.T, o *memdir.Options) *memdir.Directory {
	d, err := memdir.New("test", o)
	require.NoError(t, err)
	return d
}

func TestRetryOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		times int // that Open fails
		want  error
		waits []time.Duration
		fails int // as seen by the directory
	}{
		"passing":          {nil, 2, nil, []time.Duration{1e9, 2e9}, 2},
		"lasting":          {connector.ErrUnavailable, 0, connector.ErrUnavailable, []time.Duration{1e9, 2e9, 4e9}, 4},
		"asked to wait":    {&connector.ThrottledError{RetryAfter: 5 * time.Second}, 1, nil, []time.Duration{5e9}, 1},
		"asked too much":   {&connector.ThrottledError{RetryAfter: time.Hour}, 1, connector.ErrThrottled, nil, 1},
		"authentication":   {connector.ErrAuthentication, 1, connector.ErrAuthentication, nil, 1},
		"cancelled though": {context.Canceled, 1, context.Canceled, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, on := range []connectortest.Operation{connectortest.OnOpen, connectortest.OnSchema} {
				var w waits
				faulty := connectortest.WithFaults(directory(t, nil), connectortest.FaultPlan{
					Faults: []connectortest.Fault{{Kind: connectortest.Refuse, On: on, Err: c.err, Times: c.times}},
				})
				retrying := connector.WithRetry(faulty, w.options())
				var err error
				if on == connectortest.OnOpen {
					_, err = retrying.Open(t.Context(), connector.OpenOptions{})
				} else {
					_, err = retrying.Schema(t.Context())
				}
				require.ErrorIs(t, err, c.want)
				require.Equal(t, c.waits, w.times)
				require.Len(t, faulty.Trace(), c.fails)
			}
		})
	}
}

func TestRetryOpenStopsWithContext(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	w := waits{err: stop}
	d := directory(t, nil)
	d.SetFaults(memdir.Faults{Open: connector.ErrUnavailable})
	_, err := connector.WithRetry(d, w.options()).Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, stop)
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.Len(t, w.times, 1)
}

// adds are changes that create users.
func adds(names ...string) []connector.Change {
	var batch []connector.Change
	for _, n := range names {
		batch = append(batch, connector.Change{
			ID: n, Op: connector.OpAdd, Class: "user", Key: connector.Key{DN: "CN=" + n},
			Mods: []attr.Mod{{Name: "displayName", Replace: true, Adds: []attr.Value{attr.String(n)}}},
		})
	}
	return batch
}

func outcomes(results []connector.Result) []connector.Outcome {
	var out []connector.Outcome
	for _, r := range results {
		out = append(out, r.Outcome)
	}
	return out
}

// export sends a batch through retries to a directory where fate decides.
func export(t *testing.T, w *waits, batch []connector.Change, fate func(c connector.Change, attempt int) memdir.Fate) ([]connector.Result, map[string]int) {
	t.Helper()
	d := directory(t, nil)
	attempts := make(map[string]int)
	d.SetFaults(memdir.Faults{Export: func(c connector.Change) memdir.Fate {
		attempts[c.ID]++
		return fate(c, attempts[c.ID])
	}})
	s, err := connector.WithRetry(d, w.options()).Open(t.Context(), connector.OpenOptions{})
	require.NoError(t, err)
	e, ok := connector.As[connector.Exporter](s)
	require.True(t, ok)
	results, err := e.Export(t.Context(), batch)
	require.NoError(t, err)
	for i, r := range results {
		require.Equal(t, batch[i].ID, r.ID)
	}
	return results, attempts
}

func TestRetryExport(t *testing.T) {
	t.Parallel()
	var w waits
	results, attempts := export(t, &w, adds("a", "b", "c", "d"), func(c connector.Change, attempt int) memdir.Fate {
		switch {
		case c.ID == "b" && attempt < 3:
			return memdir.Fate{Outcome: connector.Retry}
		case c.ID == "c":
			return memdir.Fate{Outcome: connector.Rejected}
		case c.ID == "d":
			return memdir.Fate{Outcome: connector.Unknown}
		}
		return memdir.Fate{}
	})
	require.Equal(t, []connector.Outcome{connector.Applied, connector.Applied, connector.Rejected, connector.Unknown}, outcomes(results))
	require.Equal(t, map[string]int{"a": 1, "b": 3, "c": 1, "d": 1}, attempts, "only what is to be tried again is sent again")
	require.Equal(t, []time.Duration{1e9, 2e9}, w.times)
}

func TestRetryExportBounds(t *testing.T) {
	t.Parallel()
	var w waits
	results, attempts := export(t, &w, adds("a", "b"), func(c connector.Change, _ int) memdir.Fate {
		if c.ID == "a" {
			return memdir.Fate{Outcome: connector.Retry, RetryAfter: time.Hour}
		}
		return memdir.Fate{Outcome: connector.Retry, RetryAfter: 7 * time.Second}
	})
	require.Equal(t, []connector.Outcome{connector.Retry, connector.Retry}, outcomes(results))
	require.Equal(t, map[string]int{"a": 1, "b": 4}, attempts, "a wait out of bounds is left to the caller")
	require.Equal(t, time.Hour, results[0].RetryAfter)
	require.Equal(t, []time.Duration{7e9, 7e9, 7e9}, w.times)
}

func TestRetryExportStopsWithContext(t *testing.T) {
	t.Parallel()
	w := waits{err: context.Canceled}
	results, attempts := export(t, &w, adds("a", "b"), func(c connector.Change, _ int) memdir.Fate {
		if c.ID == "a" {
			return memdir.Fate{}
		}
		return memdir.Fate{Outcome: connector.Retry}
	})
	require.Equal(t, []connector.Outcome{connector.Applied, connector.Retry}, outcomes(results), "results stand when the context ends")
	require.Equal(t, map[string]int{"a": 1, "b": 1}, attempts)
}

func TestRetryExportKeepsOrderOfOneObject(t *testing.T) {
	t.Parallel()
	batch := adds("a", "a", "b")
	batch[1].ID = "a2"
	var w waits
	_, attempts := export(t, &w, batch, func(c connector.Change, _ int) memdir.Fate {
		if c.ID == "a" {
			return memdir.Fate{Outcome: connector.Retry}
		}
		return memdir.Fate{}
	})
	require.Equal(t, map[string]int{"a": 1, "a2": 1, "b": 1}, attempts, "an earlier change does not overtake a later one")
}

func TestRetryExportBatchError(t *testing.T) {
	t.Parallel()
	faulty := connectortest.WithFaults(directory(t, nil), connectortest.FaultPlan{Faults: []connectortest.Fault{
		{Kind: connectortest.LoseBatch, On: connectortest.OnExport},
	}})
	var w waits
	s, err := connector.WithRetry(faulty, w.options()).Open(t.Context(), connector.OpenOptions{})
	require.NoError(t, err)
	e, _ := connector.As[connector.Exporter](s)
	results, err := e.Export(t.Context(), adds("a"))
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.Nil(t, results)
	require.Len(t, faulty.Trace(), 1, "a batch of unknown fate is not sent again")

	// A second attempt whose answer is lost leaves the changes of that attempt unknown.
	d := directory(t, nil)
	calls := 0
	d.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate {
		calls++
		d.SetFaults(memdir.Faults{ExportBatch: connector.ErrUnavailable})
		return memdir.Fate{Outcome: connector.Retry}
	}})
	s, err = connector.WithRetry(d, w.options()).Open(t.Context(), connector.OpenOptions{})
	require.NoError(t, err)
	e, _ = connector.As[connector.Exporter](s)
	results, err = e.Export(t.Context(), adds("a"))
	require.NoError(t, err)
	require.Equal(t, []connector.Outcome{connector.Unknown}, outcomes(results))
	require.Equal(t, 1, calls)
}

func TestRetryJitterAndBackoff(t *testing.T) {
	t.Parallel()
	var w waits
	o := w.options()
	o.Attempts, o.Jitter = 7, func() float64 { return 0.5 }
	d := directory(t, nil)
	d.SetFaults(memdir.Faults{Open: connector.ErrUnavailable})
	_, err := connector.WithRetry(d, o).Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.Equal(t, []time.Duration{0.75e9, 1.5e9, 3e9, 6e9, 7.5e9, 7.5e9}, w.times, "backoff doubles up to MaxWait; jitter shortens it")
}

// capabilities names the interfaces of a session.
func capabilities(s connector.Session) (out [5]bool) {
	_, out[0] = connector.As[connector.FullImporter](s)
	_, out[1] = connector.As[connector.DeltaImporter](s)
	_, out[2] = connector.As[connector.ObjectReader](s)
	_, out[3] = connector.As[connector.Exporter](s)
	_, out[4] = connector.As[connector.Preflighter](s)
	return out
}

func TestDecoratorsKeepCapabilities(t *testing.T) {
	t.Parallel()
	for i := range 8 {
		d := directory(t, &memdir.Options{FullOnly: i&1 != 0, ReadOnly: i&2 != 0, NoRead: i&4 != 0})
		plain, err := d.Open(t.Context(), connector.OpenOptions{})
		require.NoError(t, err)
		decorated := connector.WithRetry(connectortest.WithFaults(connector.WithRetry(d, nil), connectortest.FaultPlan{}), nil)
		s, err := decorated.Open(t.Context(), connector.OpenOptions{})
		require.NoError(t, err)
		require.Equal(t, capabilities(plain), capabilities(s), "a decorator neither hides nor invents a capability")
		require.Equal(t, d.Capabilities(), decorated.Capabilities())
		inner, ok := connector.As[*memdir.Directory](decorated)
		require.True(t, ok, "As finds the connector within its decorators")
		require.Same(t, d, inner)
		_, ok = connector.As[*connectortest.Faulty](connector.Connector(d))
		require.False(t, ok)
	}
	_, ok := connector.As[connector.Exporter](nil)
	require.False(t, ok)
}

// The decorator passes the suite that the connector passes.
func TestRetryConformance(t *testing.T) {
	connectortest.Run(t, connectortest.Harness{
		Open: func(t *testing.T) connectortest.Directory {
			return connectortest.Directory{Connector: connector.WithRetry(directory(t, &memdir.Options{Schema: memdir.StandardSchema()}), nil)}
		},
		User:  connectortest.Class{Name: "user", Single: "displayName", Multi: "otherTelephone", Reference: "manager"},
		Group: connectortest.Class{Name: "group", Single: "displayName", Members: "member"},
		DN:    func(_, name string) string { return "CN=" + name + ",DC=example" },
	})
}
