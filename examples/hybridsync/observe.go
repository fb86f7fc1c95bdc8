package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"go.opentelemetry.io/otel/attribute"

	"github.com/hybridsync/hybridsync/examples/internal/identity"
	"github.com/hybridsync/hybridsync/scheduler/telemetry"
)

// observability is where traces and metrics of the daemon go.
type observability struct {
	*telemetry.Telemetry
	metrics http.Handler
	close   func(context.Context) error
}

// observe sets traces and metrics up: metrics to be scraped by Prometheus, traces to an OTLP
// collector where one is configured.
func observe(ctx context.Context, c *daemonConfig) (*observability, error) {
	about := resource.NewSchemaless(attribute.String("service.name", "hybridsync"))
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reader, err := promexporter.New(promexporter.WithRegisterer(registry), promexporter.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(about))
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(about)}
	if c.Traces != "" {
		pool, err := identity.Authorities(c.TracesCA)
		if err != nil {
			return nil, err
		}
		to := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(c.Traces)}
		if strings.HasPrefix(c.Traces, "https:") {
			to = append(to, otlptracehttp.WithTLSClientConfig(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}))
		}
		exporter, err := otlptracehttp.New(ctx, to...)
		if err != nil {
			return nil, err
		}
		opts = append(opts, sdktrace.WithBatcher(exporter))
	}
	tracers := sdktrace.NewTracerProvider(opts...)
	t, err := telemetry.New(tracers, meters)
	if err != nil {
		return nil, err
	}
	return &observability{
		Telemetry: t,
		metrics:   promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		close: func(ctx context.Context) error {
			return errors.Join(tracers.Shutdown(ctx), meters.Shutdown(ctx))
		},
	}, nil
}
