package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/examples/internal/console"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/rules"
)

// The connectors of every pipeline.
const (
	source = "ad"
	cloud  = "cloud"
)

// A pipe is an engine between two directories, in a folder of its own.
type pipe struct {
	dir    string
	store  *sqlstore.Store
	sink   *sink
	engine *metaverse.Engine
	// processor is the processor time that the latest step of each sort took for an object,
	// in microseconds. It says more than the time on a machine that others use as well.
	processor map[string]float64
	// told hears of each step that has ended, nil for nobody.
	told func(rec *metaverse.RunRecord)
}

// newPipe makes a store, the standard rules and an engine from a directory to a sink.
func newPipe(ctx context.Context, from connector.Connector, memory bool) (_ *pipe, err error) {
	p := &pipe{processor: make(map[string]float64)}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.dir, err = os.MkdirTemp("", "hybridsync-bench-"); err != nil {
		return nil, err
	}
	set, err := rules.Compile(rules.Standard(rules.StandardOptions{
		AD: []rules.ADConnector{{Name: source, Exchange: true}}, Entra: cloud,
	}), nil)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(p.dir, "store.db")
	if memory {
		path = sqlstore.Memory
	}
	if p.store, err = sqlstore.Open(ctx, path, nil); err != nil {
		return nil, err
	}
	if p.sink, err = newSink(cloud, filepath.Join(p.dir, "cloud"), set); err != nil {
		return nil, err
	}
	reporter := console.NewReporter(os.Stderr)
	reporter.LogTo(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	p.engine, err = metaverse.New(p.store, set, []connector.Connector{from, p.sink}, &metaverse.Options{
		DeletionThreshold: -1, Progress: reporter.Report,
	})
	return p, err
}

func (p *pipe) close() error {
	var errs []error
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	if p.sink != nil {
		errs = append(errs, p.sink.close())
	}
	return errors.Join(append(errs, os.RemoveAll(p.dir))...)
}

// step runs one step. Objects in trouble are an error: there is no reason for any.
func (p *pipe) step(ctx context.Context, name string, kind metaverse.StepKind) (*metaverse.RunRecord, error) {
	before := processorTime()
	rec, err := p.engine.Run(ctx, name, kind, nil)
	if rec != nil && rec.Objects > 0 {
		p.processor[name+" "+string(kind)] = (processorTime() - before).Seconds() * 1e6 / float64(rec.Objects)
	}
	if rec != nil && p.told != nil {
		p.told(rec)
	}
	if err == nil && rec.Counters.Errors > 0 {
		err = fmt.Errorf("%s %s: %d objects are in trouble", name, kind, rec.Counters.Errors)
	}
	return rec, err
}

// cycle imports and synchronises both directories and exports, and returns the records and
// the time of all steps together.
func (p *pipe) cycle(ctx context.Context, imp, sync metaverse.StepKind) (recs []*metaverse.RunRecord, took time.Duration, err error) {
	for _, s := range []struct {
		name string
		kind metaverse.StepKind
	}{{cloud, imp}, {source, imp}, {source, sync}, {cloud, sync}, {cloud, metaverse.Export}} {
		rec, err := p.step(ctx, s.name, s.kind)
		if err != nil {
			return nil, 0, err
		}
		recs, took = append(recs, rec), took+rec.Ended.Sub(rec.Started)
	}
	return recs, took, nil
}

// confirm takes in what was exported.
func (p *pipe) confirm(ctx context.Context) (took time.Duration, err error) {
	for _, kind := range []metaverse.StepKind{metaverse.DeltaImport, metaverse.DeltaSync} {
		rec, err := p.step(ctx, cloud, kind)
		if err != nil {
			return 0, err
		}
		took += rec.Ended.Sub(rec.Started)
	}
	return took, nil
}

func rate(rec *metaverse.RunRecord) float64 {
	return float64(rec.Objects) / rec.Ended.Sub(rec.Started).Seconds()
}

// size closes the store, so that its log is written back, and returns the octets that it
// takes.
func (p *pipe) size() (int64, error) {
	if err := p.store.Close(); err != nil {
		return 0, err
	}
	info, err := os.Stat(filepath.Join(p.dir, "store.db"))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// figures are what one run of a pipeline gives.
type figures struct {
	imports, first, again, confirm, export []float64
	idle, mixed, disk, evaluated, changed  []float64
	initial, peak                          []float64
	importCPU, firstCPU, againCPU          []float64
}

func (f *figures) run(ctx context.Context, users int, memory bool) (err error) {
	resetPeak()
	c := &company{name: source, users: users, groups: users / 20}
	p, err := newPipe(ctx, c, memory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	recs, took, err := p.cycle(ctx, metaverse.FullImport, metaverse.FullSync)
	if err != nil {
		return err
	}
	confirmed, err := p.confirm(ctx)
	if err != nil {
		return err
	}
	f.importCPU = append(f.importCPU, p.processor[source+" "+string(metaverse.FullImport)])
	f.firstCPU = append(f.firstCPU, p.processor[source+" "+string(metaverse.FullSync)])
	initial := (took + confirmed).Seconds()
	f.initial = append(f.initial, initial)
	f.imports, f.first, f.export = append(f.imports, rate(recs[1])), append(f.first, rate(recs[2])), append(f.export, rate(recs[4]))
	f.confirm = append(f.confirm, float64(recs[4].Objects)/confirmed.Seconds())
	if _, _, err = p.cycle(ctx, metaverse.DeltaImport, metaverse.DeltaSync); err != nil { // references
		return err
	}
	if _, err = p.confirm(ctx); err != nil {
		return err
	}
	if recs, took, err = p.cycle(ctx, metaverse.DeltaImport, metaverse.DeltaSync); err != nil {
		return err
	}
	if n := recs[2].Counters.Evaluated + recs[3].Counters.Evaluated; n > 0 {
		return fmt.Errorf("%d objects were evaluated although nothing has changed", n)
	}
	f.idle = append(f.idle, took.Seconds())
	again, err := p.step(ctx, source, metaverse.FullSync)
	if err != nil {
		return err
	}
	f.again = append(f.again, rate(again))
	f.againCPU = append(f.againCPU, p.processor[source+" "+string(metaverse.FullSync)])
	c.year = len(f.mixed) + 1
	if recs, took, err = p.cycle(ctx, metaverse.DeltaImport, metaverse.DeltaSync); err != nil {
		return err
	}
	f.mixed = append(f.mixed, took.Seconds()/initial)
	f.evaluated = append(f.evaluated, float64(recs[2].Counters.Evaluated))
	f.changed = append(f.changed, float64(recs[1].Objects))
	f.peak = append(f.peak, peakMiB())
	if memory {
		return nil
	}
	n, err := p.size()
	f.disk = append(f.disk, float64(n)/float64(c.users+c.groups))
	return err
}

func pipeline(ctx context.Context, b *bench) error         { return b.pipeline(ctx, false) }
func pipelineInMemory(ctx context.Context, b *bench) error { return b.pipeline(ctx, true) }

func (b *bench) pipeline(ctx context.Context, memory bool) error {
	users := b.size(100_000, 10_000)
	runs := b.runs
	var f figures
	for range runs {
		if err := f.run(ctx, users, memory); err != nil {
			return err
		}
	}
	of := fmt.Sprintf(" of %s objects", number(float64(users+users/20)))
	if memory {
		b.add("first full synchronisation"+of, "objects/s", atLeast(25_000), f.first...)
		b.add("full synchronisation, nothing changed", "objects/s", nil, f.again...)
		return nil
	}
	b.add("full import"+of+", generated", "objects/s", nil, f.imports...)
	b.add("first full synchronisation, standard rules, durable", "objects/s", atLeast(10_000), f.first...)
	b.add("full synchronisation, nothing changed", "objects/s", nil, f.again...)
	b.add("full import: processor time", "µs/object", nil, f.importCPU...)
	b.add("first full synchronisation: processor time", "µs/object", nil, f.firstCPU...)
	b.add("full synchronisation, nothing changed: processor time", "µs/object", nil, f.againCPU...)
	b.add("export to a directory that takes all at once", "objects/s", nil, f.export...)
	b.add("confirming import and its synchronisation", "objects/s", nil, f.confirm...)
	b.add("initial cycle", "s", nil, f.initial...)
	b.add("delta cycle, nothing changed: engine time", "s", atMost(1), f.idle...)
	b.add("delta cycle, 1 % created, 1 % deleted, 5 % modified: share of the initial cycle", "ratio", atMost(0.1), f.mixed...)
	b.add("the same: objects evaluated", "objects", nil, f.evaluated...)
	b.add("the same: objects changed", "objects", nil, f.changed...)
	b.add("store, all spaces together", "bytes/identity", atMost(4096), f.disk...)
	b.add("peak memory of the process", "MiB", atMost(512), f.peak...)
	return nil
}

// bigGroups lets one member join a large group, from import to export.
func bigGroups(ctx context.Context, b *bench) (err error) {
	// Standard rules freeze groups of more than 250,000 members.
	sizes := []int{50_000, 249_000}
	if b.short {
		sizes = []int{5_000, 10_000}
	}
	for i := range sizes {
		sizes[i] = max(int(float64(sizes[i])*b.scale), 5)
	}
	c := &company{name: source, users: sizes[1] + b.runs, groups: 1, large: sizes}
	p, err := newPipe(ctx, c, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if _, _, err := p.cycle(ctx, metaverse.FullImport, metaverse.FullSync); err != nil {
		return err
	}
	for range 2 { // the second one is for the references
		if _, err := p.confirm(ctx); err != nil {
			return err
		}
		if _, _, err := p.cycle(ctx, metaverse.DeltaImport, metaverse.DeltaSync); err != nil {
			return err
		}
	}
	for i, n := range sizes {
		var took, evaluated, sent []float64
		for run := range b.runs {
			c.joined, c.to = sizes[i]+run, i
			recs, d, err := p.cycle(ctx, metaverse.DeltaImport, metaverse.DeltaSync)
			if err != nil {
				return err
			}
			if n := recs[4].Counters.RefAdds; n != 1 {
				return fmt.Errorf("one member joined a group, %d references were sent", n)
			}
			took = append(took, d.Seconds()*1000)
			evaluated = append(evaluated, float64(recs[2].Counters.Evaluated+recs[3].Counters.Evaluated))
			sent = append(sent, float64(recs[4].Counters.RefAdds))
			if _, err := p.confirm(ctx); err != nil {
				return err
			}
		}
		of := fmt.Sprintf("one member joins a group of %s: ", number(float64(n)))
		b.add(of+"objects evaluated", "objects", atMost(3), evaluated...)
		b.add(of+"cycle", "ms", atMost(50), took...)
		b.add(of+"references sent", "references", atMost(1), sent...)
	}
	return nil
}

// diskPerUser is what a user takes of the disk while the store is written, everything counted:
// the store, its log, and what the cloud keeps.
const diskPerUser = 12_000

// million takes a great many identities from end to end, once.
func million(ctx context.Context, b *bench) (err error) {
	users := b.size(1_000_000, 50_000)
	if need := uint64(users) * diskPerUser; freeDisk(os.TempDir()) < need { //nolint:gosec // positive
		return &skipError{fmt.Sprintf("it needs %d MB in %s", need/1e6, os.TempDir())}
	}
	resetPeak()
	c := &company{name: source, users: users, groups: users / 100}
	p, err := newPipe(ctx, c, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	p.told = func(rec *metaverse.RunRecord) {
		took := rec.Ended.Sub(rec.Started)
		b.say("%s %s: %d objects in %v, most memory so far %.0f MiB", rec.Connector, rec.Step, rec.Objects, took.Round(time.Second), peakMiB())
	}
	start := time.Now()
	recs, _, err := p.cycle(ctx, metaverse.FullImport, metaverse.FullSync)
	if err != nil {
		return err
	}
	if _, err := p.confirm(ctx); err != nil {
		return err
	}
	of := number(float64(users+c.groups)) + " identities: "
	b.add(of+"initial cycle with confirmation", "s", nil, time.Since(start).Seconds())
	b.add(of+"full import", "objects/s", nil, rate(recs[1]))
	b.add(of+"first full synchronisation", "objects/s", atLeast(10_000), rate(recs[2]))
	b.add(of+"peak memory of the process", "MiB", atMost(512), peakMiB())
	n, err := p.size()
	if err != nil {
		return err
	}
	b.add(of+"store", "bytes/identity", atMost(4096), float64(n)/float64(users+c.groups))
	return nil
}

// resetPeak begins a new measurement of the most memory that the process has held.
func resetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // without it the peak is that of the whole run
}

// peakMiB is the most memory that the process has held since, 0 where the system does not
// tell.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(text)[0], 64)
			if err == nil {
				return kib / 1024
			}
		}
	}
	return 0
}
