package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/examples/internal/identity"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/rules"
	"github.com/hybridsync/hybridsync/scheduler"
)

// app is everything wired together.
type app struct {
	config    *config
	store     metaverse.Store
	engine    *metaverse.Engine
	agreement *agreement // of several processes on one server, else nil
	shared    sharedConfig
	scheduler *scheduler.Scheduler
	names     []string // of the connectors
	metered   map[string]connector.Metered
	identity  *identity.Identity // nil where none is configured
}

var groupPolicies = map[string]entra.GroupPolicy{
	"microsoft365": entra.Microsoft365, "security": entra.Security, "reject": entra.Reject,
}

// open wires the program together. The caller closes the result.
func open(ctx context.Context, c *config, log *slog.Logger, progress func(metaverse.Progress)) (*app, error) {
	store, err := openStore(ctx, c, log, false)
	if err != nil {
		return nil, err
	}
	opts, err := c.Schedule.options()
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	opts.Logger = log
	a := &app{config: c, store: store}
	if a.identity, err = openIdentity(c, store, credential.ManagerOptions{Logger: log}); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if err := a.wire(ctx, log, opts, progress); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func openStore(ctx context.Context, c *config, log *slog.Logger, readOnly bool) (*sqlstore.Store, error) {
	return sqlstore.Open(ctx, c.Store, &sqlstore.Options{Logger: log, ReadOnly: readOnly})
}

// wire makes engine and scheduler over the app's store. It changes nothing but to record the
// choice of the source anchor, and dials nothing.
func (a *app) wire(ctx context.Context, log *slog.Logger, opts *scheduler.Options, progress func(metaverse.Progress)) error {
	c := a.config
	connectors, plan, err := connect(c, a.identity, log)
	if err != nil {
		return err
	}
	set, err := loadRules(c)
	if err != nil {
		return err
	}
	a.shared = c.shared(set)
	if err := holdAnchor(ctx, a.store, c.Anchor); err != nil {
		return err
	}
	options, err := c.engine(log, progress)
	if err != nil {
		return err
	}
	a.engine, err = metaverse.New(a.store, set, connectors, options)
	if err != nil {
		return err
	}
	a.names, a.metered = a.engine.Connectors(), make(map[string]connector.Metered)
	for _, conn := range connectors {
		if m, ok := connector.As[connector.Metered](conn); ok {
			a.metered[conn.Info().Name] = m
		}
	}
	if sqlstore.IsURL(c.Store) {
		// Several processes may share a server: one of them is active, the others stand by.
		a.agreement = &agreement{candidate: a.engine.Candidate(), store: a.store, mine: a.shared}
		opts.Lease, opts.Poll = a.agreement, min(5*time.Second, time.Duration(c.LeasePeriod)/4)
	}
	if a.scheduler, err = scheduler.New(a.engine, plan, opts); err != nil {
		return err
	}
	if a.agreement != nil {
		a.agreement.emit = a.scheduler.Emit
	}
	return nil
}

// look opens the store for reading only, beside whatever works on it. It needs no secrets.
func (i *invocation) look(ctx context.Context, fn func(*app) error) (err error) {
	c, err := readConfig(i.path)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, c, i.log, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return fn(&app{config: c, store: store, names: c.names()})
}

// names are those of the connectors.
func (c *config) names() (names []string) {
	for _, d := range c.Directories {
		names = append(names, d.Name)
	}
	return append(names, c.Tenant.Name)
}

func (a *app) close() error {
	a.resign()
	if a.identity == nil {
		return a.store.Close()
	}
	return errors.Join(a.identity.Close(), a.store.Close())
}

// resign makes way for a standby.
func (a *app) resign() {
	if a.agreement != nil {
		a.agreement.candidate.Resign()
	}
}

// lead makes this process the active one for a command that runs steps, where several servers
// share the store.
func (a *app) lead(ctx context.Context) error {
	if a.agreement == nil {
		return nil
	}
	err := a.agreement.Lead(ctx)
	if errors.Is(err, metaverse.ErrRunning) {
		return fmt.Errorf("%w; hybridsync start has the daemon there run a cycle", err)
	}
	return err
}

// connect makes the connectors. It dials nothing.
func connect(c *config, id *identity.Identity, log *slog.Logger) ([]connector.Connector, []scheduler.Connector, error) {
	var list []connector.Connector
	var plan []scheduler.Connector
	var errs []error
	for i := range c.Directories {
		d := &c.Directories[i]
		dir, err := directory(d, log)
		errs = append(errs, err)
		list = append(list, dir)
		plan = append(plan, scheduler.Connector{
			Name: d.Name, ReadOnly: !d.WriteBack.any(), ExportFirst: d.WriteBack.ConsistencyGUID, Scope: d.scope(),
		})
	}
	tenant, err := tenant(&c.Tenant, c.classes(), id, log)
	errs = append(errs, err)
	list = append(list, tenant)
	plan = append(plan, scheduler.Connector{Name: c.Tenant.Name, Cloud: true})
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	return list, plan, nil
}

var authWays = map[string]ad.Auth{"simple": ad.AuthSimple, "kerberos": ad.AuthKerberos, "ntlm": ad.AuthNTLM}

var protections = map[string]ad.Protection{"tls": ad.ProtectTLS, "starttls": ad.ProtectStartTLS, "sealing": ad.ProtectSealing}

// scope is a hash of what the directory's filters say.
func (d *directoryConfig) scope() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q", d.Bases, d.Include, d.Exclude, d.Group)
	for _, own := range d.perDomain() {
		fmt.Fprintf(h, " %q %s", own.Domain, own.scope())
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func directory(d *directoryConfig, log *slog.Logger) (connector.Connector, error) {
	var dir connector.Connector
	var err error
	if len(d.Domains) > 0 {
		dir, err = d.forest(log)
	} else {
		dir, err = ad.New(d.Name, d.options(log))
	}
	if err != nil {
		return nil, fmt.Errorf("directory %s: %w", d.Name, err)
	}
	return dir, nil
}

// options are those of the directory's connector.
func (d *directoryConfig) options(log *slog.Logger) ad.Options {
	classes := ad.DefaultClasses()
	if d.devices || d.WriteBack.Devices != "" {
		classes = append(classes, "msDS-Device")
	}
	return ad.Options{
		Classes: classes,
		URLs:    d.URLs, Domain: d.Domain, Site: d.Site, HostSuffixes: d.Suffixes,
		Auth: authWays[d.Auth], Protection: protections[d.Protect], BindName: d.User,
		Kerberos: ad.Kerberos{Realm: d.Kerberos.Realm, KDCs: d.Kerberos.KDCs, ConfigFile: d.Kerberos.Config,
			Keytab: d.Kerberos.Keytab, CCache: d.Kerberos.CCache, SPN: d.Kerberos.SPN},
		Password: func(context.Context) (string, error) {
			secret, err := d.Password.read()
			return secret.Reveal(), err
		},
		CAFile:     d.CAFile,
		ServerName: d.Server,
		Partitions: d.Bases, Include: d.Include, Exclude: d.Exclude,
		HoldNewContainers: d.New == "hold", GroupFilter: d.Group,
		PageSize: d.PageSize, ReadOnly: d.readOnly || !d.WriteBack.any(), Uses: d.WriteBack.uses(), AllowAdministrator: d.AllowAdministrator, Logger: log,
	}
}

// classes are those of the tenant: devices only where they are wanted.
func (c *config) classes() []string {
	list := []string{"user", "group"}
	if slices.ContainsFunc(c.Directories, func(d directoryConfig) bool { return d.WriteBack.Devices != "" }) {
		list = append(list, "device")
	}
	return list
}

func tenant(t *tenantConfig, classes []string, id *identity.Identity, log *slog.Logger) (connector.Connector, error) {
	pool, err := identity.Authorities(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("tenant.ca_file: %w", err)
	}
	cred, err := signIn(t, id, pool)
	if err != nil {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	opts := &entra.Options{
		Cloud: entra.Cloud(t.Cloud), BaseURL: t.Graph, RootCAs: pool, TenantID: t.TenantID,
		WritesPerSecond: t.WritesPerSecond, DistributionGroups: groupPolicies[t.Distribution], Logger: log,
		Classes: classes, BlockHardMatch: t.BlockHardMatch, BlockSoftMatch: t.BlockSoftMatch,
	}
	conn, err := entra.New(t.Name, cred, opts)
	if err != nil {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	return conn, nil
}

func signIn(t *tenantConfig, managed *identity.Identity, pool *x509.CertPool) (azcore.TokenCredential, error) {
	if t.hasIdentity() {
		if managed == nil {
			return unused{}, nil
		}
		return managed.Credential(), nil
	}
	id := credential.Identity{TenantID: t.TenantID, ClientID: t.ClientID, Authority: t.Authority}
	opts := &credential.Options{RootCAs: pool}
	if t.CertificateFile != "" {
		password, err := t.CertificatePass.read()
		if err != nil {
			return nil, err
		}
		return credential.FromCertificate(id, t.CertificateFile, &password, opts)
	}
	secret, err := t.ClientSecret.read()
	if err != nil {
		return nil, err
	}
	return credential.FromClientSecret(id, secret, opts)
}

var matchings = map[string]rules.UserMatching{
	"once": rules.MatchOnce, "mail": rules.MatchMail, "sid": rules.MatchSID, "account_name": rules.MatchAccountName,
}

// loadRules compiles the standard rule set or that of a file.
func loadRules(c *config) (*rules.Set, error) {
	if c.Rules == "standard" {
		o := rules.StandardOptions{Entra: c.Tenant.Name, AnchorAttribute: c.Anchor, Matching: matchings[c.Matching]}
		for _, d := range c.Directories {
			o.AD = append(o.AD, rules.ADConnector{
				Name: d.Name, Exchange: d.Exchange,
				AnchorReadOnly: !d.WriteBack.ConsistencyGUID, ExchangeReadOnly: !d.WriteBack.ExchangeHybrid, GroupContainer: d.WriteBack.Groups,
				DeviceContainer: d.WriteBack.Devices,
			})
			o.ExchangeHybrid = o.ExchangeHybrid || d.WriteBack.ExchangeHybrid
		}
		o.GraphAddresses = o.ExchangeHybrid
		return rules.Compile(rules.Standard(o), &rules.CompileOptions{Metaverse: rules.StandardMetaverse(o)})
	}
	f, err := os.Open(c.Rules)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	defer f.Close()
	file, err := rules.ParseYAML(f)
	if err != nil {
		return nil, fmt.Errorf("rules %s: %w", c.Rules, err)
	}
	return rules.Compile(file.Rules, file.CompileOptions())
}
