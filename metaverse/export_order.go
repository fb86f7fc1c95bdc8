package metaverse

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// Where DNs are places in a tree, what is above is made before what is below it, and deleted
// after it. That is done level by level, so that nothing but the levels has to be remembered.

// anyLevel selects objects wherever they are in the tree.
const anyLevel = -1

// A selection is the part of the pending exports that one pass sends.
type selection struct {
	op    connector.ChangeOp
	level int // depth in the tree, or anyLevel
}

func (s selection) has(o *CSObject) bool { return s.level == anyLevel || s.level == depthOf(o.DN) }

// depthOf counts the parts of a DN. Commas within a part are escaped.
func depthOf(dn string) int {
	n := 1
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			n++
		}
	}
	return n
}

// levels returns the levels of the tree at which something is pending, in the order in which
// they have to be exported.
func (x *exporting) levels(ctx context.Context, op connector.ChangeOp) ([]int, error) {
	if op == connector.OpUpdate || !x.r.t.caps.Rename { // where nothing can move, DNs are no places
		return []int{anyLevel}, nil
	}
	found := make(map[int]bool)
	err := x.scan(ctx, func(page []*PendingExport) error {
		var ids []CSID
		for _, p := range page {
			if p.Op == op {
				ids = append(ids, p.CS)
			}
		}
		return x.r.e.store.View(ctx, func(rd Reader) error {
			heads, err := rd.CSHeads(ids)
			for _, o := range heads {
				if o != nil {
					found[depthOf(o.DN)] = true
				}
			}
			return err
		})
	})
	levels := slices.Sorted(maps.Keys(found))
	if op == connector.OpDelete {
		slices.Reverse(levels)
	}
	return levels, err
}

// scan calls fn with all pending exports of the connector, page by page.
func (x *exporting) scan(ctx context.Context, fn func([]*PendingExport) error) error {
	for after := CSID(0); ; {
		if err := x.r.going(ctx); err != nil {
			return err
		}
		var page []*PendingExport
		err := x.r.e.store.View(ctx, func(rd Reader) (err error) {
			page, err = rd.ScanPendingExports(x.r.t.name, after, x.r.e.opts.Batch)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].CS
		if err := fn(page); err != nil {
			return err
		}
	}
}

// deferral counts what earlier runs have put off to a time that has not come yet.
type deferral struct {
	count int64
	next  time.Time
}

func (d *deferral) add(p *PendingExport, now time.Time) {
	if !p.Ready() || !p.NotBefore.After(now) || p.Unknown && p.Op == connector.OpDelete {
		return
	}
	d.count++
	if d.next.IsZero() || p.NotBefore.Before(d.next) {
		d.next = p.NotBefore
	}
}

// noteDeferred says what is left alone in this run.
func (r *run) noteDeferred(d deferral) {
	if d.count == 0 || r.opts.RetryNow {
		return
	}
	r.rec.Counters.Deferred = d.count
	r.note("%d changes that failed before are not due yet, the first at %s: they are tried then, at once when what is to be sent changes, or when asked for",
		d.count, d.next.UTC().Format(time.RFC3339))
}
