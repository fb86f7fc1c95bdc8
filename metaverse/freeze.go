package metaverse

import (
	"fmt"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// An object with more references than its directory takes is frozen: what the directory has
// of them stays, nothing is added or deleted, and the object is reported until it has fewer.

// codeTooManyValues is the error name of frozen objects.
const codeTooManyValues = "exceeds-allowed-values"

// An excess is a reference attribute with more values than its directory takes.
type excess struct {
	flow         ReferenceFlow
	target       string // connector
	count, limit int64
}

type excesses []excess

// trouble reports the first of the excesses; nil when there is none.
func (x excesses) trouble(e *Engine) error {
	if len(x) == 0 {
		return nil
	}
	first := x[0]
	return trouble(codeTooManyValues, first.flow.Target, e.ruleName(first.flow.Rule), fmt.Errorf(
		"the object has %d values of %s and connector %s takes at most %d: no change of them is exported until there are fewer",
		first.count, first.flow.Source, first.target, first.limit))
}

// withinLimits takes out the flows that have more values than the target takes.
func (b *batch) withinLimits(m *mvWork, t *target, class string, flows []ReferenceFlow) (within []ReferenceFlow, over excesses, err error) {
	for _, f := range flows {
		limit := t.schema.column(class, f.Target).limit
		if limit == 0 {
			continue
		}
		n, err := b.supplied(m, f.Source)
		if err != nil {
			return nil, nil, err
		}
		if n > limit {
			over = append(over, excess{f, t.name, n, limit})
		}
	}
	if len(over) == 0 {
		return flows, nil, nil
	}
	within = slices.DeleteFunc(slices.Clone(flows), func(f ReferenceFlow) bool {
		return slices.ContainsFunc(over, func(x excess) bool { return x.flow == f })
	})
	return within, over, nil
}

// supplied counts the values that the contributors to a copied reference have of it, whether
// they are in the metaverse or not: what counts is what the directory shows.
func (b *batch) supplied(m *mvWork, attribute string) (n int64, err error) {
	if isComputedRef(attribute) {
		return b.tx.CountMVRefs(m.ID, attribute)
	}
	for _, o := range m.Origins {
		if o.Source == "" || !attr.EqualName(o.Attribute, attribute) {
			continue
		}
		c, err := b.tx.CountCSRefs(o.CS, o.Source)
		if err != nil {
			return 0, err
		}
		n += c
	}
	return n, nil
}

// tooLarge keeps an object from being made that would be frozen from the start.
func (b *batch) tooLarge(m *mvWork, t *target, class string, x *outChange) error {
	if !x.limited {
		return nil
	}
	_, over, err := b.withinLimits(m, t, class, slices.Concat(x.flows, x.blind))
	if err != nil {
		return err
	}
	return over.trouble(b.r.e)
}

// freezeFailed freezes the references whose flows failed: by the error of a rule, too, an
// object says that it has too many.
func (b *batch) freezeFailed(m *mvWork, w *csWork, t *target, errs []*rules.FlowError) error {
	var over excesses
	for _, f := range w.Link.Outbound {
		if slices.ContainsFunc(errs, func(e *rules.FlowError) bool { return attr.EqualName(e.Attribute, f.Target) }) && t.schema.isReference(f.Target) {
			over = append(over, excess{flow: f})
		}
	}
	if len(over) == 0 {
		return nil
	}
	b.outboundFlows(m, w, slices.DeleteFunc(slices.Clone(w.Link.Outbound), func(f ReferenceFlow) bool {
		return slices.ContainsFunc(over, func(x excess) bool { return x.flow == f })
	}))
	p := w.exportCopy()
	if err := b.freeze(p, over); err != nil || w.export == nil {
		return err
	}
	if p.Op == connector.OpUpdate && !p.References && len(p.Pending) == 0 && p.NewDN == "" {
		p.Op = 0
	}
	w.export, w.out = p, true
	return nil
}

// freeze drops the changes of references that were not sent yet.
func (b *batch) freeze(p *PendingExport, over excesses) error {
	if len(over) == 0 || !p.References {
		return nil
	}
	var drop []CSRef
	p.References = false
	for after := (ExportRef{}); ; {
		page, err := b.tx.ExportRefs(p.CS, false, after, maxRefsPerChange)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return b.tx.DeleteExportRefs(drop)
		}
		after = page[len(page)-1]
		for _, ref := range page {
			if slices.ContainsFunc(over, func(x excess) bool { return attr.EqualName(x.flow.Target, ref.Attribute) }) {
				drop = append(drop, CSRef{ref.Source, ref.Attribute, ref.Target})
			} else {
				p.References = true
			}
		}
	}
}
