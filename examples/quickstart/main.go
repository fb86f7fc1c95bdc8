// Command quickstart shows hybrid identity sync from end to end, with nothing but Go: a mock
// domain controller and a mock tenant on loopback, a SQLite store in a temporary folder, an
// initial cycle, some changes in the directory, and a delta cycle that carries exactly those
// over. It takes no arguments and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/hybridsync/hybridsync/examples/internal/console"
	"github.com/hybridsync/hybridsync/scheduler"
)

// The size of the company.
const (
	users  = 200
	groups = 20
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, console.NewReporter(os.Stderr))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, reporter *console.Reporter) (err error) {
	w, err := newWorld(ctx, reporter)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()

	fmt.Fprintf(out, "A mock domain controller for %s listens on %s.\n", w.dc.Domain(), w.dc.URL())
	fmt.Fprintf(out, "It holds %d users and %d groups; the program signs in as %s, who may replicate changes and write nothing.\nA mock tenant listens on %s; it is empty.\n\n", users, groups, accountName, w.tenant.GraphURL)

	fmt.Fprintln(out, "An initial cycle reads both directories, decides by the standard rules, and writes to the tenant:")
	if err := w.cycle(ctx, out, scheduler.Initial); err != nil {
		return err
	}
	members := 0
	for _, g := range w.tenant.Groups() {
		members += len(w.tenant.Members(g.ID))
	}
	fmt.Fprintf(out, "The tenant now holds %d users and %d groups with %d memberships.\n", len(w.tenant.Users()), len(w.tenant.Groups()), members)

	fmt.Fprint(out, "\nThe next cycle takes in what the tenant has made of it, and finds nothing to do:\n")
	if err := w.cycle(ctx, out, scheduler.Delta); err != nil {
		return err
	}
	fmt.Fprintf(out, "Requests that wrote anything: %d.\n", w.tenant.Writes())

	fmt.Fprint(out, "\nNow an administrator works in Active Directory:\n")
	told, err := w.changes()
	if err != nil {
		return err
	}
	for _, line := range told {
		fmt.Fprintln(out, "  -", line)
	}

	fmt.Fprint(out, "\nA delta cycle asks the domain controller what changed, and carries exactly that over:\n")
	before := w.snapshot()
	if err := w.cycle(ctx, out, scheduler.Delta); err != nil {
		return err
	}
	fmt.Fprint(out, "What was written to the tenant:\n")
	for _, line := range w.written() {
		fmt.Fprintln(out, "  -", line)
	}
	fmt.Fprint(out, "What is different in the tenant:\n")
	for _, line := range difference(before, w.snapshot()) {
		fmt.Fprintln(out, "  -", line)
	}
	fmt.Fprint(out, "The move wrote nothing: the cloud knows no organisational units. The deleted user left its groups by itself.\n")
	fmt.Fprint(out, "Nothing else was touched. See examples/hybridsync for the same with your own directory.\n")
	return nil
}
