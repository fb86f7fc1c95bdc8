// Package telemetry makes OpenTelemetry traces and metrics of what a scheduler does.
//
// It uses the OpenTelemetry API only: the program chooses the SDK and the exporters, as
// examples/hybridsync does with Prometheus and OTLP.
//
//	t, err := telemetry.New(tracerProvider, meterProvider)
//	s, err := scheduler.New(engine, connectors, &scheduler.Options{Observer: t, OnEvent: t.Event})
//	err = t.Watch(func() telemetry.Source { return telemetry.Source{Store: store, Scheduler: s, Connectors: names} })
//
// # Traces
//
// A cycle is a trace: a span "cycle" with one span for each step, named after its kind, with
// connector, result and counts. Requests to directories made by an instrumented HTTP client
// become its children.
//
// # Metrics
//
//	hybridsync.cycle.duration        s, histogram   policy, result
//	hybridsync.step.duration         s, histogram   connector, step, result
//	hybridsync.step.objects          counter        connector, step, operation
//	hybridsync.step.errors           counter        connector, step, code
//	hybridsync.events                counter        event, id, level
//	hybridsync.maintenance.duration  s, histogram   task, failed
//	hybridsync.queue                 gauge          connector, queue: import, export, unconfirmed
//	hybridsync.objects               gauge          connector, state: connected, disconnector, error
//	hybridsync.metaverse.objects     gauge          class
//	hybridsync.import.age            s, gauge       connector: the age of its watermark
//	hybridsync.certificate.days_left gauge          certificate
//	hybridsync.quota.share           gauge          connector: how much of the directory's limit was used in the last minute, 1 is all
//	hybridsync.requests              counter        connector
//	hybridsync.requests.throttled    counter        connector: refused because of the limit, and tried again
//	hybridsync.requests.waited       s, counter     connector: how long requests were held back, added up
//	hybridsync.requests.waiting      gauge          connector: held back now
//	hybridsync.scheduler.active      0 or 1         whether this process holds the lease
//	hybridsync.scheduler.suspended   0 or 1
//	hybridsync.scheduler.staging     0 or 1
//	hybridsync.scheduler.stale       0 or 1
//
// # Personal data
//
// Attributes are names of connectors, steps, results, classes and errors. There are no names
// or values of people in any of them, and their number does not grow with the population.
package telemetry
