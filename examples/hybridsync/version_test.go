package main

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// setUserVersion changes the schema version in the header of a SQLite file.
func setUserVersion(t *testing.T, path string, version uint32) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], version)
	_, err = f.WriteAt(b[:], 60)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}
