package metaverse

import (
	"context"
	"fmt"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// settle reads objects whose last export has an unknown fate and finds out what became of
// it. It never sends anything again that the directory already shows.
func (x *exporting) settle(ctx context.Context, ids []CSID) error {
	reader, ok := connector.As[connector.ObjectReader](x.session)
	if !ok {
		x.r.note("%d exports of unknown fate wait for the next full import", len(ids))
		return nil
	}
	var objects []*CSObject
	err := x.r.e.store.View(ctx, func(rd Reader) (err error) {
		objects, err = rd.CS(ids)
		return err
	})
	if err != nil {
		return err
	}
	keys := make([]connector.Key, 0, len(ids))
	asked := make([]*CSObject, 0, len(ids))
	for _, o := range objects {
		if o != nil {
			keys, asked = append(keys, o.Key()), append(asked, o)
		}
	}
	var items []connector.Item
	for item, err := range reader.ReadObjects(ctx, keys) {
		if err != nil {
			return err
		}
		if item.Kind == connector.ItemObject || item.Kind == connector.ItemDelete {
			items = append(items, item)
		}
	}
	if len(items) != len(keys) {
		return fmt.Errorf("%w: %d answers for %d objects read", connector.ErrProtocol, len(items), len(keys))
	}
	return x.r.update(ctx, func(tx Tx) error {
		for i, o := range asked {
			if err := x.settleOne(tx, o.ID, &items[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// settleOne compares what was to be exported with what the directory shows. The pending
// export becomes what is still missing; the next import confirms the rest.
func (x *exporting) settleOne(tx Tx, id CSID, item *connector.Item) error {
	exports, err := tx.PendingExport([]CSID{id})
	if err != nil || exports[0] == nil {
		return err
	}
	p := exports[0]
	if item.Err != nil {
		return nil // still unknown
	}
	p.Unknown = false
	exists := item.Kind == connector.ItemObject
	delete(x.unseen, id)
	switch {
	case p.Op == connector.OpDelete:
		heads, err := tx.CSHeads([]CSID{id})
		if err != nil {
			return err
		}
		unborn := heads[0] != nil && heads[0].Anchor.IsZero() && !heads[0].Imported
		switch {
		case unborn && exists: // the import that tells of its end names it by its anchor
			p.NotBefore = time.Time{}
			if err := x.located(tx, id, item.Object); err != nil {
				return err
			}
		case unborn:
			return x.neverMade(tx, p)
		case !exists:
			p.Op, p.DeleteSent, p.Sent = 0, true, nil
		}
	case p.Op == connector.OpAdd && !exists && x.mayComeLate():
		x.unseen[id] = true // it stays unknown
		return nil
	case p.Op == connector.OpAdd && exists:
		if err := x.located(tx, id, item.Object); err != nil {
			return err
		}
		x.sentAlready(p, item.Object)
	case p.Op == connector.OpUpdate && exists:
		if x.r.t.caps.Rename {
			if err := x.located(tx, id, item.Object); err != nil { // it may have been moved
				return err
			}
		}
		x.sentAlready(p, item.Object)
	}
	done, err := exportDone(tx, p)
	switch {
	case err != nil:
		return err
	case done: // a rename alone, which has taken place
		return putExports(tx, nil, []CSID{id})
	}
	return tx.PutPendingExport([]*PendingExport{p})
}

// located records where the directory has an object.
func (x *exporting) located(tx Tx, id CSID, o *connector.Object) error {
	list, err := tx.CS([]CSID{id})
	if err != nil || list[0] == nil {
		return err
	}
	job := &job{cs: list[0]}
	out := &outcomes{x: x, tx: tx, counts: &Counters{}}
	out.located(job, &connector.Result{Anchor: o.Anchor, DN: o.DN})
	return out.write()
}

// sentAlready moves modifications that the directory shows from pending to sent. What it
// does not show stays pending and is sent as an update. References are always sent again:
// adding a value that is there, or deleting one that is not, changes nothing.
func (x *exporting) sentAlready(p *PendingExport, o *connector.Object) {
	missing := unsatisfied(&o.Attributes, p.Pending)
	for _, m := range p.Pending {
		if satisfied(&o.Attributes, m) && !x.r.t.schema.writeOnly(m.Name) {
			p.Sent = mergeMod(p.Sent, m)
		}
	}
	p.Pending = missing
	if p.NewDN != "" && dnKey(x.r.t.caps, p.NewDN) == dnKey(x.r.t.caps, o.DN) {
		p.NewDN = ""
	}
	p.Op = 0
	if len(p.Pending) > 0 || p.NewDN != "" || p.References {
		p.Op = connector.OpUpdate
	}
}

// settleUnseen settles creations of unknown fate that a complete full import has not shown, where
// nothing can be read one by one: they are sent again, or given up where the object has to go.
func (in *intake) settleUnseen(ctx context.Context) error {
	if _, canRead := connector.As[connector.ObjectReader](in.session); canRead {
		return nil
	}
	x := newExporting(in.r, in.session, nil, 1)
	for after := CSID(0); ; {
		var page []*PendingExport
		err := in.r.update(ctx, func(tx Tx) (err error) {
			if page, err = tx.ScanPendingExports(in.r.t.name, after, in.r.e.opts.Batch); err != nil {
				return err
			}
			return x.settleUnseen(tx, page)
		})
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].CS
	}
}

func (x *exporting) settleUnseen(tx Tx, page []*PendingExport) error {
	var unknown, again []*PendingExport
	var ids []CSID
	for _, p := range page {
		if p.Unknown {
			unknown, ids = append(unknown, p), append(ids, p.CS)
		}
	}
	heads, err := tx.CSHeads(ids)
	if err != nil {
		return err
	}
	for i, p := range unknown {
		switch unborn := heads[i] != nil && heads[i].Anchor.IsZero() && !heads[i].Imported; {
		case unborn && p.Op == connector.OpDelete:
			if err := x.neverMade(tx, p); err != nil {
				return err
			}
		case unborn:
			p.Unknown = false
			again = append(again, p)
		}
	}
	return tx.PutPendingExport(again)
}
