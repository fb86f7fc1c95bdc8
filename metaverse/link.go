package metaverse

import (
	"context"
	"errors"
	"fmt"

	"github.com/hybridsync/hybridsync/connector"
)

var (
	errNotLinkable = errors.New("a placeholder cannot be linked")
	errNotLinked   = errors.New("the object is not linked")
	errNotExplicit = errors.New("the object is not an explicit disconnector")
)

// Connect links a connector-space object to a metaverse object by an operator's decision.
// The link is of kind [LinkExplicit]: synchronisation keeps it whatever the rules say, and it
// keeps the metaverse object alive. An object that was linked elsewhere is taken from there;
// what follows for both metaverse objects is computed at once, and pending exports are
// staged. It fails when the metaverse object has an object of the same connector already.
func (e *Engine) Connect(ctx context.Context, ref ObjectRef, mv MVID) error {
	return e.operate(ctx, ref, func(b *batch, w *csWork) error {
		if err := b.loadMV([]MVID{mv, w.Link.MV}); err != nil {
			return err
		}
		m := b.mv[mv]
		switch {
		case m == nil:
			return fmt.Errorf("metaverse object %d: %w", mv, connector.ErrNotFound)
		case w.State == Placeholder || w.next == ImportDelete:
			return errNotLinkable
		}
		for _, other := range m.linked {
			if other != w && other.Connector == w.Connector {
				return fmt.Errorf("%w: %s", errAmbiguousLink, other.Key())
			}
		}
		if current := b.mv[w.Link.MV]; current == m {
			w.Link.Kind, w.Link.Rule, w.Link.Sticky, w.link = LinkExplicit, "", false, true
		} else {
			if current != nil {
				if err := b.leave(w, current, NormalDisconnector); err != nil {
					return err
				}
			}
			if err := b.dropPending(w); err != nil { // it may have been deprovisioned
				return err
			}
			b.link(w, m, Link{Kind: LinkExplicit})
			b.queueMVRefsTo(m)
		}
		w.next = ImportUpdate
		return b.consequences(m)
	})
}

// Disconnect takes a connector-space object from its metaverse object by an operator's
// decision and makes it an [ExplicitDisconnector], which synchronisation leaves alone until
// [Engine.Release] or [Engine.Connect]. What was pending for it is dropped. What follows for
// the metaverse object is computed at once: without anything that keeps it alive it is
// removed, and what it had provisioned elsewhere is staged for deletion. Where rules would make
// the object anew, they may find it in their way; that is recorded as an error of the identity. Ask
// [Engine.Explain] before.
func (e *Engine) Disconnect(ctx context.Context, ref ObjectRef) error {
	return e.operate(ctx, ref, func(b *batch, w *csWork) error {
		if w.Link.MV == 0 {
			return errNotLinked
		}
		if err := b.loadMV([]MVID{w.Link.MV}); err != nil {
			return err
		}
		if w.next != ImportDelete {
			w.next = ImportNone
		}
		return b.leave(w, b.mv[w.Link.MV], ExplicitDisconnector)
	})
}

// Release makes an explicit disconnector a normal one: the next synchronisation joins or
// projects it as the rules say. A deletion that waits for it is dropped.
func (e *Engine) Release(ctx context.Context, ref ObjectRef) error {
	return e.operate(ctx, ref, func(b *batch, w *csWork) error {
		if w.State != ExplicitDisconnector {
			return errNotExplicit
		}
		before := b.r.e.joins.anyCSKeys(w.CSObject)
		b.setState(w, NormalDisconnector)
		if err := b.dropPending(w); err != nil {
			return err
		}
		if w.next == ImportNone {
			w.next = ImportUpdate
		}
		b.csKeysChanged(w, before)
		return nil
	})
}

// leave unlinks an object and computes what follows for the metaverse object.
func (b *batch) leave(w *csWork, m *mvWork, state CSState) error {
	if err := b.unlink(w, m, state); err != nil {
		return err
	}
	return b.consequences(m)
}

// consequences computes what it means for a metaverse object that an object has left it, or was linked
// by an operator's decision. Trouble with that does not undo it: it is recorded with an object that is
// still linked, which is tried again.
func (b *batch) consequences(m *mvWork) error {
	err := b.recompute(m, false)
	trouble, own := errors.AsType[*objectTrouble](err)
	if !own || len(m.linked) == 0 {
		return err
	}
	w := m.linked[0]
	if w.next == ImportNone {
		w.next = ImportUpdate
	}
	b.fail(w, trouble.code, trouble.attribute, trouble.rule, trouble.err)
	return nil
}

// dropPending forgets what was not sent yet to an object. What was sent is still confirmed.
func (b *batch) dropPending(w *csWork) error {
	if w.export == nil || w.export.Op == 0 {
		return nil
	}
	p := w.exportCopy()
	p.Op, p.Pending, p.NewDN = 0, nil, ""
	w.export, w.out = p, true
	for p.References {
		page, err := b.tx.ExportRefs(w.ID, false, ExportRef{}, maxRefsPerChange)
		if err != nil {
			return err
		}
		rows := make([]CSRef, len(page))
		for i, r := range page {
			rows[i] = CSRef{r.Source, r.Attribute, r.Target}
		}
		if err := b.tx.DeleteExportRefs(rows); err != nil {
			return err
		}
		p.References = len(page) == maxRefsPerChange
	}
	return nil
}

// operate changes one object by an operator's call, all or nothing.
func (e *Engine) operate(ctx context.Context, ref ObjectRef, fn func(*batch, *csWork) error) error {
	r, err := e.operatorRun(ctx, "", DeltaSync)
	if err != nil {
		return err
	}
	return e.exclusively(ctx, r, func(tx Tx) error {
		o, err := e.find(tx, ref)
		if err != nil {
			return err
		}
		if err := e.outOfTurn(tx); err != nil {
			return err
		}
		b := newBatch(ctx, r, tx)
		if err := b.loadCS([]CSID{o.ID}); err != nil {
			return err
		}
		if err := fn(b, b.cs[o.ID]); err != nil {
			return fmt.Errorf("%s: %w", ref, err)
		}
		return b.write()
	})
}
