package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintln(os.Stderr, "tenantsim:", err)
		os.Exit(1)
	}
}

// settings are the command line.
type settings struct {
	listen, caFile, state string
	domains               string
	users, groups         int
	throttle, failRate    float64
	replication           time.Duration
	quota                 int
	dump                  bool
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	fl := flag.NewFlagSet("tenantsim", flag.ContinueOnError)
	fl.SetOutput(stderr)
	fl.StringVar(&s.listen, "listen", "127.0.0.1:0", "loopback `address` to serve on; port 0 picks a free one")
	fl.StringVar(&s.caFile, "ca-file", "", "`file` for the certificate of the server's authority; default: in a temporary folder")
	fl.StringVar(&s.state, "state", "", "JSON `file` to load the directory from, if it exists, and to save it to on exit")
	fl.StringVar(&s.domains, "domains", "contoso.test,contoso.com,fabrikam.test,fabrikam.com,contoso.onmicrosoft.com",
		"verified domains, comma separated; the first is the default one")
	fl.IntVar(&s.users, "users", 0, "number of users to start with")
	fl.IntVar(&s.groups, "groups", 0, "number of groups to start with, each with up to ten of the users")
	fl.Float64Var(&s.throttle, "throttle", 0, "`scale` of the published quotas: 1 as published, 50 fifty times as much, 0 no throttling")
	fl.Float64Var(&s.failRate, "fail-rate", 0, "`share` of requests that fail at random, 0 to 1")
	fl.DurationVar(&s.replication, "replication-delay", 0, "`time` during which new objects are answered with 404, such as 3s")
	fl.IntVar(&s.quota, "quota", 0, "`number` of objects that the directory takes, deleted ones included; 0 is no limit")
	fl.BoolVar(&s.dump, "dump", false, "print the directory as JSON to standard output on exit")
	if err := fl.Parse(args); err != nil {
		return s, err
	}
	switch {
	case fl.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", fl.Arg(0))
	case s.users < 0 || s.groups < 0:
		return s, errors.New("-users and -groups cannot be negative")
	case s.replication < 0 || s.quota < 0:
		return s, errors.New("-replication-delay and -quota cannot be negative")
	case s.failRate < 0 || s.failRate > 1:
		return s, errors.New("-fail-rate is outside 0 to 1")
	}
	return s, nil
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	set, err := parse(args, stderr)
	if err != nil {
		return err
	}
	srv, loaded, err := open(set, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	if !loaded {
		seed(srv, set)
	}
	srv.FailRate(set.failRate)
	if err := announce(srv, set, stdout); err != nil {
		return err
	}
	<-ctx.Done()
	if set.state != "" {
		if err := save(srv, set.state); err != nil {
			return err
		}
	}
	if set.dump {
		return srv.Dump(stdout)
	}
	return nil
}

// open starts the tenant and loads its state, when there is one.
func open(set settings, stderr io.Writer) (srv *entratest.Server, loaded bool, err error) {
	opts := &entratest.Options{
		Listen: set.listen, Throttle: set.throttle, Domains: domains(set.domains), ReplicationDelay: set.replication, Quota: set.quota,
		OnMisuse: func(message string) { _, _ = fmt.Fprintln(stderr, "tenantsim: refused:", message) },
	}
	var file *os.File
	if set.state != "" {
		file, err = os.Open(set.state)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, false, err
		default:
			defer func() { _ = file.Close() }()
			if opts.TenantID, opts.ClientID, err = entratest.DumpIdentity(file); err != nil {
				return nil, false, err
			}
			if _, err := file.Seek(0, io.SeekStart); err != nil {
				return nil, false, err
			}
			loaded = true
		}
	}
	if srv, err = entratest.Start(opts); err != nil {
		return nil, false, err
	}
	if loaded {
		if err := srv.Load(file); err != nil {
			return nil, false, errors.Join(err, srv.Close())
		}
	}
	return srv, loaded, nil
}

func domains(list string) []entratest.Domain {
	var out []entratest.Domain
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		out = append(out, entratest.Domain{Name: name, Default: len(out) == 0, Initial: strings.HasSuffix(name, ".onmicrosoft.com")})
	}
	return out
}

// announce prints the line that clients read.
func announce(srv *entratest.Server, set settings, stdout io.Writer) error {
	path := set.caFile
	if path == "" {
		if path = srv.CAFile(); path == "" {
			return errors.New("the certificate file cannot be written; name one with -ca-file")
		}
	} else if err := os.WriteFile(path, srv.CAPEM, 0o644); err != nil { //nolint:gosec // a certificate is public
		return err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(struct {
		Graph        string `json:"graph"`
		Authority    string `json:"authority"`
		Tenant       string `json:"tenant"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		CAFile       string `json:"ca_file"`
	}{srv.GraphURL, srv.AuthorityURL, srv.TenantID, srv.ClientID, srv.ClientSecret, path})
}

// save replaces the state file in one step.
func save(srv *entratest.Server, path string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = errors.Join(srv.Dump(tmp), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
