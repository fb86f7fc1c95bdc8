package connector

import (
	"context"
	"fmt"
)

type permitKey struct{}

// WithPermit returns a context in which directories may be changed only as long as permit
// returns nil. An engine that can lose its place to another process passes one to
// [Exporter.Export]. That the context is cancelled in time is not enough: a process that was
// suspended may go on before the cancellation does. permit must be quick and safe for
// concurrent use, and once it has failed it must go on failing.
func WithPermit(ctx context.Context, permit func() error) context.Context {
	return context.WithValue(ctx, permitKey{}, permit)
}

// MayWrite reports whether a request that changes the directory may be sent now: it asks the
// permit of [WithPermit], and where there is none, it may. A connector asks right before
// each such request, as near to the wire as it can. The error matches [ErrRevoked] and that of
// the permit; then nothing more is sent, as when ctx is cancelled.
func MayWrite(ctx context.Context) error {
	permit, ok := ctx.Value(permitKey{}).(func() error)
	if !ok {
		return nil
	}
	if err := permit(); err != nil {
		return fmt.Errorf("%w: %w", ErrRevoked, err)
	}
	return nil
}
