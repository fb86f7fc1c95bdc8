package connector_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

// listing gives pages 1 to n; next tells the token that comes with a page.
func listing(calls *int, next func(page int) string) func(context.Context, string) (int, string, error) {
	return func(_ context.Context, token string) (int, string, error) {
		*calls++
		page := 1
		if token != "" {
			page, _ = strconv.Atoi(token)
		}
		return page, next(page), nil
	}
}

func upTo(n int) func(int) string {
	return func(page int) string {
		if page == n {
			return ""
		}
		return strconv.Itoa(page + 1)
	}
}

func collect(ctx context.Context, fetch func(context.Context, string) (int, string, error), o *connector.PagesOptions) (pages []int, err error) {
	for p, e := range connector.Pages(ctx, fetch, o) {
		if e != nil {
			return pages, e
		}
		pages = append(pages, p)
	}
	return pages, nil
}

func TestPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		next  func(int) string
		o     *connector.PagesOptions
		pages []int
		err   error
	}{
		"one page":      {upTo(1), nil, []int{1}, nil},
		"three pages":   {upTo(3), nil, []int{1, 2, 3}, nil},
		"same token":    {func(int) string { return "2" }, nil, []int{1, 2}, connector.ErrProtocol},
		"longer circle": {func(p int) string { return strconv.Itoa(p%3 + 1) }, nil, []int{1, 2, 3, 1}, connector.ErrProtocol},
		"budget":        {func(p int) string { return strconv.Itoa(p + 1) }, &connector.PagesOptions{MaxPages: 4}, []int{1, 2, 3, 4}, connector.ErrProtocol},
		"exact budget":  {upTo(4), &connector.PagesOptions{MaxPages: 4}, []int{1, 2, 3, 4}, nil},
		"same token allowed": {
			func(int) string { return "1" }, &connector.PagesOptions{MaxPages: 3, SameToken: true},
			[]int{1, 1, 1}, connector.ErrProtocol,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls int
			pages, err := collect(t.Context(), listing(&calls, c.next), c.o)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.pages, pages)
			require.Len(t, pages, calls, "nothing is fetched in advance")
		})
	}
}

func TestPagesEndEarly(t *testing.T) {
	t.Parallel()
	var calls int
	for _, err := range connector.Pages(t.Context(), listing(&calls, upTo(5)), nil) {
		require.NoError(t, err)
		break
	}
	require.Equal(t, 1, calls, "leaving the loop fetches no more")

	broken := errors.New("broken")
	_, err := collect(t.Context(), func(context.Context, string) (int, string, error) { return 0, "", broken }, nil)
	require.ErrorIs(t, err, broken)

	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	calls = 0
	fetch := listing(&calls, upTo(5))
	pages, err := collect(ctx, func(ctx context.Context, token string) (int, string, error) {
		if token == "2" {
			cancel(stop)
		}
		return fetch(ctx, token)
	}, nil)
	require.ErrorIs(t, err, stop, "the cause of the context ends the iteration")
	require.Equal(t, []int{1, 2}, pages)
}
