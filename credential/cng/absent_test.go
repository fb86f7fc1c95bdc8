//go:build !windows

package cng_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/credential/cng"
)

func TestElsewhere(t *testing.T) {
	t.Parallel()
	_, err := cng.Open(nil)
	require.ErrorIs(t, err, cng.ErrNotWindows)
	_, err = (*cng.Store)(nil).Certificate(t.Context(), "")
	require.ErrorIs(t, err, cng.ErrNotWindows)
	require.NoError(t, (*cng.Store)(nil).Close())
}
