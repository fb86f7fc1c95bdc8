package metaverse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// A rename needs its place to be free. One whose place is held by an object that is itself to
// leave is put off until that one has left: those that follow one another are sent the last one
// first. Where they go round in a circle, as when two objects trade names, one of them is put
// aside under a name that is nobody else's. Its rename stays pending, so that whatever happens in
// between the next export goes on from there.

// awaiting returns for each object the one that holds the place that it is to be moved to and
// that is itself to leave it, 0 for none.
func (x *exporting) awaiting(rd Reader, objects []*CSObject, exports []*PendingExport) ([]CSID, error) {
	out := make([]CSID, len(objects))
	if !x.r.t.caps.Rename {
		return out, nil
	}
	var keys []string
	var of []int
	for i, p := range exports {
		if objects[i] != nil && p != nil && p.NewDN != "" {
			keys, of = append(keys, dnKey(x.r.t.caps, p.NewDN)), append(of, i)
		}
	}
	if len(keys) == 0 {
		return out, nil
	}
	holders, err := rd.CSByDN(x.r.t.name, keys)
	if err != nil {
		return nil, err
	}
	leaving, err := rd.PendingExportHeads(holders)
	if err != nil {
		return nil, err
	}
	for j, i := range of {
		if p := leaving[j]; holders[j] != objects[i].ID && p != nil && (p.NewDN != "" || p.Op == connector.OpDelete) {
			out[i] = holders[j]
		}
	}
	return out, nil
}

// renames sends the renames that have been put off, as their places become free. last says that
// nothing else will free any: what is left then is sent all the same, so that the directory says
// what is in its way.
func (x *exporting) renames(ctx context.Context, last bool) error {
	if last {
		x.name, x.done, x.total = "renames", 0, int64(len(x.putOff))
	}
	for len(x.putOff) > 0 {
		before := len(x.putOff)
		if err := x.passPutOff(ctx); err != nil {
			return err
		}
		if len(x.putOff) < before {
			continue
		}
		opened, err := x.openCircles(ctx)
		if err != nil {
			return err
		}
		switch {
		case opened:
		case !last, x.insist:
			return nil
		default:
			x.insist = true
		}
	}
	return nil
}

// passPutOff sends those whose places are free by now.
func (x *exporting) passPutOff(ctx context.Context) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(x.putOff)), x.batch) {
		if err := x.r.going(ctx); err != nil {
			return err
		}
		var jobs []*job
		err := x.r.update(ctx, func(tx Tx) error {
			exports, err := tx.PendingExport(ids)
			if err != nil {
				return err
			}
			exports = slices.DeleteFunc(exports, func(p *PendingExport) bool { return p == nil })
			if jobs, err = x.jobs(tx, exports, selection{connector.OpUpdate, anyLevel}, x.r.now()); err != nil {
				return err
			}
			return x.markUnknown(tx, jobs)
		})
		if err != nil {
			return err
		}
		if len(jobs) == 0 {
			continue
		}
		for _, j := range jobs {
			delete(x.putOff, j.cs.ID)
		}
		if err := x.send(ctx, jobs); err != nil {
			return err
		}
		x.r.progress(x.name, x.done, max(x.total, x.done))
	}
	return nil
}

// openCircles puts one object of each circle aside. It reports whether there was any.
func (x *exporting) openCircles(ctx context.Context) (opened bool, err error) {
	awaits := make(map[CSID]CSID, len(x.putOff))
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(x.putOff)), x.r.e.opts.Batch) {
		err := x.r.e.store.View(ctx, func(rd Reader) error {
			objects, err := rd.CSHeads(ids)
			if err != nil {
				return err
			}
			exports, err := rd.PendingExportHeads(ids)
			if err != nil {
				return err
			}
			holders, err := x.awaiting(rd, objects, exports)
			for i, id := range ids {
				if err == nil && holders[i] != 0 {
					awaits[id] = holders[i]
				}
			}
			return err
		})
		if err != nil {
			return false, err
		}
	}
	for ids := range slices.Chunk(circles(awaits), x.batch) {
		sent, err := x.putAside(ctx, ids)
		if err != nil {
			return false, err
		}
		opened = opened || sent
	}
	return opened, nil
}

// circles returns the least id of each circle among objects that wait for one another.
func circles(awaits map[CSID]CSID) (first []CSID) {
	seen := make(map[CSID]CSID) // by whose walk
	for _, start := range slices.Sorted(maps.Keys(awaits)) {
		at := start
		for awaits[at] != 0 && seen[at] == 0 {
			seen[at] = start
			at = awaits[at]
		}
		if seen[at] != start {
			continue // it ends, or leads to what another walk has seen
		}
		least := at
		for next := awaits[at]; next != at; next = awaits[next] {
			least = min(least, next)
		}
		first = append(first, least)
	}
	return first
}

// putAside renames objects for the moment, each of them once in a run. It reports whether any was.
func (x *exporting) putAside(ctx context.Context, ids []CSID) (bool, error) {
	if err := x.r.going(ctx); err != nil {
		return false, err
	}
	var jobs []*job
	err := x.r.update(ctx, func(tx Tx) error {
		objects, err := tx.CS(ids)
		if err != nil {
			return err
		}
		exports, err := tx.PendingExport(ids)
		if err != nil {
			return err
		}
		jobs = nil
		for i, o := range objects {
			p := exports[i]
			if o == nil || p == nil || p.NewDN == "" || x.aside[o.ID] {
				continue
			}
			if dn := asideDN(o); dn != "" {
				j := &job{cs: o, export: p, aside: true}
				j.change = x.changeFor(j)
				j.change.NewDN = dn
				jobs = append(jobs, j)
			}
		}
		return x.markUnknown(tx, jobs)
	})
	if err != nil || len(jobs) == 0 {
		return false, err
	}
	for _, j := range jobs {
		x.aside[j.cs.ID] = true
	}
	return true, x.send(ctx, jobs)
}

// asideDN is where an object can stand for the moment: in its container, under a name that is
// always the same and nobody else's. "" where the DN is none that one could be made of.
func asideDN(o *CSObject) string {
	rdn, rest := splitRDN(o.DN)
	kind, _, found := strings.Cut(rdn, "=")
	if !found || o.Anchor.IsZero() || strings.Contains(rdn, "+") { // the parts of a name of several would have to be kept
		return ""
	}
	sum := sha256.Sum256([]byte(o.Anchor.Raw()))
	return kind + "=hybridsync-" + hex.EncodeToString(sum[:8]) + rest
}

// splitRDN splits a DN before the comma that ends its first part.
func splitRDN(dn string) (rdn, rest string) {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			return dn[:i], dn[i:]
		}
	}
	return dn, ""
}
