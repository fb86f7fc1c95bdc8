package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/examples/internal/console"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/rules"
	"github.com/hybridsync/hybridsync/scheduler"
)

// world is both directories and what runs between them.
type world struct {
	dc        *adtest.Server
	people    *adtest.Population
	tenant    *entratest.Server
	folder    string
	store     *sqlstore.Store
	scheduler *scheduler.Scheduler
	reporter  *console.Reporter
}

func newWorld(ctx context.Context, reporter *console.Reporter) (*world, error) {
	w := &world{reporter: reporter}
	if err := w.start(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) start(ctx context.Context) (err error) {
	if w.dc, err = adtest.Start(nil); err != nil {
		return err
	}
	if w.people, err = w.dc.Populate(adtest.PopulationOptions{Users: users, Groups: groups}); err != nil {
		return err
	}
	if err = w.account(); err != nil {
		return err
	}
	if w.tenant, err = entratest.Start(nil); err != nil {
		return err
	}
	if w.folder, err = os.MkdirTemp("", "hybridsync-quickstart-"); err != nil {
		return err
	}
	if w.store, err = sqlstore.Open(ctx, filepath.Join(w.folder, "store.db"), nil); err != nil {
		return err
	}
	return w.wire()
}

// The account that the program signs in with, and its password.
const (
	accountName     = "MSOL_quickstart" // names that begin with MSOL_ are not synchronised
	accountPassword = "a mock guards nothing"
)

// account makes the account: a plain user who may replicate changes, which is all that reading
// takes. ad.Provisioner makes such accounts in real directories.
func (w *world) account() error {
	dn, err := w.dc.AddUser(accountName, nil)
	if err != nil {
		return err
	}
	if err := w.dc.SetPassword(dn, accountPassword); err != nil {
		return err
	}
	return w.dc.Delegate(adtest.Delegation{Account: dn, GetChanges: true})
}

// wire is all that a program of one's own has to do: two connectors, rules, an engine and a
// scheduler.
func (w *world) wire() error {
	directory, err := ad.New("contoso.test", ad.Options{
		URLs: []string{w.dc.URL()}, RootCAs: w.dc.CAPool(), BindName: accountName + "@" + w.dc.Domain(),
		Password: func(context.Context) (string, error) { return accountPassword, nil },
		ReadOnly: true,
	})
	if err != nil {
		return err
	}
	identity := credential.Identity{TenantID: w.tenant.TenantID, ClientID: w.tenant.ClientID, Authority: w.tenant.AuthorityURL}
	cred, err := credential.FromClientSecret(identity, credential.NewSecret(w.tenant.ClientSecret),
		&credential.Options{RootCAs: w.tenant.CAPool()})
	if err != nil {
		return err
	}
	tenant, err := entra.New("tenant", cred, &entra.Options{
		BaseURL: w.tenant.GraphURL, RootCAs: w.tenant.CAPool(), WritesPerSecond: -1,
	})
	if err != nil {
		return err
	}
	set, err := rules.Compile(rules.Standard(rules.StandardOptions{
		AD: []rules.ADConnector{{Name: "contoso.test", Exchange: true}}, Entra: "tenant",
	}), nil)
	if err != nil {
		return err
	}
	engine, err := metaverse.New(w.store, set, []connector.Connector{directory, tenant}, &metaverse.Options{Progress: w.reporter.Report})
	if err != nil {
		return err
	}
	w.scheduler, err = scheduler.New(engine, []scheduler.Connector{
		{Name: "contoso.test", ReadOnly: true}, {Name: "tenant", Cloud: true},
	}, nil)
	return err
}

func (w *world) close() error {
	var errs []error
	if w.store != nil {
		errs = append(errs, w.store.Close())
	}
	if w.folder != "" {
		errs = append(errs, os.RemoveAll(w.folder))
	}
	if w.tenant != nil {
		errs = append(errs, w.tenant.Close())
	}
	if w.dc != nil {
		errs = append(errs, w.dc.Close())
	}
	return errors.Join(errs...)
}

// cycle runs one cycle and shows its steps. An object in trouble is an error: there is no
// reason for any here.
func (w *world) cycle(ctx context.Context, out io.Writer, p scheduler.Policy) error {
	w.tenant.ResetLog()
	c, err := w.scheduler.Cycle(ctx, p)
	w.reporter.Done()
	if err != nil {
		return err
	}
	if err := console.Steps(out, c.Steps); err != nil {
		return err
	}
	var errs []metaverse.ObjectError
	err = w.store.View(ctx, func(rd metaverse.Reader) error {
		errs, err = rd.ObjectErrors("", -1, 10)
		return err
	})
	if err == nil && len(errs) > 0 {
		console.Trouble(out, errs)
		err = fmt.Errorf("%d objects are in trouble", len(errs))
	}
	return err
}
