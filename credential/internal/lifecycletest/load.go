package lifecycletest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/credential"
)

// Load rotates ten times, removing the old certificate at once, while fifty goroutines sign
// in and call Graph. No call may fail.
func Load(t *testing.T, stores Stores) {
	t.Helper()
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.Managed, nil)
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	// A second server of the deployment, which learns of rotations from the stored state.
	other := e.manager(credential.Managed, nil)
	running, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var calls, failed atomic.Int64
	var first atomic.Value
	client := e.srv.HTTPClient()
	for i := range 50 {
		cred := m.Credential()
		if i%2 == 1 {
			cred = other.Credential()
		}
		wg.Go(func() {
			for running.Err() == nil {
				if err := callGraph(ctx, e.srv, client, cred); err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, err.Error())
				}
				calls.Add(1)
			}
		})
	}
	var err error
	for range 10 {
		if err = m.Rotate(ctx, nil, nil); err != nil {
			break
		}
	}
	stop()
	wg.Wait()
	require.NoError(t, err)
	require.Zero(t, failed.Load(), "of %d calls: %v", calls.Load(), first.Load())
	require.Greater(t, calls.Load(), int64(100))
	t.Logf("%d calls during ten rotations", calls.Load())
	require.Equal(t, 1, e.certificates(status(t, m).ObjectID))
}
