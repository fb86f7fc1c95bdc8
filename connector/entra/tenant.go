package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// version is that of the implementation, as [connector.Info] and the User-Agent show it.
const version = "1"

// exportBatch is the largest export batch: ten JSON batches, some of them under way at the
// same time.
const exportBatch = 200

// deltaLife is how long Graph honours a delta link of directory objects.
const deltaLife = 7 * 24 * time.Hour

// A Tenant is a Microsoft Entra tenant as a connected directory. It is safe for concurrent
// use.
type Tenant struct {
	name    string
	o       Options
	classes []*class
	client  *client
	recent  *recent

	mu      sync.Mutex // guards counted
	counted time.Time  // when the users were counted last
}

// New returns the tenant that the credential belongs to. It sends nothing; nil options are
// the defaults. The name is that by which rules refer to this instance.
func New(name string, cred azcore.TokenCredential, opts *Options) (*Tenant, error) {
	if name == "" {
		return nil, errors.New("entra: the connector needs a name")
	}
	if cred == nil {
		return nil, errors.New("entra: the connector needs a credential")
	}
	t := &Tenant{name: name, o: opts.withDefaults()}
	if err := t.o.validate(); err != nil {
		return nil, err
	}
	t.classes = newClasses(&t.o)
	t.recent = newRecent(t.o.Clock)
	var err error
	if t.client, err = newClient(cred, &t.o); err != nil {
		return nil, err
	}
	return t, nil
}

// Info names the connector.
func (t *Tenant) Info() connector.Info {
	return connector.Info{Type: "entra", Version: version, Name: t.name}
}

// Capabilities declares what sessions can do. Graph follows changes of references, which
// are by anchor, and wants the objects that they name to exist.
func (t *Tenant) Capabilities() connector.Capabilities {
	return connector.Capabilities{
		FullImport: true, DeltaImport: true, ReadObjects: true, Export: true, Preflight: true,
		References: connector.ReferenceByAnchor, ReferencesLast: true,
		Resume: true, Restore: !t.o.NoRestore && !t.o.BlockHardMatch, TakeOver: !t.o.BlockHardMatch,
		ExportBatch: exportBatch, WatermarkLife: deltaLife,
	}
}

// Open starts a session. It gets an access token and asks the tenant for its id, which
// shows that endpoint, certificate and credential are right.
func (t *Tenant) Open(ctx context.Context, o connector.OpenOptions) (connector.Session, error) {
	s := &session{t: t, log: t.o.Logger, decoders: make(map[string]*decoder)}
	if o.Logger != nil {
		s.log = o.Logger
	}
	var wanted map[string]bool
	if len(o.Attributes) > 0 {
		wanted = make(map[string]bool, len(o.Attributes))
		for _, a := range o.Attributes {
			wanted[attr.Fold(a)] = true
		}
	}
	for _, c := range t.classes {
		named := func(n string) bool { return attr.EqualName(n, c.name) }
		if len(o.Classes) == 0 || slices.ContainsFunc(o.Classes, named) {
			s.classes = append(s.classes, c)
			s.decoders[c.name] = &decoder{class: c, wanted: wanted}
		}
	}
	if err := s.identify(ctx); err != nil {
		return nil, t.failure("open", err)
	}
	if err := s.measure(ctx); err != nil {
		return nil, t.failure("open", err)
	}
	return s, nil
}

// A session is one conversation. Its deleted objects are listed at most once.
type session struct {
	t        *Tenant
	log      *slog.Logger
	classes  []*class
	decoders map[string]*decoder
	deleted  deletedIndex
	roles    roleHolders
	closed   bool
}

var errClosed = errors.New("the session is closed")

// Close ends the session. Connections belong to the tenant and stay for the next.
func (s *session) Close(context.Context) error {
	s.closed = true
	return nil
}

func (s *session) usable(ctx context.Context) error {
	switch {
	case s.closed:
		return errClosed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return nil
}

// decoder returns how objects of a class are read, nil for a class out of scope.
func (s *session) decoder(class string) *decoder {
	for _, c := range s.classes {
		if attr.EqualName(c.name, class) {
			return s.decoders[c.name]
		}
	}
	return nil
}

// An organization is what the tenant says about itself.
type organization struct {
	ID              string `json:"id"`
	SyncEnabled     bool   `json:"onPremisesSyncEnabled"`
	VerifiedDomains []struct {
		Name      string `json:"name"`
		IsDefault bool   `json:"isDefault"`
		IsInitial bool   `json:"isInitial"`
	} `json:"verifiedDomains"`
}

// organization reads it.
func (s *session) organization(ctx context.Context, props ...string) (*organization, error) {
	a, err := s.t.client.do(ctx, s.log, s.t.client.get("/organization?$select="+strings.Join(props, ",")), nil)
	if err != nil {
		return nil, err
	}
	var out struct {
		Value []organization `json:"value"`
	}
	if err := json.Unmarshal(a.body, &out); err != nil || len(out.Value) == 0 {
		return nil, errJSON
	}
	return &out.Value[0], nil
}

// identify checks that the tenant can be talked to and is the expected one. An application
// that may not read the organization is taken at its word.
func (s *session) identify(ctx context.Context) error {
	org, err := s.organization(ctx, "id")
	var g *GraphError
	switch {
	case errors.As(err, &g) && g.Status == http.StatusForbidden:
		return nil
	case err != nil:
		return err
	case s.t.o.TenantID != "" && !strings.EqualFold(org.ID, s.t.o.TenantID):
		return fmt.Errorf("%w: the credential belongs to another tenant than the configured one", connector.ErrAuthentication)
	}
	return nil
}

// countAgain is how long the number of users is good for pacing.
const countAgain = 24 * time.Hour

// measure counts the users for the pacer, at most once a day. An application that may not
// is paced like one in a small tenant.
func (s *session) measure(ctx context.Context) error {
	if s.t.client.pace.units == nil || s.t.o.UnitsPerSecond != 0 {
		return nil
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if now := s.t.o.Clock(); s.t.counted.IsZero() || now.Sub(s.t.counted) >= countAgain {
		n, err := s.count(ctx, "users")
		if err != nil {
			return err
		}
		s.t.client.pace.size(n)
		s.t.counted = now
	}
	return nil
}

// count asks for the number of objects of a set, 0 where that is not allowed.
func (s *session) count(ctx context.Context, set string, options ...string) (int64, error) {
	path := "/" + set + "/$count"
	if len(options) > 0 {
		path += "?" + strings.Join(options, "&")
	}
	a, err := s.t.client.do(ctx, s.log, s.t.client.get(path), http.Header{"ConsistencyLevel": {"eventual"}, "Accept": {"text/plain"}})
	if isStatus(err, http.StatusForbidden) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimPrefix(string(a.body), "\ufeff")), 10, 64)
	if err != nil {
		return 0, errJSON
	}
	return n, nil
}

var (
	_ connector.Connector     = (*Tenant)(nil)
	_ connector.Session       = (*session)(nil)
	_ connector.FullImporter  = (*session)(nil)
	_ connector.DeltaImporter = (*session)(nil)
	_ connector.ObjectReader  = (*session)(nil)
	_ connector.Exporter      = (*session)(nil)
	_ connector.Preflighter   = (*session)(nil)
)
