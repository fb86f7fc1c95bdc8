package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	notify "github.com/coreos/go-systemd/v22/daemon"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/examples/internal/identity"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/scheduler"
	"github.com/hybridsync/hybridsync/scheduler/telemetry"
)

// service is the program as a daemon. Its configuration can be replaced while it runs; what
// the section daemon says, and the store, stay until a restart.
type service struct {
	i        *invocation
	seen     *observability
	alerts   *webhook
	store    metaverse.Store
	identity *identity.Identity // nil where none is configured
	current  atomic.Pointer[app]
	holder   atomic.Pointer[metaverse.Holder] // of an older version, that this one waits for
	reload   <-chan os.Signal
}

// daemon runs cycles until it is told to stop.
func daemon(ctx context.Context, i *invocation) error {
	c, err := loadConfig(i.path)
	if err != nil {
		return err
	}
	if c.Daemon.Log == "json" {
		i.log = slog.New(slog.NewJSONHandler(i.stderr, &slog.HandlerOptions{Level: i.level}))
	}
	i.reporter.LogTo(i.log)
	s := &service{i: i}
	if s.seen, err = observe(ctx, &c.Daemon); err != nil {
		return err
	}
	if s.alerts, err = newWebhook(&c.Alerts, i.log); err != nil {
		return err
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	s.reload = hup

	quiet, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if err := s.seen.Watch(s.source); err != nil {
		return err
	}
	if err := s.serve(quiet, c.Daemon.Listen); err != nil {
		return err
	}
	go s.alerts.run(quiet)
	go s.watchdog(quiet)
	err = s.work(ctx, quiet, c)
	end, done := context.WithTimeout(quiet, webhookTimeout)
	defer done()
	cancelled := s.seen.close(end)
	s.alerts.drain(end)
	if cancelled != nil {
		i.log.Warn("not all traces were sent", "err", cancelled)
	}
	return err
}

// work opens the store and runs cycles until ctx ends. What it needs to come to an end lasts as
// long as quiet.
func (s *service) work(ctx, quiet context.Context, c *config) (err error) {
	store, err := s.open(ctx, c)
	if err != nil {
		if ctx.Err() != nil {
			return nil // it was told to stop before it came to anything
		}
		return err
	}
	s.store = store
	defer func() { err = errors.Join(err, store.Close()) }()
	if s.identity, err = openIdentity(c, store, credential.ManagerOptions{OnEvent: s.identityEvent}); err != nil {
		return err
	}
	if s.identity != nil {
		defer func() { err = errors.Join(err, s.identity.Close()) }()
	}
	first, err := s.wire(ctx, c)
	if err != nil {
		return err
	}
	announced := make(chan struct{})
	announcing, leave := context.WithCancel(quiet)
	go func() {
		defer close(announced)
		s.present(announcing)
	}()
	if s.identity != nil {
		go s.standIn(quiet)
	}
	err = s.run(ctx, first)
	leave()
	<-announced
	return err
}

// open opens the store. While an older version of the program works on it, this one waits.
func (s *service) open(ctx context.Context, c *config) (*sqlstore.Store, error) {
	defer s.holder.Store(nil)
	return sqlstore.Open(ctx, c.Store, &sqlstore.Options{Logger: s.i.log, Waiting: s.waits})
}

// waits takes note that this program waits for an older version to hand over. It has started and is a
// standby, however long that takes.
func (s *service) waits(h metaverse.Holder) {
	s.holder.Store(&h)
	s.tell(notify.SdNotifyReady + "\nSTATUS=waiting for the old version of the program to hand over: " + h.String())
}

// wire makes what runs by a configuration.
func (s *service) wire(ctx context.Context, c *config) (*app, error) {
	a := &app{config: c, store: s.store, identity: s.identity}
	opts, err := c.Schedule.options()
	if err != nil {
		return nil, err
	}
	opts.Observer = s.seen
	opts.OnEvent = func(ctx context.Context, e scheduler.Event) {
		s.seen.Event(ctx, e)
		s.alerts.event(ctx, e)
	}
	opts.Certificates = a.certificates
	if s.identity != nil {
		opts.Tasks = append(opts.Tasks, scheduler.Task{Name: "identity", Every: time.Hour, Run: s.identity.Maintain})
	}
	opts.OnCycle = s.cycled
	opts.Logger = s.i.log
	err = a.wire(ctx, s.i.log, opts, func(p metaverse.Progress) {
		s.i.reporter.Report(p)
		if now := s.current.Load(); now != nil {
			now.scheduler.Report(p)
		}
	})
	return a, err
}

// cycled shows what a cycle did.
func (s *service) cycled(c *scheduler.Cycle, _ error) {
	s.i.reporter.Done()
	if err := s.i.showCycle(c); err != nil {
		s.i.log.Error("a result could not be printed", "err", err)
	}
}

// run runs one configuration after the other, until ctx ends.
func (s *service) run(ctx context.Context, a *app) error {
	for a != nil {
		s.current.Store(a)
		hard, breakOff := context.WithCancel(context.WithoutCancel(ctx))
		ended := make(chan error, 1)
		go func() { ended <- a.scheduler.Run(hard) }()
		a.scheduler.Emit(hard, scheduler.EventConfiguration, "", slog.String("hash", a.shared.hash()))
		s.tell(notify.SdNotifyReady + "\nSTATUS=")
		next, err := s.wait(ctx, a, ended)
		if err == nil {
			err = s.end(a, ended, breakOff, next != nil)
		}
		breakOff()
		a.resign()
		if err != nil {
			return err
		}
		a = next
	}
	return nil
}

// wait waits for the end of the program or for another configuration.
func (s *service) wait(ctx context.Context, a *app, ended <-chan error) (*app, error) {
	for {
		select {
		case err := <-ended:
			return nil, errors.Join(errors.New("the scheduler has stopped"), err)
		case <-ctx.Done():
			return nil, nil
		case <-s.reload:
			s.tell(notify.SdNotifyReloading + "\n" + notify.SdNotifyMonotonicUsec())
			next, err := s.another(ctx, a.config)
			if err == nil {
				return next, nil
			}
			a.scheduler.Emit(ctx, scheduler.EventConfigurationError, "", slog.String("err", err.Error()))
			s.tell(notify.SdNotifyReady)
		}
	}
}

// another reads the configuration again. All of it is good, or none of it is taken.
func (s *service) another(ctx context.Context, old *config) (*app, error) {
	c, err := loadConfig(s.i.path)
	if err != nil {
		return nil, err
	}
	if c.Store != old.Store || c.Daemon != old.Daemon || c.Alerts.Webhook != old.Alerts.Webhook || !c.sameIdentity(old) {
		return nil, errors.New("store, daemon, alerts.webhook and, with tenant.identity, the tenant's addresses change with a restart only")
	}
	next, err := s.wire(ctx, c)
	if err != nil || next.agreement == nil {
		return next, err
	}
	// The other servers would not go along: the one in force stays until it is published.
	stored, err := newestConfiguration(ctx, s.store)
	if err == nil && stored != nil {
		err = next.shared.agree(stored)
	}
	return next, err
}

// end ends a scheduler at its next safe point, and breaks it off where that takes too long.
// Another configuration waits as long as it takes.
func (s *service) end(a *app, ended <-chan error, breakOff func(), patient bool) error {
	a.scheduler.Stop()
	if patient {
		return <-ended
	}
	s.tell(notify.SdNotifyStopping)
	select {
	case err := <-ended:
		return err
	case <-time.After(time.Duration(a.config.Daemon.Grace)):
		s.i.log.Warn("steps did not come to a safe point in time: they are broken off")
		breakOff()
		return <-ended
	}
}

// source is what gauges are read from.
func (s *service) source() telemetry.Source {
	a := s.current.Load()
	if a == nil {
		return telemetry.Source{}
	}
	return telemetry.Source{Store: s.store, Scheduler: a.scheduler, Connectors: a.names, Metered: a.metered, Certificates: a.certificates}
}

func (s *service) health(ctx context.Context) scheduler.Health {
	a := s.current.Load()
	switch h := s.holder.Load(); {
	case h != nil:
		return scheduler.Health{Live: true, Role: "standby", Reasons: []string{"waiting for the old version of the program to hand over: " + h.String()}}
	case a == nil:
		return scheduler.Health{Live: true, Role: "standby", Reasons: []string{"the program is starting"}}
	}
	return a.scheduler.Health(ctx)
}

// serve serves metrics and health.
func (s *service) serve(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("daemon.listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.seen.metrics)
	mux.Handle("/", scheduler.HealthHandler(s.health))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.i.log.Error("metrics and health are not served any more", "err", err)
		}
	}()
	s.i.log.Info("serving metrics and health", "address", l.Addr().String())
	return nil
}

// tell tells the service manager, where there is one.
func (s *service) tell(state string) {
	if _, err := notify.SdNotify(false, state); err != nil {
		s.i.log.Warn("the service manager could not be told", "err", err)
	}
}

// watchdog tells the service manager, as often as it wants to hear it, that the scheduler
// lives.
func (s *service) watchdog(ctx context.Context) {
	every, err := notify.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if s.health(ctx).Live {
				s.tell(notify.SdNotifyWatchdog)
			}
		}
	}
}

// certificates returns the certificate that signs the program in to the tenant.
func (t *tenantConfig) certificates(context.Context) ([]scheduler.Certificate, error) {
	if t.CertificateFile == "" {
		return nil, nil
	}
	password, err := t.CertificatePass.read()
	if err != nil {
		return nil, err
	}
	pair, err := credential.LoadKeyPair(t.CertificateFile, password)
	if err != nil {
		return nil, err
	}
	cert := pair.Certificate
	return []scheduler.Certificate{{
		Name: t.Name, Expires: cert.NotAfter, Due: credential.RotationPolicy{}.Due(cert), Software: true,
	}}, nil
}
