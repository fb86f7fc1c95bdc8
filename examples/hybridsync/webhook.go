package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/hybridsync/hybridsync/examples/internal/identity"
	"github.com/hybridsync/hybridsync/scheduler"
)

// webhook posts events to a URL, one at a time, in order. It never holds up what it tells of:
// when the receiver is slow, events wait in a queue, and when that is full they are dropped
// and counted.
type webhook struct {
	config *alertConfig
	level  slog.Level
	client *http.Client
	log    *slog.Logger
	queue  chan alert
}

// alert is what is posted. It holds no names of people and none of their values.
type alert struct {
	ID        scheduler.EventID `json:"id"`
	Event     string            `json:"event"`
	Level     string            `json:"level"`
	Text      string            `json:"text"`
	Do        string            `json:"do,omitempty"`
	Time      time.Time         `json:"time"`
	Connector string            `json:"connector,omitempty"`
	About     map[string]string `json:"about,omitempty"`
}

// shared are the attributes of events that go to others. Errors stay in the log: they name
// objects.
var shared = map[string]bool{
	"step": true, "result": true, "policy": true, "run": true, "code": true, "objects": true, "steps": true, "skipped": true,
	"duration": true, "so_far": true, "age": true, "days_left": true, "expires": true, "task": true, "starts": true, "late": true,
}

const (
	webhookTimeout = 10 * time.Second
	webhookQueue   = 200
	webhookTries   = 3
)

// newWebhook returns nil where none is configured.
func newWebhook(c *alertConfig, log *slog.Logger) (*webhook, error) {
	if c.Webhook == "" {
		return nil, nil
	}
	pool, err := identity.Authorities(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	h := &webhook{config: c, log: log, queue: make(chan alert, webhookQueue)}
	if err := h.level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	h.client = &http.Client{Transport: transport, Timeout: webhookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return h, nil
}

// event takes an event.
func (h *webhook) event(_ context.Context, e scheduler.Event) {
	if h == nil || e.Level < h.level {
		return
	}
	a := alert{ID: e.ID, Event: e.Name, Level: e.Level.String(), Text: e.Text, Do: e.Do, Time: e.Time, Connector: e.Connector, About: make(map[string]string)}
	for _, at := range e.Attrs {
		if shared[at.Key] {
			a.About[at.Key] = at.Value.String()
		}
	}
	select {
	case h.queue <- a:
	default:
		h.log.Warn("an alert was dropped: the receiver is too slow", "event_id", int(e.ID))
	}
}

// run posts what comes until ctx ends.
func (h *webhook) run(ctx context.Context) {
	if h == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-h.queue:
			if err := h.post(ctx, a); err != nil && ctx.Err() == nil {
				h.log.Warn("an alert could not be posted", "event_id", int(a.ID), "err", err)
			}
		}
	}
}

// drain posts what is left, within a time.
func (h *webhook) drain(ctx context.Context) {
	for h != nil && ctx.Err() == nil {
		select {
		case a := <-h.queue:
			if err := h.post(ctx, a); err != nil {
				h.log.Warn("an alert could not be posted", "event_id", int(a.ID), "err", err)
				return
			}
		default:
			return
		}
	}
}

func (h *webhook) post(ctx context.Context, a alert) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		if err = h.try(ctx, body); err == nil || try == webhookTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try) * time.Second):
		}
	}
}

func (h *webhook) try(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.config.Webhook, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if !h.config.Token.IsZero() {
		token, err := h.config.Token.read()
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode >= 300 {
		return fmt.Errorf("the receiver answered %s", resp.Status)
	}
	return nil
}
