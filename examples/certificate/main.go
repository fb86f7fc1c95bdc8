// Command certificate manages the application identity of a program that signs in to
// Microsoft Entra ID: it creates it, shows it, rotates its certificate, goes back to the
// previous one, revokes one, and checks that all is well.
//
//	certificate create    create application, key and certificate, or take yours
//	certificate show      show the certificate in use
//	certificate rotate    replace the certificate now
//	certificate rollback  go back to the previous certificate
//	certificate revoke    take a certificate away
//	certificate check     is everything in order? nothing is changed
//	certificate maintain  do what is due; with -watch, again and again
//	certificate remove    remove the identity
//
// Against the mock tenant:
//
//	go run ./examples/tenantsim > tenant.json &
//	go run ./examples/certificate create -sim tenant.json
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/hybridsync/hybridsync/examples/internal/identity"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		if !errors.Is(err, errSilent) {
			fmt.Fprintln(os.Stderr, "certificate:", err)
		}
		os.Exit(1)
	}
}

// errSilent ends the program unsuccessfully when everything has been said already.
var errSilent = errors.New("unsuccessful")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		usage(stdout)
		return nil
	}
	all := identity.Commands()
	at := slices.IndexFunc(all, func(c identity.Command) bool { return c.Name == args[0] })
	if at < 0 {
		usage(stderr)
		return fmt.Errorf("there is no command %q", args[0])
	}
	c := all[at]
	var s settings
	f := flag.NewFlagSet("certificate "+c.Name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		_, _ = fmt.Fprintf(stderr, "usage: certificate %s [flags] %s\n%s\n", c.Name, c.Args, c.Help)
		f.PrintDefaults()
	}
	s.register(f)
	rest, err := parseAnywhere(f, args[1:])
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return errSilent
	}
	if want := len(strings.Fields(c.Args)); len(rest) != want {
		return fmt.Errorf("%s takes %d arguments, got %q", c.Name, want, rest)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		return fmt.Errorf("-log: %w", err)
	}
	a, err := open(s, stdout, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.identity.Close()) }()
	if c.Name == "maintain" && s.watch {
		return a.identity.Run(ctx)
	}
	if err = c.Run(ctx, &a.console, rest); errors.Is(err, identity.ErrNotInOrder) {
		return errSilent
	}
	return err
}

// parseAnywhere accepts flags before, between and after the arguments.
func parseAnywhere(f *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if f.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
}

func usage(w io.Writer) {
	_, _ = fmt.Fprintln(w, "usage: certificate COMMAND [flags]")
	for _, c := range identity.Commands() {
		_, _ = fmt.Fprintf(w, "  %-20s %s\n", strings.TrimSpace(c.Name+" "+c.Args), c.Help)
	}
	_, _ = fmt.Fprintln(w, "-h after a command shows its flags.")
}
