package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/scheduler"
	"github.com/hybridsync/hybridsync/scheduler/telemetry"
)

// engine has steps that import ten objects, and exports that fail for one object of three.
type engine struct{ store *metaversetest.Memory }

func (e *engine) Store() metaverse.Store { return e.store }
func (e *engine) Due(context.Context, string) (metaverse.Due, error) {
	return metaverse.Due{Watermark: true, Synchronised: true}, nil
}
func (e *engine) Purge(context.Context, time.Duration) (int64, error) { return 0, nil }
func (e *engine) ForgetWatermarks(context.Context) ([]string, error)  { return nil, nil }

func (e *engine) Run(ctx context.Context, name string, k metaverse.StepKind, _ *metaverse.RunOptions) (*metaverse.RunRecord, error) {
	r := &metaverse.RunRecord{Connector: name, Step: k, Result: metaverse.ResultSuccess, Started: time.Now()}
	r.Ended = r.Started.Add(time.Second)
	switch k {
	case metaverse.DeltaImport:
		if name == "b" {
			r.Result = metaverse.ResultNoStartConnection
			return r, &metaverse.StepError{Record: r, Err: errors.New("CN=Somebody")}
		}
		r.Counters.Adds = 10
	case metaverse.Export:
		r.Counters.Updates, r.Counters.Errors = 2, 1
		return r, e.store.Update(ctx, func(tx metaverse.Tx) error {
			return tx.PutObjectErrors([]metaverse.ObjectError{{Connector: name, Step: "export", Code: "AttributeValueMustBeUnique",
				Message: "CN=Somebody", Object: connector.Key{DN: "CN=Somebody"}, Count: 1}})
		})
	}
	return r, nil
}

// used is a connector that is near its limit.
type used struct{}

func (used) Usage() connector.Usage {
	return connector.Usage{Requests: 1000, Throttled: 3, Waited: 90 * time.Second, Waiting: 2, Share: 0.93}
}

// world runs one cycle under telemetry.
func world(t testing.TB) (*tracetest.InMemoryExporter, metricdata.ResourceMetrics) {
	t.Helper()
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	tel, err := telemetry.New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	require.NoError(t, err)
	e := &engine{metaversetest.NewMemory()}
	s, err := scheduler.New(e, []scheduler.Connector{{Name: "a"}, {Name: "b"}, {Name: "tenant", Cloud: true}},
		&scheduler.Options{Observer: tel, OnEvent: tel.Event})
	require.NoError(t, err)
	certificates := func(context.Context) ([]scheduler.Certificate, error) {
		return []scheduler.Certificate{{Name: "tenant", Expires: time.Now().Add(10*24*time.Hour + time.Minute)}}, nil
	}
	require.NoError(t, tel.Watch(func() telemetry.Source {
		return telemetry.Source{Store: e.store, Scheduler: s, Connectors: []string{"a", "b", "tenant"}, Certificates: certificates,
			Metered: map[string]connector.Metered{"tenant": used{}}}
	}))
	tel.Event(t.Context(), scheduler.Event{EventInfo: scheduler.EventInfo{ID: scheduler.EventMaintenance},
		Attrs: []slog.Attr{slog.String("task", "store"), slog.Duration("duration", 2*time.Second)}})
	_, err = s.Cycle(t.Context(), scheduler.Delta)
	require.ErrorContains(t, err, "no-start-connection")
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	return spans, all
}

func TestTracesAndMetrics(t *testing.T) {
	t.Parallel()
	spans, all := world(t)
	var cycle tracetest.SpanStub
	names := make(map[string]int)
	for _, s := range spans.GetSpans() {
		names[s.Name]++
		if s.Name == "cycle" {
			cycle = s
		}
	}
	require.Equal(t, map[string]int{"cycle": 1, "delta-import": 3, "delta-sync": 3, "export": 2}, names, "that to b was left out")
	require.Equal(t, codes.Error, cycle.Status.Code)
	for _, s := range spans.GetSpans() {
		require.Equal(t, cycle.SpanContext.TraceID(), s.SpanContext.TraceID(), "a cycle is one trace")
		require.NotContains(t, fmt.Sprint(s), "Somebody")
	}
	require.NotContains(t, fmt.Sprint(all), "Somebody", "labels name nobody")

	ints, floats := make(map[string]int64), make(map[string]float64)
	seen := make(map[string]bool)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			seen[m.Name] = true
			var points []metricdata.DataPoint[int64]
			var real []metricdata.DataPoint[float64]
			switch d := m.Data.(type) {
			case metricdata.Sum[float64]:
				real = d.DataPoints
			case metricdata.Gauge[float64]:
				real = d.DataPoints
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					floats[m.Name+" "+text(p.Attributes)] = p.Sum
				}
			case metricdata.Sum[int64]:
				points = d.DataPoints
			case metricdata.Gauge[int64]:
				points = d.DataPoints
			}
			for _, p := range points {
				ints[m.Name+" "+text(p.Attributes)] = p.Value
			}
			for _, p := range real {
				floats[m.Name+" "+text(p.Attributes)] = p.Value
			}
		}
	}
	require.EqualValues(t, 10, ints["hybridsync.step.objects connector=a operation=add step=delta-import"])
	require.EqualValues(t, 1, ints["hybridsync.step.errors code=AttributeValueMustBeUnique connector=tenant step=export"])
	require.EqualValues(t, 10, ints["hybridsync.certificate.days_left certificate=tenant"])
	require.EqualValues(t, 1000, ints["hybridsync.requests connector=tenant"])
	require.EqualValues(t, 3, ints["hybridsync.requests.throttled connector=tenant"])
	require.EqualValues(t, 2, ints["hybridsync.requests.waiting connector=tenant"])
	require.InDelta(t, 90, floats["hybridsync.requests.waited connector=tenant"], 0.01)
	require.InDelta(t, 0.93, floats["hybridsync.quota.share connector=tenant"], 0.001)
	require.InDelta(t, 2, floats["hybridsync.maintenance.duration failed=false task=store"], 0.01)
	require.EqualValues(t, 1, ints["hybridsync.events event=step-failed id=20013 level=ERROR"])
	for _, name := range []string{"hybridsync.cycle.duration", "hybridsync.step.duration", "hybridsync.queue", "hybridsync.objects", "hybridsync.import.age",
		"hybridsync.scheduler.active", "hybridsync.scheduler.suspended", "hybridsync.scheduler.staging", "hybridsync.scheduler.stale"} {
		require.True(t, seen[name], name)
	}
}

func text(set attribute.Set) string {
	var parts []string
	for _, kv := range set.ToSlice() {
		parts = append(parts, string(kv.Key)+"="+kv.Value.String())
	}
	return strings.Join(parts, " ")
}
