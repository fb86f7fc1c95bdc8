package connector_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

func TestCodeOf(t *testing.T) {
	t.Parallel()
	named := &connector.Error{Op: "export", Code: connector.CodeInvalidDN, Err: connector.ErrInvalid}
	for name, c := range map[string]struct {
		err  error
		want connector.Code
	}{
		"nil":             {nil, ""},
		"plain":           {errors.New("x"), connector.CodeUnexpected},
		"named":           {named, connector.CodeInvalidDN},
		"wrapped":         {fmt.Errorf("run: %w", named), connector.CodeInvalidDN},
		"joined":          {errors.Join(errors.New("x"), named), connector.CodeInvalidDN},
		"outer nameless":  {&connector.Error{Op: "x", Err: fmt.Errorf("y: %w", named)}, connector.CodeInvalidDN},
		"outermost wins":  {&connector.Error{Op: "x", Code: connector.CodeThrottled, Err: named}, connector.CodeThrottled},
		"nameless alone":  {&connector.Error{Op: "x", Err: connector.ErrInvalid}, connector.CodeUnexpected},
		"without a cause": {&connector.Error{Op: "x"}, connector.CodeUnexpected},
	} {
		require.Equal(t, c.want, connector.CodeOf(c.err), name)
	}
}

func TestIsTransient(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nil":                 {nil, false},
		"unavailable":         {fmt.Errorf("dial: %w", connector.ErrUnavailable), true},
		"throttled":           {&connector.ThrottledError{}, true},
		"deadline":            {context.DeadlineExceeded, true},
		"network timeout":     {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, true},
		"network refusal":     {&net.OpError{Op: "dial", Err: errors.New("refused")}, false},
		"cancelled":           {context.Canceled, false},
		"cancelled meanwhile": {fmt.Errorf("%w: %w", context.Canceled, connector.ErrUnavailable), false},
		"expired watermark":   {connector.ErrWatermarkExpired, false},
		"authentication":      {connector.ErrAuthentication, false},
		"conflict":            {connector.ErrConflict, false},
	} {
		require.Equal(t, c.want, connector.IsTransient(c.err), name)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("export: %w", &connector.Error{Op: "export", Err: &connector.ThrottledError{RetryAfter: time.Minute}})
	require.Equal(t, time.Minute, connector.RetryAfter(err))
	require.ErrorIs(t, err, connector.ErrThrottled)
	require.Zero(t, connector.RetryAfter(connector.ErrThrottled))
	require.Zero(t, connector.RetryAfter(nil))
	require.Equal(t, "throttled", (&connector.ThrottledError{}).Error())
	require.Equal(t, "throttled, retry after 2s", (&connector.ThrottledError{RetryAfter: 2 * time.Second}).Error())
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*connector.Error{
		"open":                               {Op: "open"},
		"ad: open":                           {Op: "open", Connector: "ad"},
		"open: conflict with another object": {Op: "open", Err: connector.ErrConflict},
		"ad: export CN=a: attribute mail: invalid-attribute-value: refused as invalid": {Op: "export", Connector: "ad", Object: connector.Key{DN: "CN=a"}, Attribute: "mail", Code: connector.CodeInvalidValue, Err: connector.ErrInvalid},
		"export object-1: cd-missing-object: object not found":                         {Op: "export", Object: connector.Key{Anchor: connector.TextAnchor("object-1")}, Code: connector.CodeMissingObject, Err: connector.ErrNotFound},
	} {
		require.EqualError(t, e, want)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "update", connector.OpUpdate.String())
	require.Equal(t, "op(9)", connector.ChangeOp(9).String())
	require.Equal(t, "unknown", connector.Unknown.String())
	require.Equal(t, "outcome(99)", connector.Outcome(99).String())
	require.Equal(t, "complete", connector.ItemComplete.String())
	require.Equal(t, "item(77)", connector.ItemKind(77).String())
	require.Equal(t, []string{"notice", "warning", "error"},
		[]string{connector.Notice.String(), connector.Warning.String(), connector.Failure.String()})
	for o := connector.Applied; o <= connector.Unknown; o++ {
		require.Equal(t, o == connector.Applied || o == connector.NoChange, o.Done(), o.String())
	}
}
