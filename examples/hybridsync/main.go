// Command hybridsync synchronises Active Directory with Microsoft Entra ID as one YAML file
// says. See the README for a file to start from.
//
//	hybridsync check                  is everything in order? nothing is changed
//	hybridsync cycle                  one cycle: import, synchronise, export
//	hybridsync run                    the daemon: cycles on schedule, metrics, health, alerts
//	hybridsync start                  have the daemon run a cycle now; also stop, suspend, resume
//	hybridsync require CONNECTOR      have the daemon read or evaluate everything of a connector
//	hybridsync staging                staging mode: enter, leave, report, compare
//	hybridsync config                 check, diff, export, schema; publish and history of a shared store
//	hybridsync import CONNECTOR...    one step alone; also sync and export
//	hybridsync status                 what the store holds
//	hybridsync history                the last run steps
//	hybridsync errors                 objects in trouble
//	hybridsync search                 find objects and identities
//	hybridsync explain DN             why an object is what it is
//	hybridsync preview DN             what synchronising an object would do
//	hybridsync object DN              synchronise one object now
//	hybridsync whatif                 what changed rules or settings would do
//	hybridsync account plan           the account of a directory's connector: also create, grant, undo
//	hybridsync identity show          the program's application and certificate: also create, rotate, check, ...
//	hybridsync store check            is the store sound? also repair BACKUP, backup FILE, dump, copy
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

	"github.com/hybridsync/hybridsync/examples/internal/console"
	"github.com/hybridsync/hybridsync/examples/internal/memory"
)

func main() {
	memory.Tune()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		if !errors.Is(err, errSilent) {
			fmt.Fprintln(os.Stderr, "hybridsync:", err)
		}
		if errors.Is(err, errBeyondLimits) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// errSilent ends the program unsuccessfully when everything has been said already.
var errSilent = errors.New("unsuccessful")

// command is one of the program's commands.
type command struct {
	name, args, help string
	flags            func(*flag.FlagSet, *invocation)
	run              func(context.Context, *invocation) error
}

// invocation is a command as it was called.
type invocation struct {
	path, logLevel string
	level          slog.Level
	json           bool
	initial        bool
	accept         bool
	full           bool
	limit          int
	connector      string
	acceptRun      int64
	retryNow       bool
	inspect        inspection
	account        accountFlags
	identity       identityFlags
	change         change
	args           []string

	operate operation

	out      io.Writer
	stderr   io.Writer
	reporter *console.Reporter
	log      *slog.Logger
}

func commands() []command {
	accept := func(f *flag.FlagSet, i *invocation) {
		f.BoolVar(&i.accept, "accept-deletions", false, "carry out, this once, deletions that are held")
		f.Int64Var(&i.acceptRun, "accept-run", 0, "carry out, this once, what the run with this `id` was held for")
	}
	full := func(f *flag.FlagSet, i *invocation) {
		f.BoolVar(&i.full, "full", false, "everything instead of what changed")
		accept(f, i)
	}
	one := func(f *flag.FlagSet, i *invocation) {
		f.StringVar(&i.connector, "connector", "", "the connector that has the object")
		f.StringVar(&i.inspect.anchor, "anchor", "", "the object's anchor, instead of a DN")
	}
	return append([]command{
		{"check", "", "check configuration, connections, permissions and rules; change nothing", nil, check},
		{"cycle", "", "run one cycle: import, synchronise, export", func(f *flag.FlagSet, i *invocation) {
			f.BoolVar(&i.initial, "initial", false, "read and evaluate everything")
		}, cycle},
		{"run", "", "run as a daemon: cycles on schedule, metrics, health, alerts", nil, daemon},
		{"import", "CONNECTOR...", "import connectors", full, importStep},
		{"sync", "CONNECTOR...", "synchronise connectors", full, syncStep},
		{"export", "CONNECTOR...", "export to connectors", func(f *flag.FlagSet, i *invocation) {
			f.BoolVar(&i.retryNow, "retry-now", false, "try what failed before at once, and not when it is due")
			accept(f, i)
		}, exportStep},
		{"status", "", "show what the store holds", nil, status},
		{"history", "", "show the last run steps", func(f *flag.FlagSet, i *invocation) {
			f.IntVar(&i.limit, "n", 20, "how many")
			f.StringVar(&i.connector, "connector", "", "of this connector only")
		}, history},
		{"errors", "", "show objects in trouble", func(f *flag.FlagSet, i *invocation) {
			f.IntVar(&i.limit, "n", 100, "how many")
			f.StringVar(&i.connector, "connector", "", "of this connector only")
		}, objectErrors},
		accountCommand(), identityCommand(),
	}, append(operateCommands(), inspectCommands(one)...)...)
}

func run(ctx context.Context, args []string, stdout io.Writer, stderr *os.File) error {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		usage(stdout)
		return nil
	}
	all := commands()
	at := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
	if at < 0 {
		usage(stderr)
		return fmt.Errorf("there is no command %q", args[0])
	}
	c := all[at]
	i := &invocation{out: stdout, stderr: stderr, reporter: console.NewReporter(stderr)}
	f := flag.NewFlagSet("hybridsync "+c.name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintf(stderr, "usage: hybridsync %s [flags] %s\n%s\n", c.name, c.args, c.help)
		f.PrintDefaults()
	}
	f.StringVar(&i.path, "config", envOr("HYBRIDSYNC_CONFIG", "hybridsync.yaml"), "configuration `file`")
	f.StringVar(&i.logLevel, "log", "", "write log records of this `level` and above: debug, info, warn, error (default warn, of run info)")
	f.BoolVar(&i.json, "json", false, "print results as JSON")
	if c.flags != nil {
		c.flags(f, i)
	}
	rest, err := parseAnywhere(f, args[1:])
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return errSilent
	}
	if c.args == "" && len(rest) > 0 {
		return fmt.Errorf("%s takes no arguments, got %q", c.name, rest)
	}
	i.args = rest
	orText(&i.logLevel, pick(c.name == "run", "info", "warn"))
	if err := i.level.UnmarshalText([]byte(i.logLevel)); err != nil {
		return fmt.Errorf("-log: %w", err)
	}
	i.log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: i.level}))
	return c.run(ctx, i)
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

func envOr(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: hybridsync COMMAND [flags]")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-22s %s\n", strings.TrimSpace(c.name+" "+c.args), c.help)
	}
	fmt.Fprintln(w, "Every command takes -config FILE, -json and -log LEVEL; -h shows the rest.")
}
