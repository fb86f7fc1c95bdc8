package ad

import (
	"context"
	"reflect"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
)

// Preflight implements [connector.Preflighter]: it checks every domain. What is the same in
// all of them is told once, anything else with the name of its domain.
func (s *forestSession) Preflight(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	if err := s.start(ctx); err != nil {
		return nil, s.f.failure("preflight", err)
	}
	found := make([][]connector.Finding, len(s.domains))
	err := s.each(ctx, func(x *domain) (err error) {
		own := n
		own.Export = n.Export && !x.d.opts.ReadOnly // nothing is written to such a one
		found[x.index], err = x.s.preflight(ctx, own)
		return err
	})
	if err != nil {
		return nil, s.f.failure("preflight", err)
	}
	out := s.checkTogether(n)
	for _, x := range s.domains {
		if x.err != nil {
			out = append(out, connector.Finding{Severity: connector.Failure, Code: codeOf(x.err), Object: x.name(),
				Message: "the domain cannot be checked, nor imported: " + x.err.Error(),
				Remedy:  "mend what is told, or leave the domain out; until then nothing is deleted and imports are not complete"})
			continue
		}
		for _, f := range found[x.index] {
			switch first, everywhere := s.shared(f, found); {
			case everywhere && first != x.index:
				continue
			case !everywhere:
				f.Message = "domain " + x.name() + ": " + f.Message
			}
			out = append(out, f)
		}
	}
	return out, nil
}

// shared reports whether all domains that were checked have the finding, and which is the
// first of them. A single one shares nothing.
func (s *forestSession) shared(f connector.Finding, found [][]connector.Finding) (first int, everywhere bool) {
	first, checked := -1, 0
	for _, x := range s.domains {
		if x.err != nil {
			continue
		}
		if !slices.ContainsFunc(found[x.index], func(other connector.Finding) bool { return reflect.DeepEqual(f, other) }) {
			return first, false
		}
		if checked++; first < 0 {
			first = x.index
		}
	}
	return first, checked > 1
}

// checkTogether compares the domains with each other.
func (s *forestSession) checkTogether(n connector.Needs) []connector.Finding {
	var out []connector.Finding
	var first *domain
	for _, x := range s.domains {
		switch {
		case x.s == nil:
		case first == nil:
			first = x
		case x.s.plan.schema.id != first.s.plan.schema.id:
			out = append(out, connector.Finding{Severity: connector.Warning, Code: connector.CodeSchemaViolation, Object: x.name(),
				Message: "the schema at the domain controller of domain " + x.name() + " is not that of domain " + first.name() + ", though a forest has one",
				Remedy:  "wait until the schema has been replicated; where it does not come to be, look at the replication of the forest"})
		}
	}
	if n.Export && !s.f.writable() {
		out = append(out, connector.Finding{Severity: connector.Failure, Code: connector.CodePermission,
			Message: "all domains are configured as read-only", Remedy: "clear Options.ReadOnly"})
	}
	return out
}
