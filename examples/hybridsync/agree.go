package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
	"github.com/hybridsync/hybridsync/scheduler"
)

// sharedConfig is what the servers on one store have to agree on: the keys of the configuration
// and their values. Left out are what a server may have for itself (see own), secrets, and
// keys that have their default: a newer program, which knows more keys, agrees with an older one.
type sharedConfig map[string]string

// own are the keys that do not matter to what is synchronised, or differ by nature: the way to
// the store, the sections daemon, alerts and tenant.identity, the site, and names of files. Secrets are among
// them.
var own = regexp.MustCompile(`^(store$|daemon\.|alerts\.|tenant\.identity\.)|\.(site|ca_file|certificate_file|config_file|keytab|ccache|password|client_secret|certificate_password)$`)

// shared returns what other servers have to agree with. A file of rules counts by what it says.
func (c *config) shared(set *rules.Set) sharedConfig {
	usual := &config{}
	_ = usual.complete() // what is missing is of no interest here
	defaults := usual.flat()
	out := sharedConfig(c.flat())
	maps.DeleteFunc(out, func(key, value string) bool { return own.MatchString(key) || defaults[key] == value })
	if c.Rules != "standard" {
		out["rules"] = "with hash " + set.Hash()
	}
	return out
}

// text is the form in which the store keeps it: equal ones have equal texts.
func (s sharedConfig) text() ([]byte, error) { return json.MarshalIndent(s, "", "  ") }

// hash tells one from another.
func (s sharedConfig) hash() string {
	text, err := s.text()
	if err != nil {
		return "" // of texts by texts: it has a form always
	}
	return metaverse.HashConfiguration(text)
}

// differs returns the keys that a version in the store has other values for.
func (s sharedConfig) differs(stored *metaverse.Configuration) ([]difference, error) {
	if stored.Hash == s.hash() {
		return nil, nil
	}
	var theirs sharedConfig
	if err := json.Unmarshal(stored.Text, &theirs); err != nil {
		return nil, fmt.Errorf("version %d of the store's configuration cannot be read: %w", stored.Version, err)
	}
	return differences(theirs, s), nil
}

// newestConfiguration returns the newest version in the store, nil if there is none.
func newestConfiguration(ctx context.Context, store metaverse.Store) (c *metaverse.Configuration, err error) {
	err = store.View(ctx, func(rd metaverse.Reader) error {
		c, err = rd.Configuration(0)
		return err
	})
	return c, err
}

// publish makes it the store's configuration, in any case or only where there is none.
func (s sharedConfig) publish(ctx context.Context, store metaverse.Store, by string, first bool) (c *metaverse.Configuration, err error) {
	text, err := s.text()
	if err != nil {
		return nil, err
	}
	err = store.Update(ctx, func(tx metaverse.Tx) error {
		if c, err = tx.Configuration(0); err != nil || first && c != nil {
			return err
		}
		c, err = tx.PutConfiguration(metaverse.Configuration{Author: by, At: time.Now(), Text: text})
		return err
	})
	return c, err
}

// driftError says that this server has another configuration than the store.
type driftError struct {
	stored *metaverse.Configuration
	keys   []string
}

// Error names the keys and what to do, never values.
func (e *driftError) Error() string {
	return fmt.Sprintf("this server's configuration is not that of the store, version %d by %s: %s; see hybridsync config diff, then correct the file, or make it the store's: hybridsync config publish",
		e.stored.Version, e.stored.Author, strings.Join(e.keys, ", "))
}

// agree fails where the store has another configuration.
func (s sharedConfig) agree(stored *metaverse.Configuration) error {
	list, err := s.differs(stored)
	if err != nil || len(list) == 0 {
		return err
	}
	e := &driftError{stored: stored}
	for _, d := range list {
		e.keys = append(e.keys, d.Key)
	}
	return e
}

// agreement makes this process the active one of all that share a store as soon as it can be,
// but only while its configuration is the store's. The first process records its own.
type agreement struct {
	candidate *metaverse.Candidate
	store     metaverse.Store
	mine      sharedConfig
	emit      func(context.Context, scheduler.EventID, string, ...slog.Attr)

	mu     sync.Mutex
	stored *metaverse.Configuration // as it was seen last, guarded by mu
	told   int64                    // version that there was an event about last, guarded by mu
	warned time.Time                // of a difference, guarded by mu
}

// Active implements [scheduler.Lease].
func (g *agreement) Active(ctx context.Context) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.lead(ctx)
	g.tell(ctx, err)
	var drift *driftError
	if errors.As(err, &drift) || errors.Is(err, metaverse.ErrRunning) {
		return false, nil
	}
	return err == nil, err
}

// Lead makes this process the active one, or says why it is not.
func (g *agreement) Lead(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lead(ctx)
}

func (g *agreement) lead(ctx context.Context) error {
	newest, err := newestConfiguration(ctx, g.store)
	switch {
	case err == nil:
		g.stored = newest
	case g.stored == nil:
		return err
		// Else the lease decides: it outlasts a database that is away for a moment.
	}
	if g.stored != nil {
		if err := g.mine.agree(g.stored); err != nil {
			g.candidate.Resign()
			return err
		}
	}
	active, err := g.candidate.Active(ctx)
	if err != nil {
		return err
	}
	if !active {
		lease, err := g.store.Lease(ctx)
		if err != nil {
			return err
		}
		return &metaverse.LeaseHeldError{Lease: lease}
	}
	if g.stored != nil {
		return nil
	}
	if g.stored, err = g.mine.publish(ctx, g.store, operator(), true); err != nil {
		return err
	}
	return g.mine.agree(g.stored)
}

// tell tells of versions that are new here, and once a day that this server has another one.
func (g *agreement) tell(ctx context.Context, err error) {
	if g.stored == nil {
		return
	}
	version := slog.Int64("version", g.stored.Version)
	if g.told != g.stored.Version {
		g.told, g.warned = g.stored.Version, time.Time{}
		g.emit(ctx, scheduler.EventConfigurationPublished, "", version, slog.String("hash", g.stored.Hash), slog.String("by", g.stored.Author), slog.Time("at", g.stored.At))
	}
	var drift *driftError
	if errors.As(err, &drift) && time.Since(g.warned) > 24*time.Hour {
		g.warned = time.Now()
		g.emit(ctx, scheduler.EventConfigurationDrift, "", version, slog.String("keys", strings.Join(drift.keys, " ")))
	}
}
