package credential_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/credential"
)

func TestFileState(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "identity.json")
	s := credential.NewFileState(path)
	st, err := s.Load(ctx)
	require.NoError(t, err)
	require.Zero(t, st, "there is none yet")
	st.Revision, st.Step, st.Mode = 1, credential.StepActive, credential.Managed
	require.NoError(t, s.Save(ctx, st))
	require.ErrorIs(t, s.Save(ctx, st), credential.ErrStateConflict, "revision 1 is there")
	back, err := credential.NewFileState(path).Load(ctx)
	require.NoError(t, err)
	require.Equal(t, credential.StepActive, back.Step)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	for name, text := range map[string]string{
		"half":    `{"version":1,"revi`,
		"newer":   `{"version":2,"revision":5}`,
		"unknown": `{"version":1,"revision":5,"colour":"red"}`,
		"empty":   ``,
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := s.Load(ctx)
		require.Error(t, err, name)
		require.Error(t, s.Save(ctx, credential.State{Revision: 6}), "%s: what cannot be read is not replaced", name)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = s.Load(cancelled)
	require.ErrorIs(t, err, context.Canceled)
}

// Of many that write over the same revision one gets through.
func TestFileStateHasOneWinner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "identity.json")
	for revision := uint64(1); revision <= 10; revision++ {
		var wg sync.WaitGroup
		var won atomic.Int64
		for range 8 {
			wg.Go(func() {
				if credential.NewFileState(path).Save(t.Context(), credential.State{Revision: revision}) == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, won.Load())
	}
	left, err := filepath.Glob(path + ".new-*")
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestManagerSettings(t *testing.T) {
	t.Parallel()
	state := credential.NewFileState(filepath.Join(t.TempDir(), "s"))
	_, err := credential.NewManager(credential.Settings{Mode: "x", GraphURL: "http://a", Authority: "http://b"}, nil, nil, nil)
	for _, want := range []string{"GraphURL", "Mode", "TenantID", "ClientID", "state store", "Authority"} {
		require.ErrorContains(t, err, want, "every problem at once")
	}
	_, err = credential.NewManager(credential.Settings{Mode: credential.Managed, TenantID: "t"}, nil, state, nil)
	require.ErrorContains(t, err, "key store")
	_, err = credential.NewManager(credential.Settings{Mode: credential.ClientSecret, TenantID: "t", ClientID: "c"}, nil, state, nil)
	require.ErrorContains(t, err, "Secret")
	_, err = credential.NewManager(credential.Settings{Mode: credential.BringYourOwnApplication, TenantID: "t", ClientID: "c"}, nil, state,
		&credential.ManagerOptions{LeaseTime: 1})
	require.ErrorContains(t, err, "LeaseTime")
}

func TestKeyIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"a", "0", "a-b-9", "01234567-89ab-cdef-0123-456789abcdef"} {
		require.NoError(t, credential.CheckKeyID(id))
	}
	for _, id := range []string{"", "-", "A", "a_b", "a.b", "a/b", "ü"} {
		require.Error(t, credential.CheckKeyID(id))
	}
}
