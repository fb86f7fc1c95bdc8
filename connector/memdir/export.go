package memdir

import (
	"context"
	"errors"
	"fmt"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// Export implements [connector.Exporter]. Each change is carried out as a whole or not at
// all. [connector.Change.Expected] is not used. When ctx is done between two changes, or the
// directory may not be changed any more, the rest was not sent and is to be retried.
func (c exporter) Export(ctx context.Context, batch []connector.Change) ([]connector.Result, error) {
	if err := c.usable(ctx); err != nil {
		return nil, c.d.failure(opExport, err)
	}
	f := c.d.faults.get()
	if f.ExportBatch != nil {
		return nil, c.d.failure(opExport, f.ExportBatch)
	}
	if limit := c.d.opts.ExportBatch; len(batch) > limit {
		return nil, c.d.failure(opExport, fmt.Errorf("%w: %d changes, a batch has at most %d", connector.ErrInvalid, len(batch), limit))
	}
	results := make([]connector.Result, len(batch))
	for i, ch := range batch {
		if ctx.Err() != nil {
			results[i] = connector.Result{ID: ch.ID, Outcome: connector.Retry, Err: c.d.failure(opExport, context.Cause(ctx))}
			continue
		}
		if err := connector.MayWrite(ctx); err != nil {
			results[i] = connector.Result{ID: ch.ID, Outcome: connector.Retry, Err: c.d.failure(opExport, err)}
			continue
		}
		results[i] = c.export(ch)
	}
	return results, nil
}

// export carries out one change, unless a fault has other plans.
func (c *core) export(ch connector.Change) connector.Result {
	d := c.d
	var fate Fate
	if f := d.faults.get(); f.Export != nil {
		fate = f.Export(ch)
	}
	if fate.Outcome != 0 && (fate.Outcome != connector.Unknown || fate.Drop) {
		return fate.result(ch)
	}
	d.mu.Lock()
	r, err := d.carryOut(ch)
	d.mu.Unlock()
	r.ID = ch.ID
	switch {
	case fate.Outcome == connector.Unknown:
		return fate.result(ch)
	case errors.Is(err, connector.ErrConflict):
		r.Outcome, r.Err, r.ConflictWith = connector.Conflict, err, conflictWith(err)
	case err != nil:
		r.Outcome, r.Err = connector.Rejected, err
	}
	return r
}

func (d *Directory) carryOut(ch connector.Change) (connector.Result, error) {
	p := d.newPlan(opExport)
	switch ch.Op {
	case connector.OpAdd:
		return p.add(ch)
	case connector.OpUpdate:
		return p.update(ch)
	case connector.OpDelete:
		return p.delete(ch)
	default:
		return connector.Result{}, p.refuse(ch.Key, "", connector.CodeUnexpected, connector.ErrInvalid)
	}
}

// add creates an object. One that is there already and holds all that is asked for is taken
// for the work of an earlier try whose answer was lost.
func (p *plan) add(ch connector.Change) (connector.Result, error) {
	if err := p.class(ch.Key, ch.Class); err != nil {
		return connector.Result{}, err
	}
	e := &entry{class: ch.Class, dn: ch.Key.DN}
	err := p.dn(ch.Key, nil, ch.Key.DN)
	var attrs attr.Set
	if err == nil {
		attrs, err = p.attributes(e, ch.Class, &attr.Set{}, ch.Mods, true)
	}
	if err != nil {
		if there := p.d.lookup(conflictWith(err)); there != nil && p.holds(there, ch) {
			return connector.Result{Outcome: connector.NoChange, Anchor: there.anchor, DN: there.dn}, nil
		}
		return connector.Result{}, err
	}
	e.anchor = p.d.newAnchor()
	p.d.insert(e)
	p.d.assign(e, attrs, "")
	return connector.Result{Outcome: connector.Applied, Anchor: e.anchor, DN: e.dn}, nil
}

// holds reports whether an object is what an add asks for.
func (p *plan) holds(e *entry, ch connector.Change) bool {
	if !attr.EqualName(e.class, ch.Class) || p.d.dnKey(e.dn) != p.d.dnKey(ch.Key.DN) {
		return false
	}
	again := p.d.newPlan(opExport)
	attrs, err := again.attributes(e, ch.Class, &e.attrs, ch.Mods, true)
	return err == nil && attrs.Equal(&e.attrs)
}

func (p *plan) update(ch connector.Change) (connector.Result, error) {
	e := p.d.lookup(ch.Key)
	if e == nil {
		return connector.Result{}, p.missing(ch.Key)
	}
	if err := p.class(ch.Key, e.class); err != nil {
		return connector.Result{}, err
	}
	moves := ch.NewDN != "" && ch.NewDN != e.dn
	if moves {
		if err := p.dn(ch.Key, e, ch.NewDN); err != nil {
			return connector.Result{}, err
		}
	}
	attrs, err := p.attributes(e, e.class, &e.attrs, ch.Mods, false)
	if err != nil {
		return connector.Result{}, err
	}
	if moves {
		p.d.relocate(e, ch.NewDN)
	}
	r := connector.Result{Outcome: connector.NoChange, Anchor: e.anchor, DN: e.dn}
	if p.d.assign(e, attrs, "") || moves {
		r.Outcome = connector.Applied
	}
	return r, nil
}

// delete removes an object. One that does not exist is what was asked for.
func (p *plan) delete(ch connector.Change) (connector.Result, error) {
	e := p.d.lookup(ch.Key)
	if e == nil {
		return connector.Result{Outcome: connector.NoChange}, nil
	}
	if err := p.class(ch.Key, e.class); err != nil {
		return connector.Result{}, err
	}
	if err := p.leaf(ch.Key, e); err != nil {
		return connector.Result{}, err
	}
	p.d.erase(e)
	return connector.Result{Outcome: connector.Applied}, nil
}
