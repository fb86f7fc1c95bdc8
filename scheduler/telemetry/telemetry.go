package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

const scope = "github.com/hybridsync/hybridsync/scheduler/telemetry"

// Telemetry observes a scheduler. It is safe for concurrent use.
type Telemetry struct {
	tracer trace.Tracer
	meter  metric.Meter

	cycles  metric.Float64Histogram
	steps   metric.Float64Histogram
	objects metric.Int64Counter
	errors  metric.Int64Counter
	events  metric.Int64Counter
	upkeep  metric.Float64Histogram
}

// New returns telemetry that goes to the providers. Nil ones take nothing.
func New(traces trace.TracerProvider, metrics metric.MeterProvider) (*Telemetry, error) {
	if traces == nil {
		traces = tracenoop.NewTracerProvider()
	}
	if metrics == nil {
		metrics = metricnoop.NewMeterProvider()
	}
	t := &Telemetry{tracer: traces.Tracer(scope), meter: metrics.Meter(scope)}
	var errs [6]error
	seconds := metric.WithExplicitBucketBoundaries(0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800, 3600, 4*3600, 12*3600)
	t.cycles, errs[0] = t.meter.Float64Histogram("hybridsync.cycle.duration", metric.WithUnit("s"), metric.WithDescription("Duration of sync cycles"), seconds)
	t.steps, errs[1] = t.meter.Float64Histogram("hybridsync.step.duration", metric.WithUnit("s"), metric.WithDescription("Duration of run steps"), seconds)
	t.objects, errs[2] = t.meter.Int64Counter("hybridsync.step.objects", metric.WithDescription("Objects by what a run step did with them"))
	t.errors, errs[3] = t.meter.Int64Counter("hybridsync.step.errors", metric.WithDescription("Objects that a run step left in trouble"))
	t.events, errs[4] = t.meter.Int64Counter("hybridsync.events", metric.WithDescription("Events of the scheduler"))
	t.upkeep, errs[5] = t.meter.Float64Histogram("hybridsync.maintenance.duration", metric.WithUnit("s"), metric.WithDescription("Duration of maintenance tasks"), seconds)
	return t, errors.Join(errs[:]...)
}

// CycleStarted implements [scheduler.Observer].
func (t *Telemetry) CycleStarted(ctx context.Context, p scheduler.Policy) context.Context {
	ctx, _ = t.tracer.Start(ctx, "cycle", trace.WithAttributes(attribute.String("policy", string(p))))
	return ctx
}

// CycleEnded implements [scheduler.Observer].
func (t *Telemetry) CycleEnded(ctx context.Context, c *scheduler.Cycle, err error) {
	about := []attribute.KeyValue{attribute.String("policy", string(c.Policy)), attribute.String("result", string(c.Result()))}
	t.cycles.Record(ctx, c.Ended.Sub(c.Started).Seconds(), metric.WithAttributes(about...))
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(append(about, attribute.Int("steps", len(c.Steps)), attribute.Int("skipped", len(c.Skipped)), attribute.Bool("staging", c.Staging))...)
	if err != nil {
		span.SetStatus(codes.Error, "steps did not complete")
	}
	span.End()
}

// StepStarted implements [scheduler.Observer].
func (t *Telemetry) StepStarted(ctx context.Context, s scheduler.Step) context.Context {
	about := []attribute.KeyValue{attribute.String("connector", s.Connector), attribute.String("step", string(s.Kind))}
	if s.Reason != "" {
		about = append(about, attribute.String("reason", s.Reason))
	}
	ctx, _ = t.tracer.Start(ctx, string(s.Kind), trace.WithAttributes(about...))
	return ctx
}

// StepEnded implements [scheduler.Observer].
func (t *Telemetry) StepEnded(ctx context.Context, r *scheduler.StepRecord) {
	span := trace.SpanFromContext(ctx)
	defer span.End()
	if r.Run == nil {
		return
	}
	at := []attribute.KeyValue{attribute.String("connector", r.Connector), attribute.String("step", string(r.Kind))}
	done := append(at[:2:2], attribute.String("result", string(r.Run.Result)))
	t.steps.Record(ctx, max(r.Run.Ended.Sub(r.Run.Started), 0).Seconds(), metric.WithAttributes(done...))
	span.SetAttributes(attribute.String("result", string(r.Run.Result)), attribute.Int64("run", r.Run.ID), attribute.Int64("objects", r.Run.Objects))
	for operation, n := range operations(r.Run) {
		if n > 0 {
			t.objects.Add(ctx, n, metric.WithAttributes(append(at[:2:2], attribute.String("operation", operation))...))
			span.SetAttributes(attribute.Int64(operation, n))
		}
	}
	for code, n := range r.Errors {
		t.errors.Add(ctx, n, metric.WithAttributes(append(at[:2:2], attribute.String("code", code))...))
	}
	if r.Err != nil {
		span.SetStatus(codes.Error, string(r.Run.Result))
	}
}

func operations(r *metaverse.RunRecord) map[string]int64 {
	c := &r.Counters
	return map[string]int64{
		"add": c.Adds, "update": c.Updates, "delete": c.Deletes, "rename": c.Renames, "unchanged": c.Unchanged, "error": c.Errors,
		"retry": c.Retries, "defer": c.Deferred, "evaluate": c.Evaluated, "project": c.Projected, "join": c.Joined, "disconnect": c.Disconnected,
		"provision": c.Provisioned, "deprovision": c.Deprovisioned, "confirm": c.Confirmed, "unconfirmed": c.Unconfirmed,
	}
}

// Event counts an event: it is for [scheduler.Options.OnEvent].
func (t *Telemetry) Event(ctx context.Context, e scheduler.Event) {
	t.events.Add(ctx, 1, metric.WithAttributes(attribute.String("event", e.Name), attribute.String("id", strconv.Itoa(int(e.ID))),
		attribute.String("level", e.Level.String())))
	if e.ID == scheduler.EventMaintenance || e.ID == scheduler.EventMaintenanceFailed {
		t.maintained(ctx, e)
	}
}

// maintained measures a maintenance task.
func (t *Telemetry) maintained(ctx context.Context, e scheduler.Event) {
	about := []attribute.KeyValue{attribute.Bool("failed", e.ID == scheduler.EventMaintenanceFailed)}
	took := time.Duration(-1)
	for _, a := range e.Attrs {
		switch {
		case a.Key == "task":
			about = append(about, attribute.String("task", a.Value.String()))
		case a.Key == "duration" && a.Value.Kind() == slog.KindDuration:
			took = a.Value.Duration()
		}
	}
	if took >= 0 {
		t.upkeep.Record(ctx, took.Seconds(), metric.WithAttributes(about...))
	}
}

var _ scheduler.Observer = (*Telemetry)(nil)

// A Source is what gauges are read from.
type Source struct {
	Store        metaverse.Store
	Scheduler    *scheduler.Scheduler
	Connectors   []string
	Metered      map[string]connector.Metered                           // by name, those that tell how much is asked of them
	Certificates func(context.Context) ([]scheduler.Certificate, error) // nil for none
}

// gaugeTimeout bounds the reading of the store for gauges.
const gaugeTimeout = 5 * time.Second

// Watch serves the gauges: source is asked for each time that they are collected, so that
// what it returns may change. It is called once.
func (t *Telemetry) Watch(source func() Source) error {
	g := &gauges{}
	errs := []error{
		g.make(t.meter, &g.queue, "hybridsync.queue", "Objects that wait", ""),
		g.make(t.meter, &g.objects, "hybridsync.objects", "Objects of a connector space", ""),
		g.make(t.meter, &g.metaverse, "hybridsync.metaverse.objects", "Identities", ""),
		g.make(t.meter, &g.age, "hybridsync.import.age", "Time since the connector was imported last", "s"),
		g.make(t.meter, &g.days, "hybridsync.certificate.days_left", "Days until a certificate expires", ""),
		g.make(t.meter, &g.active, "hybridsync.scheduler.active", "Whether this process is the active one", ""),
		g.make(t.meter, &g.suspended, "hybridsync.scheduler.suspended", "Whether the scheduler is suspended", ""),
		g.make(t.meter, &g.staging, "hybridsync.scheduler.staging", "Whether the store is in staging mode", ""),
		g.make(t.meter, &g.stale, "hybridsync.scheduler.stale", "Whether data are stale", ""),
		g.meters(t.meter),
	}
	_, err := t.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, gaugeTimeout)
		defer cancel()
		return g.observe(ctx, o, source())
	}, g.all...)
	return errors.Join(append(errs, err)...)
}
