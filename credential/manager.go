package credential

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Settings say which identity a [Manager] manages.
type Settings struct {
	Mode Mode
	// Name of the application and of its certificates, as administrators see it. ""
	// means "hybridsync".
	Name string
	// TenantID is the directory id or a verified domain. Required.
	TenantID string
	// Authority is the host that issues tokens. "" means the public cloud's.
	Authority string
	// GraphURL is Microsoft Graph's address, ending in its version. "" means the public
	// cloud's, version 1.0.
	GraphURL string
	// Scope of tokens for Graph. "" means that of GraphURL; a GraphURL that is no host of
	// Microsoft's gets the public cloud's.
	Scope string
	// ClientID is the application's id: required where the application is the
	// administrator's, and not allowed where the library makes it.
	ClientID string
	// ObjectID is the application's object id. "" means to ask Graph, which takes a
	// permission to read applications.
	ObjectID string
	// Permissions that the library asks for and grants where it makes the application. Nil
	// means [SyncPermissions].
	Permissions []Permission
}

// ManagerOptions adjust a [Manager]. The zero value, or nil, is good.
type ManagerOptions struct {
	Options
	// Logger takes events. Nil discards them.
	Logger *slog.Logger
	// OnEvent is called with every event, from any goroutine. It must not block.
	OnEvent func(Event)
	// Policy says when certificates are due.
	Policy RotationPolicy
	// Lifetime of certificates that the library makes. Zero means [DefaultLifetime].
	Lifetime time.Duration
	// Overlap is how long an old key credential stays after the switch to a new one, so
	// that no sign-in fails while the new one spreads. Zero means one hour; negative
	// removes it at once.
	Overlap time.Duration
	// ProveTimeout is how long a new key is tried before a rotation fails: the token
	// service may take minutes to learn of it. Zero means five minutes.
	ProveTimeout time.Duration
	// RetryDelay is the first pause between tries; each further one is twice as long, up
	// to half a minute. Zero means one second.
	RetryDelay time.Duration
	// LeaseTime is how long a server that died in a change keeps others from it. Zero
	// means ten minutes; it must be longer than ProveTimeout.
	LeaseTime time.Duration
	// Holder names this process in leases. "" means host, process id and a random part.
	Holder string
	// Interval is how often [Manager.Run] maintains. Zero means one hour.
	Interval time.Duration
	// StallAfter is how long maintenance may not run before use of the credential raises
	// an alarm. Zero means two days.
	StallAfter time.Duration
	// Suspended reports whether automatic rotation is switched off for now. Nil means it
	// is not.
	Suspended func() bool
	// ProofAudience is who proofs of possession are made for. "" means
	// 00000002-0000-0000-c000-000000000000; newer documents also name
	// 00000003-0000-0000-c000-000000000000.
	ProofAudience string
	// Secret gives the client secret in mode [ClientSecret] and for moves from and to it.
	Secret func(context.Context) (Secret, error)
	// FilePassword gives the password of a certificate file. Nil means none.
	FilePassword func(ctx context.Context, file string) (Secret, error)
}

func (o *ManagerOptions) suspended() bool { return o.Suspended != nil && o.Suspended() }

func (o *ManagerOptions) withDefaults() ManagerOptions {
	var d ManagerOptions
	if o != nil {
		d = *o
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	def := func(v *time.Duration, to time.Duration) {
		if *v == 0 {
			*v = to
		}
	}
	def(&d.Lifetime, DefaultLifetime)
	def(&d.Overlap, time.Hour)
	def(&d.ProveTimeout, 5*time.Minute)
	def(&d.RetryDelay, time.Second)
	def(&d.LeaseTime, 10*time.Minute)
	def(&d.Interval, time.Hour)
	def(&d.StallAfter, 2*day)
	if d.Holder == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown host"
		}
		d.Holder = fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:8])
	}
	if d.ProofAudience == "" {
		d.ProofAudience = "00000002-0000-0000-c000-000000000000"
	}
	d.Policy = d.Policy.withDefaults()
	return d
}

// A Manager owns the life of one application identity: it sets it up, gives credentials,
// rotates, rolls back and removes. What it does is written to a [StateStore] before and
// after each step, so that after a crash any manager with the same stores goes on. Several
// servers may share the stores: a lease keeps them from doing the same work twice. It is
// safe for concurrent use.
type Manager struct {
	settings Settings
	keys     KeyStore
	state    StateStore
	opts     ManagerOptions
	http     *http.Client
	scope    string
	working  chan struct{} // holds one element while this process changes the identity
	watched  atomic.Int64  // when conditions were last emitted by use, Unix nanoseconds

	mu      sync.Mutex // guards everything below
	loaded  *signing   // of record
	record  *KeyRecord
	current *inner
}

const publicGraph = "https://graph.microsoft.com"

// NewManager returns a manager. keys may be nil where private keys are in files or a client
// secret is used. Nothing is read or called yet. It reports every wrong setting.
func NewManager(s Settings, keys KeyStore, state StateStore, o *ManagerOptions) (*Manager, error) {
	if s.Name == "" {
		s.Name = "hybridsync"
	}
	if s.GraphURL == "" {
		s.GraphURL = publicGraph + "/v1.0"
	}
	s.GraphURL = strings.TrimSuffix(s.GraphURL, "/")
	if s.Permissions == nil {
		s.Permissions = SyncPermissions()
	}
	m := &Manager{settings: s, keys: keys, state: state, opts: o.withDefaults(), working: make(chan struct{}, 1)}
	if err := m.validate(); err != nil {
		return nil, err
	}
	m.scope = s.scope()
	if m.http = m.opts.httpClient(); m.http == nil {
		m.http = &http.Client{Timeout: 100 * time.Second}
	}
	return m, nil
}

func (m *Manager) validate() error {
	s := m.settings
	var errs []error
	bad := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New("credential: "+text))
		}
	}
	u, err := url.Parse(s.GraphURL)
	bad(err == nil && u.Scheme == "https" && u.Host != "", "GraphURL is not an https URL")
	bad(s.Mode.valid(), fmt.Sprintf("Mode %q is not known", s.Mode))
	bad(s.TenantID != "", "TenantID is missing")
	bad(s.Mode.ownsApplication() == (s.ClientID == ""), "ClientID is needed where the application is the administrator's, and not allowed where the library makes it")
	bad(s.Mode != Managed || m.keys != nil, "mode managed needs a key store")
	bad(s.Mode != ClientSecret || m.opts.Secret != nil, "mode secret needs ManagerOptions.Secret")
	bad(m.state != nil, "the state store is missing")
	bad(m.opts.LeaseTime > m.opts.ProveTimeout, "LeaseTime is not longer than ProveTimeout")
	if s.Authority != "" {
		bad(strings.HasPrefix(s.Authority, "https://"), "Authority is not an https URL")
	}
	return errors.Join(errs...)
}

func (s Settings) scope() string {
	if s.Scope != "" {
		return s.Scope
	}
	u, err := url.Parse(s.GraphURL)
	if err != nil || net.ParseIP(u.Hostname()) != nil || !strings.Contains(u.Hostname(), "graph") {
		return publicGraph + "/.default"
	}
	return "https://" + u.Host + "/.default"
}

func (m *Manager) identity(st *State) Identity {
	return Identity{TenantID: m.settings.TenantID, ClientID: st.ClientID, Authority: m.settings.Authority}
}

// Status is what can be told of an identity.
type Status struct {
	Mode     Mode   `json:"mode"`
	Step     Step   `json:"step"`
	TenantID string `json:"tenantId"`
	ClientID string `json:"clientId,omitempty"`
	ObjectID string `json:"objectId,omitempty"`
	// Current is the certificate in use, Previous the one to roll back to; nil for none or
	// for a client secret.
	Current  *View     `json:"current,omitempty"`
	Previous *View     `json:"previous,omitempty"`
	Retired  []Retired `json:"retired,omitempty"` // key credentials that wait for removal
	Lease    *Lease    `json:"lease,omitempty"`
	// Maintained is when maintenance last ran, by this or another process, to the hour.
	Maintained time.Time `json:"maintained,omitzero"`
	Warning    string    `json:"warning,omitempty"` // of the key store
}

// Status reads the stored state. It calls nothing.
func (m *Manager) Status(ctx context.Context) (Status, error) {
	st, err := m.state.Load(ctx)
	if err != nil {
		return Status{}, err
	}
	out := Status{
		Mode: st.Mode, Step: st.Step, TenantID: m.settings.TenantID, ClientID: st.ClientID, ObjectID: st.ObjectID,
		Retired: st.Retired, Lease: st.Lease, Maintained: st.Maintained,
	}
	if out.Mode == "" {
		out.Mode = m.settings.Mode
	}
	if out.Current, err = m.view(&st, st.Current); err != nil {
		return Status{}, err
	}
	if out.Previous, err = m.view(&st, st.Previous); err != nil {
		return Status{}, err
	}
	if m.keys != nil {
		out.Warning = m.keys.Info().Warning
	}
	return out, nil
}

func (m *Manager) view(st *State, r *KeyRecord) (*View, error) {
	if r == nil || len(r.Certificate) == 0 {
		return nil, nil
	}
	cert, err := r.certificate()
	if err != nil {
		return nil, err
	}
	v := ViewOf(cert, m.opts.Policy, m.opts.Clock())
	v.ManagedBy, v.KeyID, v.KeyStore = st.Mode, r.KeyID, string(r.Source)
	v.AutoRotation = st.Mode == Managed && !m.opts.suspended()
	if r.Source == InKeyStore && m.keys != nil {
		info := m.keys.Info()
		v.KeyStore, v.HardwareBound = info.Kind, info.Hardware
	}
	return &v, nil
}
