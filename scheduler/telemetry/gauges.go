package telemetry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
)

// gauges are the measurements that are read when somebody asks for them.
type gauges struct {
	queue, objects, metaverse, age, days, active, suspended, staging, stale metric.Int64ObservableGauge
	requests, throttled                                                     metric.Int64ObservableCounter
	waited                                                                  metric.Float64ObservableCounter
	waiting                                                                 metric.Int64ObservableGauge
	share                                                                   metric.Float64ObservableGauge
	all                                                                     []metric.Observable
}

// meters makes what is read from connectors that know how much is asked of their directories.
func (g *gauges) meters(m metric.Meter) error {
	var errs [5]error
	g.requests, errs[0] = m.Int64ObservableCounter("hybridsync.requests", metric.WithDescription("Requests that a directory answered"))
	g.throttled, errs[1] = m.Int64ObservableCounter("hybridsync.requests.throttled", metric.WithDescription("Requests that a directory refused because of a limit"))
	g.waited, errs[2] = m.Float64ObservableCounter("hybridsync.requests.waited", metric.WithDescription("Time that requests were held back"), metric.WithUnit("s"))
	g.waiting, errs[3] = m.Int64ObservableGauge("hybridsync.requests.waiting", metric.WithDescription("Requests that are held back"))
	g.share, errs[4] = m.Float64ObservableGauge("hybridsync.quota.share", metric.WithDescription("Share of a directory's limit that was used in the last minute"))
	g.all = append(g.all, g.requests, g.throttled, g.waited, g.waiting, g.share)
	return errors.Join(errs[:]...)
}

func (g *gauges) usage(o metric.Observer, metered map[string]connector.Metered) {
	for name, m := range metered {
		u, about := m.Usage(), at("connector", name)
		o.ObserveInt64(g.requests, u.Requests, about)
		o.ObserveInt64(g.throttled, u.Throttled, about)
		o.ObserveFloat64(g.waited, u.Waited.Seconds(), about)
		o.ObserveInt64(g.waiting, int64(u.Waiting), about)
		o.ObserveFloat64(g.share, u.Share, about)
	}
}

func (g *gauges) make(m metric.Meter, to *metric.Int64ObservableGauge, name, text, unit string) (err error) {
	*to, err = m.Int64ObservableGauge(name, metric.WithDescription(text), metric.WithUnit(unit))
	g.all = append(g.all, *to)
	return err
}

func (g *gauges) observe(ctx context.Context, o metric.Observer, src Source) error {
	g.usage(o, src.Metered)
	if src.Store == nil || src.Scheduler == nil {
		return nil
	}
	if err := g.spaces(ctx, o, src); err != nil {
		return err
	}
	st, err := src.Scheduler.Control().Status(ctx)
	if err != nil {
		return err
	}
	for _, name := range src.Connectors {
		if last := st.State.Connectors[name].Imported; !last.IsZero() {
			o.ObserveInt64(g.age, int64(time.Since(last).Seconds()), at("connector", name))
		}
	}
	h := src.Scheduler.Health(ctx)
	o.ObserveInt64(g.active, number(h.Role != "standby"))
	o.ObserveInt64(g.suspended, number(st.Orders.Suspended != nil))
	o.ObserveInt64(g.staging, number(st.Staging != nil))
	o.ObserveInt64(g.stale, number(h.Stale))
	if src.Certificates == nil {
		return nil
	}
	certs, err := src.Certificates(ctx)
	for _, c := range certs {
		o.ObserveInt64(g.days, int64(time.Until(c.Expires).Hours()/24), at("certificate", c.Name))
	}
	return err
}

func (g *gauges) spaces(ctx context.Context, o metric.Observer, src Source) error {
	return src.Store.View(ctx, func(rd metaverse.Reader) error {
		for _, name := range src.Connectors {
			c, err := rd.CountCS(name)
			if err != nil {
				return err
			}
			for queue, n := range map[string]int64{"import": c.PendingImport, "export": c.PendingExport, "unconfirmed": c.Unconfirmed} {
				o.ObserveInt64(g.queue, n, at("connector", name, "queue", queue))
			}
			for state, n := range map[string]int64{"connected": c.Connected, "disconnector": c.Disconnectors, "error": c.Errors} {
				o.ObserveInt64(g.objects, n, at("connector", name, "state", state))
			}
		}
		classes, err := rd.CountMV()
		for class, n := range classes {
			o.ObserveInt64(g.metaverse, n, at("class", class))
		}
		return err
	})
}

func at(pairs ...string) metric.MeasurementOption {
	var kv []attribute.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		kv = append(kv, attribute.String(pairs[i], pairs[i+1]))
	}
	return metric.WithAttributes(kv...)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
