package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/rules"
)

// simulate prints what rules make of a scenario.
func simulate(ctx context.Context, i *invocation) error {
	if err := i.want(0, "no arguments"); err != nil {
		return err
	}
	return i.inWorld(ctx, func(w *world) error {
		encoder := newEncoder(i.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(w.report())
	})
}

// world is a scenario after import and synchronisation.
type world struct {
	scenario *scenario
	set      *rules.Set
	engine   *metaverse.Engine
	state    *state
	params   map[string]*connectorParameters // by connector
	multi    map[string]map[string]bool      // by connector and folded attribute: has several values
	notes    []string
	now      time.Time
}

// inWorld plays the scenario in a store that lives as long as fn.
func (i *invocation) inWorld(ctx context.Context, fn func(*world) error) error {
	s, err := readScenario(i.scenario, i.in)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "rulelab-")
	if err != nil {
		return err
	}
	store, err := sqlstore.Open(ctx, filepath.Join(folder, "store.db"), &sqlstore.Options{Synchronous: sqlstore.SynchronousNormal})
	if err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	w := &world{scenario: s, now: i.now, params: make(map[string]*connectorParameters), multi: make(map[string]map[string]bool)}
	if err = w.play(ctx, store, i.rules, i.load); err == nil {
		err = fn(w)
	}
	return errors.Join(err, store.Close(), os.RemoveAll(folder))
}

// connectorParameters are the values of %name% for objects of one connector.
type connectorParameters struct{ inbound, outbound rules.MapParameters }

// play wires everything together, runs the steps and reads the result.
func (w *world) play(ctx context.Context, store *sqlstore.Store, path string, o loadOptions) error {
	for _, c := range w.scenario.Connectors {
		o.connectors = append(o.connectors, ruleConnector{name: c.Name, kind: c.Type})
	}
	s, err := load(path, o)
	if err != nil {
		return err
	}
	exported, notes, err := s.match(w.scenario)
	if err != nil {
		return err
	}
	w.notes = notes
	if w.set, err = rules.Compile(s.file.Rules, s.options); err != nil {
		return err
	}
	var list []connector.Connector
	for i := range w.scenario.Connectors {
		c := &w.scenario.Connectors[i]
		dir, err := directory(c, w.set, s.options, exported[c.Name])
		if err != nil {
			return err
		}
		list = append(list, dir)
		schema, err := dir.Schema(ctx)
		if err != nil {
			return err
		}
		w.describe(c.Name, schema)
	}
	w.engine, err = metaverse.New(store, w.set, list, &metaverse.Options{Now: func() time.Time { return w.now }, ErrorLimit: -1})
	if err != nil {
		return err
	}
	if err := w.steps(ctx); err != nil {
		return err
	}
	w.state, err = readState(ctx, store, w.engine.Connectors())
	return err
}

// describe notes what is needed of a directory's schema later. Whether an attribute is
// shown as a list is for the metaverse to say as far as it can: then the answer is the same
// whatever is known of the directory.
func (w *world) describe(name string, s *connector.Schema) {
	p := &connectorParameters{rules.MapParameters{"Connector.ID": name}, rules.MapParameters{"Connector.ID": name}}
	maps.Copy(p.inbound, s.Parameters)
	maps.Copy(p.outbound, s.Parameters)
	for _, part := range s.Partitions {
		maps.Copy(p.inbound, part.Parameters)
	}
	w.params[name] = p
	w.multi[name] = make(map[string]bool)
	for _, a := range s.Attributes {
		w.multi[name][attr.Fold(a.Name)] = a.MultiValued
		if m, ok := w.set.Metaverse().Attribute(a.Name); ok {
			w.multi[name][attr.Fold(a.Name)] = m.MultiValued
		}
	}
	for _, r := range w.set.Rules() {
		for i := range r.Flows {
			f := &r.Flows[i]
			if r.Direction != rules.Outbound || r.Connector != name || f.Type != rules.Direct {
				continue
			}
			if m, ok := w.set.Metaverse().Attribute(f.Source[0]); ok {
				w.multi[name][attr.Fold(f.Target)] = m.MultiValued
			}
		}
	}
}

// steps imports and synchronises every connector. What a connector brings in can change
// what others get, so synchronisation goes on until nothing is pending.
func (w *world) steps(ctx context.Context) error {
	for _, kind := range []metaverse.StepKind{metaverse.FullImport, metaverse.FullSync} {
		for _, name := range w.engine.Connectors() {
			if err := w.step(ctx, name, kind, nil); err != nil {
				return err
			}
		}
	}
	for range maxRounds {
		staged := int64(0)
		for _, name := range w.engine.Connectors() {
			if err := w.step(ctx, name, metaverse.DeltaSync, &staged); err != nil {
				return err
			}
		}
		if staged == 0 {
			break
		}
	}
	return nil
}

// maxRounds is how often synchronisation is repeated at most.
const maxRounds = 5

func (w *world) step(ctx context.Context, name string, kind metaverse.StepKind, staged *int64) error {
	record, err := w.engine.Run(ctx, name, kind, nil)
	if err != nil {
		return err
	}
	for _, n := range record.Notes {
		w.note(fmt.Sprintf("%s: %s", name, n))
	}
	if staged != nil {
		c := &record.Counters
		*staged += c.ExportsStaged + c.Projected + c.Joined + c.Disconnected + c.MVDeleted
	}
	return nil
}

func (w *world) note(text string) {
	if !slices.Contains(w.notes, text) {
		w.notes = append(w.notes, text)
	}
}
