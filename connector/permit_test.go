package connector_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

func TestMayWrite(t *testing.T) {
	t.Parallel()
	require.NoError(t, connector.MayWrite(t.Context()), "without a permit everybody may")
	var ended error
	permitted := connector.WithPermit(t.Context(), func() error { return ended })
	ctx, cancel := context.WithCancel(permitted)
	cancel()
	require.NoError(t, connector.MayWrite(ctx), "cancellation is another matter")
	ended = errors.New("ended")
	require.ErrorIs(t, connector.MayWrite(ctx), connector.ErrRevoked, "contexts derived from it know the permit")
	require.ErrorIs(t, connector.MayWrite(ctx), ended)
	require.False(t, connector.IsTransient(connector.MayWrite(ctx)))
}
