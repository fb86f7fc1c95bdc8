package memdir

import (
	"context"
	"errors"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

var errClosed = errors.New("the session is closed")

// core is what all parts of a session share.
type core struct {
	d       *Directory
	o       connector.OpenOptions
	classes map[string]bool // folded; nil means all
	wanted  map[string]bool // folded; nil means all
	closed  bool
}

// Each capability is a type of its own, so that a session has exactly those methods that the
// directory was made with.
type (
	fullImporter  struct{ *core }
	deltaImporter struct{ *core }
	objectReader  struct{ *core }
	exporter      struct{ *core }
	preflighter   struct{ *core }
)

// Open starts a session.
func (d *Directory) Open(ctx context.Context, o connector.OpenOptions) (connector.Session, error) {
	if ctx.Err() != nil {
		return nil, d.failure("open", context.Cause(ctx))
	}
	if err := d.faults.get().Open; err != nil {
		return nil, d.failure("open", err)
	}
	c := &core{d: d, o: o, classes: foldedSet(o.Classes), wanted: foldedSet(o.Attributes)}
	full, delta, read := fullImporter{c}, deltaImporter{c}, objectReader{c}
	export, preflight := exporter{c}, preflighter{c}
	switch caps := d.opts; {
	case caps.FullOnly && caps.ReadOnly && caps.NoRead:
		return &struct {
			*core
			fullImporter
			preflighter
		}{c, full, preflight}, nil
	case caps.FullOnly && caps.ReadOnly:
		return &struct {
			*core
			fullImporter
			objectReader
			preflighter
		}{c, full, read, preflight}, nil
	case caps.FullOnly && caps.NoRead:
		return &struct {
			*core
			fullImporter
			exporter
			preflighter
		}{c, full, export, preflight}, nil
	case caps.ReadOnly && caps.NoRead:
		return &struct {
			*core
			fullImporter
			deltaImporter
			preflighter
		}{c, full, delta, preflight}, nil
	case caps.FullOnly:
		return &struct {
			*core
			fullImporter
			objectReader
			exporter
			preflighter
		}{c, full, read, export, preflight}, nil
	case caps.ReadOnly:
		return &struct {
			*core
			fullImporter
			deltaImporter
			objectReader
			preflighter
		}{c, full, delta, read, preflight}, nil
	case caps.NoRead:
		return &struct {
			*core
			fullImporter
			deltaImporter
			exporter
			preflighter
		}{c, full, delta, export, preflight}, nil
	default:
		return &struct {
			*core
			fullImporter
			deltaImporter
			objectReader
			exporter
			preflighter
		}{c, full, delta, read, export, preflight}, nil
	}
}

func foldedSet(names []string) map[string]bool {
	if len(names) == 0 {
		return nil
	}
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[attr.Fold(n)] = true
	}
	return m
}

// Close ends the session.
func (c *core) Close(context.Context) error {
	c.closed = true
	return nil
}

// usable returns why nothing can be done, nil if something can.
func (c *core) usable(ctx context.Context) error {
	switch {
	case c.closed:
		return errClosed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return nil
}

func (c *core) inScope(class string) bool { return c.classes == nil || c.classes[attr.Fold(class)] }

// shows reports whether the session imports the attribute.
func (c *core) shows(name string) bool {
	folded := attr.Fold(name)
	return (c.wanted == nil || c.wanted[folded]) && !c.d.catalog.attributes[folded].WriteOnly
}

// show returns a stored object as the connector shows it; the result shares nothing with
// it. A nil filter shows every attribute.
func (d *Directory) show(e *entry, filter func(name string) bool) *connector.Object {
	o := &connector.Object{Class: e.class, Anchor: e.anchor, DN: e.dn, Partition: d.partitionOf(e)}
	for name, values := range e.attrs.All() {
		if filter == nil || filter(name) {
			o.Attributes.Put(name, d.outerAll(values)...)
		}
	}
	return o
}

// position returns the index in order of the first object created after the one with the
// given number.
func (d *Directory) position(after uint64) int {
	i, _ := slices.BinarySearchFunc(d.order, after, func(e *entry, n uint64) int {
		if e.number <= n {
			return -1
		}
		return 1
	})
	return i
}

var (
	_ connector.Connector     = (*Directory)(nil)
	_ connector.Session       = (*core)(nil)
	_ connector.FullImporter  = fullImporter{}
	_ connector.DeltaImporter = deltaImporter{}
	_ connector.ObjectReader  = objectReader{}
	_ connector.Exporter      = exporter{}
	_ connector.Preflighter   = preflighter{}
)
