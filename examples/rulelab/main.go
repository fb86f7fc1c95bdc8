package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		if !errors.Is(err, errSilent) {
			fmt.Fprintln(os.Stderr, "rulelab:", err)
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
	attrs, params   string // eval
	lines           bool
	rules, scenario string // simulate, explain
	output          string // convert
	json            bool
	now             time.Time
	load            loadOptions
	args            []string

	in  io.Reader
	out io.Writer
}

func commands() []command {
	now := func(f *flag.FlagSet, i *invocation) {
		f.Func("now", "the `time` that Now() returns, as in RFC 3339; the present by default", func(s string) (err error) {
			i.now, err = time.Parse(time.RFC3339, s)
			return err
		})
	}
	scenario := func(f *flag.FlagSet, i *invocation) {
		f.StringVar(&i.rules, "rules", "standard", "rules: an export directory, a YAML `file`, or standard")
		f.StringVar(&i.scenario, "scenario", "", "scenario `file`, - for standard input")
		now(f, i)
		i.load.flags(f)
	}
	return []command{
		{"lint", "PATH", "check rules; the exit status is 1 if they cannot be used", func(f *flag.FlagSet, i *invocation) {
			f.BoolVar(&i.load.allowUnknown, "allow-unknown", false, "warn of unknown metaverse attributes instead of refusing them")
			i.load.flags(f)
		}, lint},
		{"eval", "[EXPR]", "evaluate an expression", func(f *flag.FlagSet, i *invocation) {
			f.StringVar(&i.attrs, "attrs", "", "JSON `file` with the attributes that [name] reads")
			f.StringVar(&i.params, "params", "", "JSON `file` with the parameters that %name% reads")
			f.BoolVar(&i.lines, "lines", false, "read JSON lines from standard input and answer each")
			now(f, i)
		}, eval},
		{"simulate", "", "import, synchronise and compute exports over directories in memory", scenario, simulate},
		{"explain", "[OBJECT...]", "tell of each object which rules applied, which values won and why", func(f *flag.FlagSet, i *invocation) {
			scenario(f, i)
			f.BoolVar(&i.json, "json", false, "print JSON")
		}, explain},
		{"diff", "A B", "compare rules by meaning; the exit status is 1 if they differ", func(f *flag.FlagSet, i *invocation) {
			i.load.flags(f)
		}, diff},
		{"convert", "PATH", "write rules as YAML", func(f *flag.FlagSet, i *invocation) {
			f.StringVar(&i.output, "o", "-", "`file` to write, - for standard output")
			i.load.flags(f)
		}, convert},
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
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
	i := &invocation{in: stdin, out: stdout}
	f := flag.NewFlagSet("rulelab "+c.name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintf(stderr, "usage: rulelab %s [flags] %s\n%s\n", c.name, c.args, c.help)
		f.PrintDefaults()
	}
	if c.flags != nil {
		c.flags(f, i)
	}
	var err error
	if i.args, err = parseAnywhere(f, args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return errSilent
	}
	if i.now.IsZero() {
		i.now = time.Now()
	}
	return c.run(ctx, i)
}

// parseAnywhere accepts flags before, between and after the arguments. What follows -- is
// no flag, however it looks: expressions may begin with a minus sign.
func parseAnywhere(f *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if f.NArg() == 0 {
			return rest, nil
		}
		if used := len(args) - f.NArg(); used > 0 && args[used-1] == "--" {
			return append(rest, f.Args()...), nil
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
}

// want checks the number of arguments.
func (i *invocation) want(n int, what string) error {
	if len(i.args) != n {
		return fmt.Errorf("want %s, got %d arguments", what, len(i.args))
	}
	return nil
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: rulelab COMMAND [flags]")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-22s %s\n", strings.TrimSpace(c.name+" "+c.args), c.help)
	}
	fmt.Fprintln(w, "PATH, A and B are an export directory, a YAML file, a PowerShell export (.ps1), or standard. -h after a command shows its flags.")
}
