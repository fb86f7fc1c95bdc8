package sqlstore_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

func dump(t *testing.T, s *sqlstore.Store) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, s.Dump(t.Context(), &b))
	return b.String()
}

// awkward puts in what databases like to get wrong.
func awkward(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error {
		id, err := tx.NewCS(1)
		require.NoError(t, err)
		require.NoError(t, tx.PutCS([]*metaverse.CSObject{{ID: id, Connector: "\x00odd\xff\uf8ff", DN: "CN=\x00\xff\uf8ff'\"\\", Class: "Ünïcode"}}))
		require.NoError(t, tx.PutSetting("", nil))
		require.NoError(t, tx.PutSetting("empty", []byte{}))
		require.NoError(t, tx.PutSetting("zz\x00", []byte{0}))
		_, err = tx.PutConfiguration(metaverse.Configuration{Author: "ann", At: time.Unix(7, 0), Text: []byte("text")})
		return err
	}))
}

func TestCopy(t *testing.T) {
	t.Parallel()
	source := open(t, filepath.Join(t.TempDir(), "source.db"), nil)
	fill(t, source)
	awkward(t, source)
	lease, err := source.AcquireLease(t.Context(), metaverse.Holder{Host: "a"}, time.Hour, nil)
	require.NoError(t, err)
	server, _ := postgres(t, nil)
	_, err = sqlstore.Copy(t.Context(), source, server, nil)
	require.ErrorIs(t, err, metaverse.ErrRunning, "not while somebody may change it")
	require.NoError(t, source.ReleaseLease(t.Context(), lease.Token))

	var last sqlstore.CopyProgress
	there, err := sqlstore.Copy(t.Context(), source, server, &sqlstore.CopyOptions{Progress: func(p sqlstore.CopyProgress) { last = p }})
	require.NoError(t, err)
	require.Equal(t, "verify", last.Phase)
	require.Equal(t, last.Total, last.Done)
	require.Equal(t, dump(t, source), dump(t, server))
	require.Equal(t, metaversetest.Snapshot(t, source), metaversetest.Snapshot(t, server))
	before, err := source.Lease(t.Context())
	require.NoError(t, err)
	after, err := server.Lease(t.Context())
	require.NoError(t, err)
	require.False(t, before.Held())
	require.False(t, after.Held())
	require.Equal(t, before.Token, after.Token, "tokens go on growing")

	back := open(t, filepath.Join(t.TempDir(), "back.db"), nil)
	again, err := sqlstore.Copy(t.Context(), server, back, nil)
	require.NoError(t, err)
	require.Equal(t, there, again, "hashes do not depend on the database")
	require.Equal(t, dump(t, source), dump(t, back))

	_, err = sqlstore.Copy(t.Context(), source, server, nil)
	require.ErrorIs(t, err, sqlstore.ErrNotEmpty)
	awkward(t, source)
	want, err := source.Check(t.Context())
	require.NoError(t, err)
	for _, s := range []*sqlstore.Store{server, back} {
		awkward(t, s) // ids go on: nothing is in the way
		problems, err := s.Check(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, problems, "what is odd in the source is as odd in the copies, and nothing else is")
	}
}

// A copy that is interrupted leaves the target empty.
func TestCopyIsAllOrNothing(t *testing.T) {
	t.Parallel()
	source := open(t, filepath.Join(t.TempDir(), "source.db"), nil)
	fill(t, source)
	server, _ := postgres(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := sqlstore.Copy(ctx, source, server, &sqlstore.CopyOptions{Progress: func(p sqlstore.CopyProgress) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, dump(t, server))
	_, err = sqlstore.Copy(t.Context(), source, server, nil)
	require.NoError(t, err, "nor does the source stay held")
}
