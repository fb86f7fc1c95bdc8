package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/examples/internal/identity"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/scheduler"
)

// identityConfig is an application identity whose certificate the program rotates by itself.
type identityConfig struct {
	Mode       string      `yaml:"mode"`     // managed (the program makes the application), byoc or byoa
	Dir        string      `yaml:"dir"`      // folder of its state and keys
	Name       string      `yaml:"name"`     // of application and certificate
	KeyStore   string      `yaml:"keystore"` // software, tpm, pkcs11 or, on Windows, cng
	Seal       string      `yaml:"seal"`     // what seals software keys: file, passphrase or systemd:NAME
	Passphrase secretValue `yaml:"passphrase"`
	TPMDevice  string      `yaml:"tpm_device"`
	Module     string      `yaml:"pkcs11_module"`
	Token      string      `yaml:"pkcs11_token"`
	PIN        secretValue `yaml:"pkcs11_pin"`
	Lifetime   duration    `yaml:"lifetime"`  // of certificates; 0 means 90 days
	RotateAt   float64     `yaml:"rotate_at"` // share of its life after which a certificate is replaced
	Overlap    duration    `yaml:"overlap"`   // how long an old certificate stays on the application
}

// completeIdentity fills in defaults and reports what is wrong.
func (c *config) completeIdentity(bad func(string, ...any)) {
	i := &c.Tenant.Identity
	written := *i
	written.Passphrase.dir, written.PIN.dir = "", ""
	if written == (identityConfig{}) {
		return
	}
	orText(&i.Mode, string(credential.Managed))
	orText(&i.Dir, "identity")
	orText(&i.KeyStore, "software")
	orText(&i.Seal, "file")
	c.locate(&i.Dir)
	if !slices.Contains(identity.Modes, i.Mode) {
		bad("tenant.identity.mode: %q is none of %s", i.Mode, strings.Join(identity.Modes, ", "))
	}
	if !slices.Contains(identity.KeyStores, i.KeyStore) {
		bad("tenant.identity.keystore: %q is none of %s", i.KeyStore, strings.Join(identity.KeyStores, ", "))
	}
	if !identity.ValidSeal(i.Seal) {
		bad("tenant.identity.seal: %q is not file, passphrase or systemd:NAME", i.Seal)
	}
	if i.Seal == "passphrase" && i.Passphrase.IsZero() {
		bad("tenant.identity.passphrase: is missing")
	}
	if i.KeyStore == "pkcs11" && (i.Module == "" || i.Token == "" || i.PIN.IsZero()) {
		bad("tenant.identity: pkcs11_module, pkcs11_token and pkcs11_pin are needed")
	}
	if i.Lifetime < 0 || i.RotateAt < 0 || i.RotateAt >= 1 {
		bad("tenant.identity: lifetime is not negative, and rotate_at is from 0 to 1")
	}
}

func (t *tenantConfig) hasIdentity() bool { return t.Identity.Mode != "" }

// sameIdentity reports whether another configuration has the same identity, with the same keys at
// the same addresses.
func (c *config) sameIdentity(other *config) bool {
	a, b := c.Tenant, other.Tenant
	return a.Identity == b.Identity && (!a.hasIdentity() ||
		[5]string{a.TenantID, a.ClientID, a.Graph, a.Authority, a.CAFile} == [5]string{b.TenantID, b.ClientID, b.Graph, b.Authority, b.CAFile})
}

// openIdentity returns nil where none is configured.
func openIdentity(c *config, store metaverse.Store, o credential.ManagerOptions) (*identity.Identity, error) {
	t, i := &c.Tenant, &c.Tenant.Identity
	if !t.hasIdentity() {
		return nil, nil
	}
	pool, err := identity.Authorities(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("tenant.ca_file: %w", err)
	}
	o.Options = credential.Options{RootCAs: pool}
	o.Lifetime, o.Overlap, o.Policy = time.Duration(i.Lifetime), time.Duration(i.Overlap), credential.RotationPolicy{Fraction: i.RotateAt}
	o.FilePassword = func(context.Context, string) (credential.Secret, error) { return t.CertificatePass.read() }
	var state credential.StateStore
	if i.KeyStore == "pkcs11" && store != nil && sqlstore.IsURL(c.Store) {
		state = &identityState{store} // keys that all servers can use, known to all of them
	}
	id, err := identity.Open(identity.Config{
		Settings: credential.Settings{
			Mode: credential.Mode(i.Mode), Name: i.Name, TenantID: t.TenantID, ClientID: t.ClientID, Authority: t.Authority, GraphURL: t.Graph,
		},
		Dir: i.Dir, KeyStore: i.KeyStore, Seal: i.Seal, Device: i.TPMDevice, Module: i.Module, Token: i.Token,
		Secret: func() (credential.Secret, error) { return pick(i.KeyStore == "pkcs11", i.PIN, i.Passphrase).read() },
	}, state, &o)
	if err != nil {
		return nil, fmt.Errorf("tenant.identity: %w", err)
	}
	return id, nil
}

// unused is the credential where the tenant is not asked anything.
type unused struct{}

// GetToken implements [azcore.TokenCredential].
func (unused) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, errors.New("this command does not sign in")
}

// identityState keeps the state of an identity in the store that servers share.
type identityState struct{ store metaverse.Store }

const settingIdentity = "credential/identity"

// Load implements [credential.StateStore].
func (s *identityState) Load(ctx context.Context) (st credential.State, err error) {
	err = s.store.View(ctx, func(rd metaverse.Reader) error {
		st, err = readIdentity(rd)
		return err
	})
	return st, err
}

func readIdentity(rd metaverse.Reader) (st credential.State, err error) {
	b, err := rd.Setting(settingIdentity)
	if err == nil && b != nil {
		err = json.Unmarshal(b, &st)
	}
	return st, err
}

// Save implements [credential.StateStore].
func (s *identityState) Save(ctx context.Context, st credential.State) error {
	return s.store.Update(ctx, func(tx metaverse.Tx) error {
		stored, err := readIdentity(tx)
		if err != nil {
			return err
		}
		if stored.Revision != st.Revision-1 {
			return fmt.Errorf("%w: revision %d is stored, %d was expected", credential.ErrStateConflict, stored.Revision, st.Revision-1)
		}
		b, err := json.Marshal(st)
		if err != nil {
			return err
		}
		return tx.PutSetting(settingIdentity, b)
	})
}

// certificates returns the certificate that signs the program in to the tenant.
func (a *app) certificates(ctx context.Context) ([]scheduler.Certificate, error) {
	if a.identity == nil {
		return a.config.Tenant.certificates(ctx)
	}
	st, err := a.identity.Status(ctx)
	if err != nil || st.Current == nil {
		return nil, err
	}
	v := st.Current
	return []scheduler.Certificate{{Name: a.config.Tenant.Name, Expires: v.NotAfter, Due: v.RotationDue, Software: !v.HardwareBound}}, nil
}

// identityEvents are what the manager's events are for the scheduler. Those about the state of the
// certificate are left out: the scheduler raises them itself.
var identityEvents = map[credential.EventKind]scheduler.EventID{
	credential.EventSwitched: scheduler.EventCertificateChanged, credential.EventUsingPrevious: scheduler.EventCertificateChanged,
	credential.EventRotationFailed: scheduler.EventRotationFailed,
	credential.EventRemovalFailed:  scheduler.EventOldKey, credential.EventKeyNotDeleted: scheduler.EventOldKey,
	credential.EventRemoved: scheduler.EventIdentity, credential.EventResumed: scheduler.EventIdentity,
	credential.EventRevoked: scheduler.EventIdentity, credential.EventNextKeyWeak: scheduler.EventIdentity,
}

// identityEvent passes an event of the manager on.
func (s *service) identityEvent(e credential.Event) {
	id, ok := identityEvents[e.Kind]
	a := s.current.Load()
	if !ok || a == nil {
		return
	}
	attrs := []slog.Attr{slog.String("what", e.Message)}
	if e.Thumbprint != "" {
		attrs = append(attrs, slog.String("thumbprint", e.Thumbprint), slog.Time("expires", e.Expires))
	}
	a.scheduler.Emit(context.Background(), id, a.config.Tenant.Name, attrs...)
}

// How often a standby looks after its identity, and how long nobody else may have.
const (
	standInEvery = 10 * time.Minute
	standInAfter = 2 * time.Hour
)

// standIn has a standby rotate its own certificate, so that it can sign in when its turn comes.
// Where it shares the identity with the active process, that one rotates it.
func (s *service) standIn(ctx context.Context) {
	tick := time.NewTicker(standInEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if s.health(ctx).Role == "standby" {
				if err := maintainUnlessOthersDo(ctx, s.identity.Manager, time.Now()); err != nil {
					s.i.log.Error("the certificate of this standby could not be looked after", "err", err)
				}
			}
		}
	}
}

func maintainUnlessOthersDo(ctx context.Context, m *credential.Manager, now time.Time) error {
	st, err := m.Status(ctx)
	if err != nil || now.Sub(st.Maintained) < standInAfter {
		return err
	}
	return m.Maintain(ctx)
}

// preflightIdentity is what a check finds out about the identity.
func (a *app) preflightIdentity(ctx context.Context) (found []findingResult, bad bool, err error) {
	if a.identity == nil {
		return nil, false, nil
	}
	list, err := a.identity.Preflight(ctx, nil)
	for _, f := range list {
		bad = bad || f.Severity == credential.SeverityError
		found = append(found, findingResult{Connector: a.config.Tenant.Name, Severity: string(f.Severity), Message: f.Text, Remedy: f.Remedy})
	}
	return found, bad, err
}

// identityFlags are those of the command identity.
type identityFlags struct{ admin, certificate string }

func identityCommand() command {
	var names []string
	for _, c := range identity.Commands() {
		names = append(names, strings.TrimSpace(c.Name+" "+c.Args))
	}
	return command{"identity", strings.Join(names, " | "), "the application that signs the program in, and its certificate (tenant.identity)", func(f *flag.FlagSet, i *invocation) {
		f.StringVar(&i.identity.admin, "admin", "", "administrator: cli (az login) or secret (ADMIN_CLIENT_ID, ADMIN_CLIENT_SECRET)")
		f.StringVar(&i.identity.certificate, "certificate", "", "your certificate with its key in a `file`, in modes byoc and byoa")
	}, runIdentity}
}

func runIdentity(ctx context.Context, i *invocation) (err error) {
	all := identity.Commands()
	at := -1
	if len(i.args) > 0 {
		at = slices.IndexFunc(all, func(c identity.Command) bool {
			return c.Name == i.args[0] && len(strings.Fields(c.Args)) == len(i.args)-1
		})
	}
	if at < 0 {
		return fmt.Errorf("identity what? %s", identityCommand().args)
	}
	c, err := loadConfig(i.path)
	if err != nil {
		return err
	}
	if !c.Tenant.hasIdentity() {
		return errors.New("the configuration has no tenant.identity, for example identity: {mode: managed}")
	}
	var store metaverse.Store
	if c.Tenant.Identity.KeyStore == "pkcs11" && sqlstore.IsURL(c.Store) {
		s, err := openStore(ctx, c, i.log, false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		store = s
	}
	id, err := openIdentity(c, store, credential.ManagerOptions{Logger: i.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, id.Close()) }()
	pool, err := identity.Authorities(c.Tenant.CAFile)
	if err != nil {
		return err
	}
	console := identity.Console{Manager: id.Manager, Out: i.out, JSON: i.json}
	console.Admin, err = identity.Administrator(i.identity.admin, credential.Identity{TenantID: c.Tenant.TenantID, Authority: c.Tenant.Authority}, &credential.Options{RootCAs: pool})
	if err != nil {
		return err
	}
	if i.identity.certificate != "" {
		console.Provided = &credential.Provided{File: i.identity.certificate}
	}
	return all[at].Run(ctx, &console, i.args[1:])
}
