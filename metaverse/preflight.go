package metaverse

import (
	"context"
	"fmt"
	"iter"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// Preflight checks a connector against what the rules need of it. It returns no findings
// where the connector cannot check.
func (e *Engine) Preflight(ctx context.Context, name string) ([]connector.Finding, error) {
	t, ok := e.connectors[name]
	if !ok {
		return nil, fmt.Errorf("metaverse: there is no connector %q", name)
	}
	o, err := e.openOptions(ctx, t)
	if err != nil {
		return nil, err
	}
	session, err := t.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = session.Close(ctx) }()
	check, ok := connector.As[connector.Preflighter](session)
	if !ok {
		return nil, nil
	}
	write := e.rules.ExportAttributes(name)
	return check.Preflight(ctx, connector.Needs{
		Import: t.caps.FullImport, Delta: t.caps.DeltaImport, Export: len(write) > 0,
		Classes: e.rules.Classes(name), Attributes: e.rules.ImportAttributes(name), Write: write,
		Waiting: func(attribute string) iter.Seq2[connector.Waiting, error] { return e.waiting(ctx, name, attribute) },
	})
}

// waiting yields the values of an attribute among the pending exports to a connector.
func (e *Engine) waiting(ctx context.Context, name, attribute string) iter.Seq2[connector.Waiting, error] {
	return func(yield func(connector.Waiting, error) bool) {
		over := false
		put := func(w connector.Waiting) bool {
			over = over || !yield(w, nil)
			return !over
		}
		err := e.store.View(ctx, func(rd Reader) error {
			for after := CSID(0); !over; {
				page, err := rd.ScanPendingExports(name, after, waitingPage)
				if err != nil || len(page) == 0 {
					return err
				}
				after = page[len(page)-1].CS
				if err := waitingOf(rd, page, attribute, put); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && !over {
			yield(connector.Waiting{}, err)
		}
	}
}

const waitingPage = 1000

// waitingOf puts the values of an attribute that a page of pending exports holds.
func waitingOf(rd Reader, page []*PendingExport, attribute string, put func(connector.Waiting) bool) error {
	ids := make([]CSID, len(page))
	for i, p := range page {
		ids[i] = p.CS
	}
	objects, err := rd.CS(ids)
	if err != nil {
		return err
	}
	for i, p := range page {
		for _, m := range p.Pending {
			if objects[i] == nil || !attr.EqualName(m.Name, attribute) {
				continue
			}
			for _, v := range m.Adds {
				if !put(connector.Waiting{Object: objects[i].Key(), Op: p.Op, Class: objects[i].Class, Value: v}) {
					return nil
				}
			}
		}
	}
	return nil
}
