package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/examples/internal/console"
)

func TestQuickstart(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, &console.Reporter{}))
	text := out.String()
	require.Contains(t, text, "signs in as MSOL_quickstart")
	require.Contains(t, text, "The tenant now holds 200 users")
	require.Contains(t, text, "Requests that wrote anything: 0.")
	_, written, ok := strings.Cut(text, "What was written to the tenant:\n")
	require.True(t, ok)
	written, different, ok := strings.Cut(written, "What is different in the tenant:\n")
	require.True(t, ok)
	require.Equal(t, []string{
		"- DELETE /users/{id}: 204", "- PATCH /groups/{id}: 204", "- PATCH /users/{id}: 204", "- PATCH /users/{id}: 204",
	}, lines(written))
	for _, want := range []string{
		`displayName was "Vera Baker", is "Ada Lovelace"`, `accountEnabled was "true", is "false"`, "is gone", "new member",
	} {
		require.Contains(t, different, want)
	}
}

func lines(text string) (out []string) {
	for line := range strings.Lines(text) {
		out = append(out, strings.TrimSpace(line))
	}
	return out
}
