package metaverse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Threshold limits what one export may do. An export that would go beyond any threshold is
// stopped before the first change is sent.
type Threshold struct {
	Connector string             // "" for every one
	Class     string             // "" for all classes together
	Op        connector.ChangeOp // OpAdd, OpUpdate or OpDelete
	// Count is the largest number of changes that is let pass; 0 means no limit by count,
	// negative means none at all.
	Count int64
	// Percent is the largest share that is let pass of the objects that the directory has
	// (of the class, where one is given), in percent; 0 means no limit by share. A share of
	// a class is counted by looking at every object of the connector space.
	Percent float64
}

// An Excess is a threshold that is exceeded.
type Excess struct {
	Connector string  `json:"connector"`
	Class     string  `json:"class,omitempty"`
	Op        string  `json:"op"`
	Count     int64   `json:"count"`             // of changes
	Limit     int64   `json:"limit"`             // of changes that are let pass
	Percent   float64 `json:"percent,omitempty"` // the limit, where it is a share
}

// String says what is too many.
func (x Excess) String() string {
	class := ""
	if x.Class != "" {
		class = " of class " + x.Class
	}
	share := ""
	if x.Percent > 0 {
		share = fmt.Sprintf(" (%g %%)", x.Percent)
	}
	return fmt.Sprintf("%d %ss%s are pending for %s, more than the threshold of %d%s", x.Count, x.Op, class, x.Connector, x.Limit, share)
}

func validThresholds(list []Threshold) error {
	var errs []error
	for i, t := range list {
		switch {
		case t.Op < connector.OpAdd || t.Op > connector.OpDelete:
			errs = append(errs, fmt.Errorf("option Thresholds[%d].Op is %v", i, t.Op))
		case t.Percent < 0 || t.Percent > 100:
			errs = append(errs, fmt.Errorf("option Thresholds[%d].Percent is %g", i, t.Percent))
		case t.Count == 0 && t.Percent == 0:
			errs = append(errs, fmt.Errorf("option Thresholds[%d] has neither Count nor Percent", i))
		}
	}
	return errors.Join(errs...)
}

// exceeded returns the thresholds that pending exports of a connector exceed.
func exceeded(ctx context.Context, rd Reader, name string, counts []ExportCount, list []Threshold) (out []Excess, err error) {
	var sizes map[string]int64 // objects by folded class, "" for all; counted when needed
	for _, t := range list {
		if t.Connector != "" && t.Connector != name {
			continue
		}
		n := pendingOf(counts, t.Op, t.Class)
		if n == 0 {
			continue
		}
		x := Excess{Connector: name, Class: t.Class, Op: t.Op.String(), Count: n}
		if limit := max(t.Count, 0); t.Count != 0 && n > limit {
			x.Limit = limit
			out = append(out, x)
			continue
		}
		if t.Percent == 0 {
			continue
		}
		if sizes == nil {
			sizes = make(map[string]int64)
		}
		size, err := imported(ctx, rd, name, t.Class, sizes)
		if err != nil {
			return nil, err
		}
		if float64(n)*100 > t.Percent*float64(size) {
			x.Limit, x.Percent = int64(t.Percent*float64(size)/100), t.Percent
			out = append(out, x)
		}
	}
	return out, nil
}

func pendingOf(counts []ExportCount, op connector.ChangeOp, class string) (n int64) {
	for _, c := range counts {
		if c.Op == op && (class == "" || attr.EqualName(c.Class, class)) {
			n += c.Count
		}
	}
	return n
}

// imported counts the objects that a directory has.
func imported(ctx context.Context, rd Reader, name, class string, sizes map[string]int64) (int64, error) {
	if class == "" {
		counts, err := rd.CountCS(name)
		return counts.Imported, err
	}
	if len(sizes) > 0 {
		return sizes[attr.Fold(class)], nil
	}
	sizes[""] = 0 // counted, though there may be nothing
	for after := CSID(0); ; {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		page, err := rd.ScanCS(name, after, searchChunk)
		if err != nil {
			return 0, err
		}
		if len(page) == 0 {
			return sizes[attr.Fold(class)], nil
		}
		after = page[len(page)-1].ID
		for _, o := range page {
			if o.Imported && o.State != Placeholder {
				sizes[attr.Fold(o.Class)]++
			}
		}
	}
}

// checkThreshold counts what is pending and stops the step before anything is sent when it
// goes beyond a threshold.
func (r *run) checkThreshold(ctx context.Context) (total int64, err error) {
	list := r.e.opts.Thresholds
	if limit := r.e.opts.DeletionThreshold; limit > 0 {
		list = append([]Threshold{{Op: connector.OpDelete, Count: int64(limit)}}, list...)
	}
	var over []Excess
	err = r.e.store.View(ctx, func(rd Reader) error {
		counts, err := rd.CountPendingExports(r.t.name)
		if err != nil {
			return err
		}
		total = 0
		for _, c := range counts {
			total += c.Count
		}
		over, err = exceeded(ctx, rd, r.t.name, counts, list)
		return err
	})
	if err != nil {
		return 0, err
	}
	return total, r.hold(ctx, over)
}

// hold stops the step for what exceeds thresholds and was not accepted.
func (r *run) hold(ctx context.Context, over []Excess) error {
	accepted, err := r.acceptedRun(ctx)
	if err != nil {
		return err
	}
	var held []Excess
	for _, x := range over {
		if r.opts.AcceptDeletions && x.Op == connector.OpDelete.String() || covers(accepted, x) {
			continue
		}
		held = append(held, x)
	}
	if len(held) == 0 {
		return nil
	}
	r.rec.Held = held
	for _, x := range held {
		if err := r.noteHeld(ctx, x); err != nil {
			return err
		}
	}
	result, lines := ResultStoppedExportThreshold, make([]string, len(held))
	for i, x := range held {
		lines[i] = x.String()
		if x.Op == connector.OpDelete.String() {
			result = ResultStoppedDeletionThreshold
		}
	}
	return &heldError{result, strings.Join(lines, "; ") + ": nothing was exported. " +
		fmt.Sprintf("Review what is pending; if it is right, run the export again and accept run %d", r.rec.ID)}
}

// noteHeld names some of the objects that an export would change.
func (r *run) noteHeld(ctx context.Context, x Excess) error {
	return r.e.store.View(ctx, func(rd Reader) error {
		var names []string
		for after := CSID(0); len(names) < named; {
			page, err := rd.ScanPendingExports(r.t.name, after, searchChunk)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			var ids []CSID
			for _, p := range page {
				if after = p.CS; p.Op.String() == x.Op {
					ids = append(ids, p.CS)
				}
			}
			objects, err := rd.CS(ids)
			if err != nil {
				return err
			}
			for _, o := range objects {
				if o != nil && len(names) < named && (x.Class == "" || attr.EqualName(o.Class, x.Class)) {
					names = append(names, nameOf(o))
				}
			}
		}
		r.noteNames("to "+x.Op, names, x.Count)
		return nil
	})
}

// nameOf is what people call an object: DNs in the cloud tell them nothing.
func nameOf(o *CSObject) string {
	for _, name := range []string{"userPrincipalName", "displayName"} {
		if text := o.Image.Text(name); text != "" {
			return text
		}
	}
	return o.DN
}

// covers reports whether an accepted run was held for as much.
func covers(accepted []Excess, x Excess) bool {
	for _, a := range accepted {
		if a.Op == x.Op && a.Connector == x.Connector && attr.EqualName(a.Class, x.Class) && x.Count <= a.Count {
			return true
		}
	}
	return false
}

// maxAcceptAge is the number of runs of the connector that may lie between a held run and
// the one that accepts it.
const maxAcceptAge = 1000

var errNotHeld = errors.New("the accepted run is not one of this connector and step that was held, or a later one has been carried out")

// acceptedRun returns what the run was held for that [RunOptions.AcceptRun] names.
func (r *run) acceptedRun(ctx context.Context) (held []Excess, err error) {
	if r.opts.AcceptRun == 0 {
		return nil, nil
	}
	var runs []RunRecord
	err = r.e.store.View(ctx, func(rd Reader) (err error) {
		runs, err = rd.Runs(r.t.name, r.rec.ID, maxAcceptAge)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, rec := range runs { // newest first
		switch {
		case rec.Step != r.rec.Step:
		case rec.ID == r.opts.AcceptRun && len(rec.Held) > 0:
			return rec.Held, nil
		case rec.Result == ResultSuccess || strings.HasPrefix(string(rec.Result), "completed-"):
			return nil, fmt.Errorf("run %d: %w", r.opts.AcceptRun, errNotHeld)
		}
	}
	return nil, fmt.Errorf("run %d: %w", r.opts.AcceptRun, errNotHeld)
}
