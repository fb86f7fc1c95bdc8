package scheduler_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/scheduler"
)

func TestCron(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	tests := []struct{ name, spec, after, next string }{
		{"plain", "0 3 * * *", "2026-05-04T12:00:00+02:00", "2026-05-05T03:00:00+02:00"},
		{"weekday", "30 6 * * 1-5", "2026-05-08T06:30:00+02:00", "2026-05-11T06:30:00+02:00"},
		{"every ten minutes", "*/10 * * * *", "2026-05-08T06:31:07+02:00", "2026-05-08T06:40:00+02:00"},
		{"spring: the skipped time is made up for", "30 2 * * *", "2026-03-28T12:00:00+01:00", "2026-03-29T03:30:00+02:00"},
		{"spring: and only once", "30 2 * * *", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"},
		{"spring: a time after the gap", "0 4 * * *", "2026-03-28T12:00:00+01:00", "2026-03-29T04:00:00+02:00"},
		{"spring: hourly", "30 * * * *", "2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"},
		{"autumn: the first of two", "30 2 * * *", "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"autumn: not the second", "30 2 * * *", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		{"autumn: hourly takes both", "30 * * * *", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"},
		{"monthly across autumn", "0 5 1 * *", "2026-10-01T05:00:00+02:00", "2026-11-01T05:00:00+01:00"},
		{"monthly across spring", "0 5 1 * *", "2026-03-01T05:00:00+01:00", "2026-04-01T05:00:00+02:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := scheduler.Cron(tt.spec, berlin)
			require.NoError(t, err)
			after, err := time.Parse(time.RFC3339, tt.after)
			require.NoError(t, err)
			require.Equal(t, tt.next, c.Next(after).Format(time.RFC3339))
		})
	}
	for _, bad := range []string{"", "0 3 * *", "61 * * * *", "@every 5s", "TZ=UTC 0 3 * * *", "daily"} {
		_, err := scheduler.Cron(bad, nil)
		require.ErrorContains(t, err, "scheduler: ", bad)
	}
	never, err := scheduler.Cron("0 0 30 2 *", time.UTC)
	require.NoError(t, err)
	require.True(t, never.Next(time.Now()).IsZero())
}
