package main

import (
	"context"
	"encoding/json"
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

	"github.com/hybridsync/hybridsync/examples/internal/memory"
)

func main() {
	memory.Tune()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are the command line and what follows from it.
type settings struct {
	short     bool
	json      bool
	scenarios []string
	runs      int
	scale     float64
	profiles  profiles
	limit     time.Duration // for one scenario
}

// A scenario measures one thing and what users would take instead.
type scenario struct {
	name string
	what string
	run  func(ctx context.Context, b *bench) error
}

func scenarios() []scenario {
	return []scenario{
		{"sync", "import, synchronisation and delta cycles of a made-up company, durable", pipeline},
		{"memory", "the same with a store that does not wait for the disk", pipelineInMemory},
		{"group", "one member joins a group of 50,000 and one of 249,000", bigGroups},
		{"slapd", "full import from OpenLDAP beside ldapsearch, go-ldap, Python and syncrepl", fromOpenLDAP},
		{"samba", "full import from Samba beside ldapsearch", fromSamba},
		{"entra", "full import from a mock tenant: decoding speed", fromEntra},
		{"export", "export to a mock tenant under a scaled quota", toEntra},
		{"expr", "expressions beside cel-go and expr", expressions},
		{"million", "1,000,000 identities from end to end: time, memory, disk", million},
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	stop, err := s.profiles.start()
	if err != nil {
		return err
	}
	b := &bench{settings: s, report: newReport(), log: stderr}
	failed := b.all(ctx)
	failed = append(failed, stop())
	if s.json {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return errors.Join(errors.Join(failed...), e.Encode(b.report))
	}
	return errors.Join(errors.Join(failed...), b.report.markdown(stdout))
}

// all runs the scenarios that were asked for.
func (b *bench) all(ctx context.Context) (failed []error) {
	for _, sc := range scenarios() {
		if !slices.Contains(b.scenarios, sc.name) {
			continue
		}
		if err := b.scenario(ctx, sc); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", sc.name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return failed
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var names []string
	for _, sc := range scenarios() {
		names = append(names, sc.name)
	}
	s := settings{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&s.short, "short", false, "smaller populations and fewer runs: three minutes on two cores")
	f.BoolVar(&s.json, "json", false, "print the results as JSON")
	only := f.String("scenario", strings.Join(names, ","), "what to run, separated by commas")
	f.IntVar(&s.runs, "runs", 0, "how often to measure (0: 5, with -short 3)")
	s.profiles.flags(f)
	f.Float64Var(&s.scale, "scale", 1, "factor for the sizes of populations")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unknown argument %q; see -help", f.Arg(0))
	}
	s.scenarios = strings.Split(*only, ",")
	for _, name := range s.scenarios {
		if !slices.Contains(names, name) {
			return s, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	if s.runs == 0 {
		s.runs = 5
		if s.short {
			s.runs = 3
		}
	}
	if s.runs < 1 || s.scale <= 0 {
		return s, errors.New("-runs and -scale must be positive")
	}
	s.limit = time.Hour
	if s.short {
		s.limit = 4 * time.Minute
	}
	return s, nil
}

// bench is a run of the program.
type bench struct {
	settings
	report *report
	log    io.Writer
	name   string // of the scenario
}

func (b *bench) scenario(ctx context.Context, sc scenario) error {
	b.name = sc.name
	b.say("%s", sc.what)
	ctx, cancel := context.WithTimeoutCause(ctx, b.limit, fmt.Errorf("took longer than %v", b.limit))
	defer cancel()
	start := time.Now()
	err := sc.run(ctx, b)
	if skipped, ok := errors.AsType[*skipError](err); ok {
		b.skip(sc.what, skipped.reason)
		err = nil
	}
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	b.say("done in %v", time.Since(start).Round(time.Second))
	return err
}

func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.log, "%s: "+format+"\n", append([]any{b.name}, args...)...)
}

// size is a number of objects, scaled.
func (b *bench) size(full, short int) int {
	n := full
	if b.short {
		n = short
	}
	return max(int(float64(n)*b.scale), 10)
}

// skipError says why something could not be measured.
type skipError struct{ reason string }

func (e *skipError) Error() string { return e.reason }

func skip(format string, args ...any) error { return &skipError{fmt.Sprintf(format, args...)} }
