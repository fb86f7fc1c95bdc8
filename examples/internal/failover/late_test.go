package failover_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// A gateway holds creations of users back and says that the connection broke, as the network does
// between a process that was suspended while it sent a request and a tenant that reads it later.
type gateway struct {
	http.RoundTripper

	mu      sync.Mutex
	holding bool
	held    []*http.Request
}

func (g *gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.holding || r.Body == nil {
		return g.RoundTripper.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !strings.Contains(string(body), `"onPremisesImmutableId"`) {
		return g.RoundTripper.RoundTrip(r)
	}
	g.held = append(g.held, r)
	return nil, io.ErrUnexpectedEOF
}

func (g *gateway) hold(holding bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holding = holding
}

// deliver lets one of the requests that were held back arrive.
func (g *gateway) deliver(t *testing.T) {
	t.Helper()
	r := g.held[0].WithContext(t.Context())
	answer, err := g.RoundTripper.RoundTrip(r)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Contains(t, string(body), `"status":201`)
}

// Who has left is deleted from the tenant although nobody knew that she was created: the request
// arrived after the tenant had been asked for her, and after her deletion.
func TestCreationArrivesAfterTheDeletion(t *testing.T) {
	if testing.Short() {
		t.Skip("the connector tries a creation again for some seconds")
	}
	t.Parallel()
	s := &site{t: t, dc: adtest.NewServer(t, nil), tenant: entratest.NewServer(t, nil)}
	_, err := s.dc.Populate(adtest.PopulationOptions{Users: 5, Groups: 1})
	require.NoError(t, err)
	store, err := sqlstore.OpenMemory(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	config, way := s.settings(s.tenant), &gateway{}
	config.wire = func(r http.RoundTripper) http.RoundTripper { way.RoundTripper = r; return way }
	engine, err := config.engine(store, &atomic.Int64{})
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, cycle(t.Context(), engine))
	}
	want := people(s.tenant)
	dn, err := s.dc.AddUser("Late", nil)
	require.NoError(t, err)
	way.hold(true)
	_ = cycle(t.Context(), engine)
	way.hold(false)
	require.NotEmpty(t, way.held)
	require.NoError(t, s.dc.Delete(dn))
	for range 2 {
		require.NoError(t, cycle(t.Context(), engine))
	}
	way.deliver(t)
	require.Len(t, people(s.tenant), len(want)+1, "she is there, who has left")
	for range 2 {
		require.NoError(t, cycle(t.Context(), engine))
	}
	require.True(t, slices.Equal(want, people(s.tenant)), "nobody is left over")
}
