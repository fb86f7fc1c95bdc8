package tenantload_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/examples/internal/tenantload"
)

// HYBRIDSYNC_LOAD names how long to measure, such as 200s; quotas are scaled by 50 then.
// Without it only the counts are looked at, not the share of the quota.
func TestRun(t *testing.T) {
	t.Parallel()
	d, err := time.ParseDuration(os.Getenv("HYBRIDSYNC_LOAD"))
	if err != nil {
		d = time.Second
	}
	r, err := tenantload.Run(t.Context(), tenantload.Config{Scale: 50, Duration: d})
	require.NoError(t, err)
	require.Positive(t, r.Users)
	require.Positive(t, r.Quota)
	require.LessOrEqual(t, r.RefusedShare(), 0.01)
	require.LessOrEqual(t, r.MemberWrites, (r.Members+19)/20)
	t.Logf("%d users in %v: %.1f %% of the quota, %.2f %% of %d requests refused, %.0f HTTP requests per 1,000 users; %d members: %d writes in %d HTTP requests",
		r.Users, r.Elapsed.Round(time.Millisecond), 100*r.Share(), 100*r.RefusedShare(), r.Requests, float64(r.Batches)*1000/float64(r.Users),
		r.Members, r.MemberWrites, r.MemberBatches)
}
