package metaverse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
)

// Steps that a killed process has left in progress are closed by the next one that runs a step;
// steps that run beside that one are not.
func TestInterruptedStepsAreClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	w.run("ad", metaverse.FullImport)
	dying := &crashStore{Store: w.store, left: 2}
	good := w.store
	w.store = dying
	w.reload()
	_, err := w.engine.Run(t.Context(), "ad", metaverse.FullSync, nil)
	require.ErrorIs(t, err, errCrash)
	w.store = good
	w.reload()
	require.Equal(t, metaverse.ResultRunning, w.history()[0].Result, "nobody has noticed yet")
	killed := w.history()[0].ID

	hold, err := w.engine.Hold(t.Context())
	require.NoError(t, err)
	defer hold.Release()
	w.run("cloud", metaverse.FullImport)
	runs := w.history()
	require.Equal(t, metaverse.ResultSuccess, runs[0].Result)
	require.Equal(t, killed, runs[1].ID)
	require.Equal(t, metaverse.ResultStoppedInterrupted, runs[1].Result)
	require.False(t, runs[1].Ended.IsZero())
	require.NotEmpty(t, runs[1].Error)

	// One of this process, in progress, is left alone.
	require.NoError(t, w.store.Update(t.Context(), func(tx metaverse.Tx) error {
		_, err := tx.PutRun(&metaverse.RunRecord{Connector: "ad", Step: metaverse.FullSync, Result: metaverse.ResultRunning, Token: hold.Token()})
		return err
	}))
	w.run("cloud", metaverse.DeltaImport)
	require.Equal(t, metaverse.ResultRunning, w.history()[1].Result)
	hold.Release()
	w.run("cloud", metaverse.DeltaImport)
	require.Equal(t, metaverse.ResultStoppedInterrupted, w.history()[2].Result, "until the lease has another holder")
}

// history returns the run steps, newest first.
func (w *world) history() (runs []metaverse.RunRecord) {
	w.t.Helper()
	require.NoError(w.t, w.store.View(w.t.Context(), func(rd metaverse.Reader) (err error) {
		runs, err = rd.Runs("", 0, 100)
		return err
	}))
	return runs
}
