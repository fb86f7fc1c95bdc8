package metaverse

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
)

// syncStep takes pending imports of one connector into the metaverse and computes what
// follows from them in every connector space. It touches no directory.
func (r *run) syncStep(ctx context.Context) error {
	if err := r.prepareSync(ctx); err != nil {
		return err
	}
	var total int64
	err := r.e.store.View(ctx, func(rd Reader) (err error) {
		total, err = rd.CountPendingImports(r.t.name)
		return err
	})
	if err != nil {
		return err
	}
	if err := r.syncObjects(ctx, total); err != nil {
		return err
	}
	if err := r.syncReferences(ctx); err != nil {
		return err
	}
	// What earlier objects woke, in this connector space, has its turn in the same step.
	if err := r.syncObjects(ctx, total); err != nil {
		return err
	}
	return r.syncReferences(ctx)
}

// prepareSync loads the schemas, and decides what must be evaluated although it did not
// change: everything, in a full step or after a change of the rules.
func (r *run) prepareSync(ctx context.Context) error {
	for _, name := range r.e.names {
		if _, err := r.e.connectors[name].index(ctx); err != nil {
			return &startError{fmt.Errorf("schema of connector %s: %w", name, err)}
		}
	}
	if err := r.knowsAll(ctx); err != nil {
		return err
	}
	if err := r.reindex(ctx); err != nil {
		return err
	}
	schema, err := r.e.schemaHash()
	if err != nil {
		return err
	}
	return r.update(ctx, func(tx Tx) error {
		rulesChanged, err := r.renew(tx, settingRules, r.e.rulesHash(), WidenRulesChanged, "the rules have changed")
		if err != nil {
			return err
		}
		schemaChanged, err := r.renew(tx, settingSchema, schema, WidenSchemaChanged, "the schema of a directory has changed")
		if err != nil {
			return err
		}
		if !rulesChanged && !schemaChanged && r.rec.Step == DeltaSync {
			return nil
		}
		_, err = tx.SetPendingImportAll(r.t.name)
		return err
	})
}

// knowsAll fails when the store has objects of a connector that is not configured: nothing
// could be computed of what is linked to them, and that they are not there is no evidence.
func (r *run) knowsAll(ctx context.Context) error {
	return r.e.store.View(ctx, func(rd Reader) error {
		names, err := rd.Connectors()
		for _, name := range names {
			if r.e.connectors[name] == nil {
				return fmt.Errorf("the store holds objects of connector %q, which is not configured: configure it again, or start with another store", name)
			}
		}
		return err
	})
}

// renew notes what the connector's objects are evaluated by. It reports whether that is
// another thing than before, and says so when that makes more of a delta step.
func (r *run) renew(tx Tx, prefix, now string, reason WidenReason, what string) (changed bool, err error) {
	last, err := tx.Setting(prefix + r.t.name)
	if err != nil || string(last) == now {
		return false, err
	}
	if err := r.e.outdate(tx, prefix, now, r.t.name); err != nil {
		return false, err
	}
	if last != nil && r.rec.Step == DeltaSync {
		r.rec.Widened = reason
		r.note("%s since the last synchronisation: every object was evaluated", what)
	}
	return true, tx.PutSetting(prefix+r.t.name, []byte(now))
}

// outdate has all objects of the connectors but one evaluated again that were evaluated by another
// thing than now the last time: what is evaluated now may change what they are linked to. They have
// their turn under whatever rules come next, even if those are the ones of their last turn.
func (e *Engine) outdate(tx Tx, prefix, now, but string) error {
	for _, name := range e.names {
		last, err := tx.Setting(prefix + name)
		if err != nil {
			return err
		}
		if name == but || last == nil || string(last) == now {
			continue
		}
		if err := tx.PutSetting(prefix+name, []byte("outdated")); err != nil {
			return err
		}
	}
	return nil
}

// outOfTurn notes that something is evaluated by itself, outside of a synchronisation.
func (e *Engine) outOfTurn(tx Tx) error {
	schema, err := e.schemaHash()
	if err != nil {
		return err
	}
	if err := e.outdate(tx, settingRules, e.rulesHash(), ""); err != nil {
		return err
	}
	return e.outdate(tx, settingSchema, schema, "")
}

// syncObjects takes pending imports in, a page in a transaction. While one page is written the
// next one is loaded and computed.
func (r *run) syncObjects(ctx context.Context, total int64) error {
	aheadCtx, stop := context.WithCancel(ctx)
	next := r.lookAhead(aheadCtx, 0)
	defer func() {
		stop()
		<-next.done
	}()
	var after CSID
	var last *batch
	for {
		if err := r.going(ctx); err != nil {
			return err
		}
		var b *batch
		prepared := next
		err := r.update(ctx, func(tx Tx) error {
			ids, err := tx.PendingImports(r.t.name, after, r.e.opts.Batch)
			if err != nil {
				return err
			}
			b = newBatch(ctx, r, tx)
			b.direct = directRefs * r.e.opts.Batch
			if len(ids) == 0 {
				return nil
			}
			b.last, b.changes = ids[len(ids)-1], r.changes+1
			b.follow(prepared, last, r.changes)
			if prepared != nil {
				next = r.lookAhead(aheadCtx, b.last)
			}
			prepared = nil // used up: when the transaction is tried again everything is loaded
			return b.sync(slices.DeleteFunc(ids, func(id CSID) bool { return r.failed[id] }))
		})
		if err != nil {
			return err
		}
		if b.last == 0 {
			return nil
		}
		after, last = b.last, b
		r.known.forget(b)
		r.known = r.known.learn(b.refs.refFacts, r.changes)
		if err := r.take(b); err != nil {
			return err
		}
		b.release()
		r.progress("objects", r.rec.Objects, max(total, r.rec.Objects))
	}
}

// take adds what a committed batch counted.
func (r *run) take(b *batch) error {
	c, d := &r.rec.Counters, &b.counts
	r.rec.Objects += b.objects
	c.Evaluated += d.Evaluated
	c.References += d.References
	c.Projected += d.Projected
	c.Joined += d.Joined
	c.Disconnected += d.Disconnected
	c.Disconnectors += d.Disconnectors
	c.MVDeleted += d.MVDeleted
	c.Provisioned += d.Provisioned
	c.Deprovisioned += d.Deprovisioned
	c.ExportsStaged += d.ExportsStaged
	for u := range b.unwritable {
		r.unwritable[u] = true
	}
	for _, e := range b.errs {
		r.failed[e.CS] = true
		if err := r.countError(); err != nil {
			return err
		}
	}
	return nil
}

// objectError makes the record of an error that rules or the engine raised for an object.
func (r *run) objectError(o *CSObject, step, code, attribute, rule string, err error) ObjectError {
	return ObjectError{
		CS: o.ID, Connector: o.Connector, Step: step, Code: code, Attribute: attribute, Rule: rule,
		Message: err.Error(), First: r.now(), Last: r.now(), Count: 1, Object: o.Key(),
	}
}

// codeOf returns the error name to record for an error of a directory.
func codeOf(err error) string {
	if c := connector.CodeOf(err); c != "" {
		return string(c)
	}
	return string(connector.CodeUnexpected)
}

var errAmbiguousLink = errors.New("the metaverse object is linked to another object of the same connector already")
