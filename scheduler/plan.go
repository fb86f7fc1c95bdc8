package scheduler

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// plan is a cycle to be run.
type plan struct {
	phases [][]Step             // the steps of a phase may run side by side
	wants  map[string]Selection // what a full import of each connector is asked for
}

// Plan returns the steps of a cycle in their order: imports, on-premises directories first;
// synchronisations in the same order; exports, the cloud first. In a delta cycle it makes
// those steps full ones for which a delta is not enough, and says why.
func (s *Scheduler) Plan(ctx context.Context, p Policy) ([]Step, error) {
	st, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := s.plan(ctx, p, st)
	if err != nil {
		return nil, err
	}
	return slices.Concat(plan.phases...), nil
}

func (s *Scheduler) plan(ctx context.Context, p Policy, st Status) (*plan, error) {
	var onPremises, cloud []Connector
	for _, c := range s.connectors {
		if c.Cloud {
			cloud = append(cloud, c)
		} else {
			onPremises = append(onPremises, c)
		}
	}
	out := &plan{wants: make(map[string]Selection)}
	var imports, first, exports []Step
	var syncs [][]Step
	for _, c := range slices.Concat(onPremises, cloud) {
		due, err := s.engine.Due(ctx, c.Name)
		if err != nil {
			return nil, err
		}
		want := Selection{due.Classes, due.Attributes, c.Scope}
		out.wants[c.Name] = want
		imp := Step{c.Name, metaverse.DeltaImport, ""}
		if why := s.fullImport(c, p, st, due, want); why != "" {
			imp.Kind, imp.Reason = metaverse.FullImport, why
		}
		sync := Step{c.Name, metaverse.DeltaSync, ""}
		if why := fullSync(c, p, st, due); why != "" {
			sync.Kind, sync.Reason = metaverse.FullSync, why
		}
		imports, syncs = append(imports, imp), append(syncs, []Step{sync})
	}
	if st.Staging == nil {
		for _, c := range slices.Concat(cloud, onPremises) {
			switch step := (Step{c.Name, metaverse.Export, ""}); {
			case c.ReadOnly:
			case c.ExportFirst && !c.Cloud:
				first = append(first, step)
			default:
				exports = append(exports, step)
			}
		}
	}
	out.phases = append(append([][]Step{imports}, syncs...), first, exports)
	return out, nil
}

const reasonInitial = "initial cycle"

// fullImport returns why a connector has to be imported in full, "" if it has not.
func (s *Scheduler) fullImport(c Connector, p Policy, st Status, due metaverse.Due, want Selection) string {
	had := st.State.Connectors[c.Name]
	over := st.Orders.Overrides[c.Name]
	switch {
	case p == Initial:
		return reasonInitial
	case over.FullImport:
		return "required by " + over.By
	case !due.Watermark:
		return "it was not read in full before"
	}
	if had.FullImported.IsZero() {
		return "" // read by other means than a scheduler: nothing is known against it
	}
	if ok, why := had.Selection.covers(want); !ok {
		return why
	}
	if age := s.now().Sub(had.Imported); age > MaxGap {
		return fmt.Sprintf("its last import is %d days old", int(age/day))
	}
	return ""
}

// fullSync returns why everything of a connector has to be evaluated, "" if it has not.
func fullSync(c Connector, p Policy, st Status, due metaverse.Due) string {
	over := st.Orders.Overrides[c.Name]
	switch {
	case p == Initial:
		return reasonInitial
	case over.FullSync:
		return "required by " + over.By
	case !due.Synchronised:
		return "it was not evaluated in full before"
	case due.RulesChanged:
		return "the rules have changed"
	}
	return ""
}

// next returns when the cycle after the last one starts, jitter aside.
func (s *Scheduler) next(last, now time.Time) time.Time {
	if last.IsZero() {
		return now
	}
	if last.After(now) { // the clock was set back
		last = now
	}
	next, latest := s.schedule.Next(last), last.Add(MaxGap-day/2)
	if !next.After(last) || next.After(latest) {
		return latest.UTC()
	}
	return next.UTC().Round(0)
}
