package failover_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/rules"
)

// settings are what a process gets to know, through its environment.
type settings struct {
	Store                            string
	Period                           time.Duration
	DC, User, Password, CA           string
	TenantID, ClientID, ClientSecret string
	Graph, Authority, TenantCA       string

	wire func(http.RoundTripper) http.RoundTripper // what is on the way to the tenant; nil for nothing
}

const settingsEnv = "FAILOVER_TEST_SETTINGS"

// TestMain is also the program of the processes.
func TestMain(m *testing.M) {
	if text := os.Getenv(settingsEnv); text != "" {
		var s settings
		err := json.Unmarshal([]byte(text), &s)
		if err == nil {
			err = s.serve(context.Background())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// tagged tells the tenant under which fencing token a request is sent.
type tagged struct {
	http.RoundTripper
	token *atomic.Int64
}

func (t tagged) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("client-request-id", fmt.Sprintf("token-%d-%d", t.token.Load(), os.Getpid()))
	return t.RoundTripper.RoundTrip(r)
}

func (s *settings) engine(store metaverse.Store, token *atomic.Int64) (*metaverse.Engine, error) {
	directory, err := ad.New("contoso.test", ad.Options{
		URLs: []string{s.DC}, BindName: s.User, CAFile: s.CA, ReadOnly: true, AllowAdministrator: true,
		Password: func(context.Context) (string, error) { return s.Password, nil },
	})
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(s.TenantCA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	cred, err := credential.FromClientSecret(credential.Identity{TenantID: s.TenantID, ClientID: s.ClientID, Authority: s.Authority},
		credential.NewSecret(s.ClientSecret), &credential.Options{RootCAs: pool})
	if err != nil {
		return nil, err
	}
	var transport http.RoundTripper = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	if s.wire != nil {
		transport = s.wire(transport)
	}
	tenant, err := entra.New("tenant", cred, &entra.Options{
		BaseURL: s.Graph, TenantID: s.TenantID, WritesPerSecond: -1,
		HTTPClient: &http.Client{Transport: tagged{transport, token}},
	})
	if err != nil {
		return nil, err
	}
	set, err := rules.Compile(rules.Standard(rules.StandardOptions{AD: []rules.ADConnector{{Name: "contoso.test"}}, Entra: "tenant"}), nil)
	if err != nil {
		return nil, err
	}
	// However many deletions have piled up until somebody takes over, no administrator is there to accept
	// them.
	return metaverse.New(store, set, []connector.Connector{directory, tenant}, &metaverse.Options{
		DeletionThreshold: -1, LeasePeriod: s.Period, Batch: 20, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

// serve waits for the lease and runs cycles while it has it, for ever.
func (s *settings) serve(ctx context.Context) error {
	var store *sqlstore.Store
	for {
		var err error
		if store, err = sqlstore.Open(ctx, s.Store, &sqlstore.Options{Reconnect: s.Period, ReadConnections: 2}); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond) // the connection may be cut while it is made
	}
	var token atomic.Int64
	engine, err := s.engine(store, &token)
	if err != nil {
		return err
	}
	for {
		hold, err := engine.Hold(ctx)
		if err != nil {
			if errors.Is(err, metaverse.ErrNewerSchema) {
				return err
			}
			time.Sleep(s.Period / 20)
			continue
		}
		token.Store(hold.Token())
		for lost := false; !lost; {
			_ = cycle(ctx, engine) // the next one goes on
			select {
			case <-hold.Lost():
				lost = true
			case <-time.After(10 * time.Millisecond):
			}
		}
		hold.Release()
	}
}

func cycle(ctx context.Context, e *metaverse.Engine) error {
	for _, step := range []struct {
		name string
		kind metaverse.StepKind
	}{
		{"contoso.test", metaverse.DeltaImport}, {"tenant", metaverse.DeltaImport},
		{"contoso.test", metaverse.DeltaSync}, {"tenant", metaverse.DeltaSync}, {"tenant", metaverse.Export},
	} {
		if _, err := e.Run(ctx, step.name, step.kind, nil); err != nil {
			return err
		}
	}
	return nil
}

// tokenOf reads the fencing token from the tag of a request, 0 where there is none.
func tokenOf(tag string) (token int64) {
	if rest, ok := strings.CutPrefix(tag, "token-"); ok {
		_, _ = fmt.Sscanf(rest, "%d-", &token)
	}
	return token
}
