package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// filters compiles who stays out of the metaverse, whatever the rules say; nil for nobody. It
// reports every problem by its place in the configuration.
func (c *config) filters() (*rules.Set, error) {
	var list []rules.Rule
	var errs []error
	for i := range c.Directories {
		d := &c.Directories[i]
		for k := range d.Filters {
			at := fmt.Sprintf("directories[%d].filters[%d]", i, k)
			f, err := d.Filters[k].rule(at)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			f.Connector, f.Precedence = d.Name, len(list)+1
			if _, err := rules.Compile([]rules.Rule{f}, nil); err != nil {
				errs = append(errs, fmt.Errorf("  %s: %w", at, err))
				continue
			}
			list = append(list, f)
		}
	}
	if len(list) == 0 || len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return rules.Compile(list, nil)
}

// rule is the filter as the engine takes it.
func (f *filterConfig) rule(at string) (rules.Rule, error) {
	r := rules.Rule{
		ID: at, Name: at, Direction: rules.Inbound, SourceType: f.Class, TargetType: "person", LinkType: rules.Join,
	}
	if f.Name != "" {
		r.Name = "Filter " + f.Name
	}
	switch {
	case f.Class == "":
		return r, fmt.Errorf("  %s.class: is missing, for example user", at)
	case len(f.All) == 0:
		return r, fmt.Errorf("  %s.all: is missing: without a condition every %s would stay out", at, f.Class)
	}
	group := make(rules.ScopeGroup, len(f.All))
	for i, c := range f.All {
		op, err := rules.ParseOperator(c.Operator)
		switch {
		case err != nil:
			return r, fmt.Errorf("  %s.all[%d].operator: %w", at, i, err)
		case c.Attribute == "":
			return r, fmt.Errorf("  %s.all[%d].attribute: is missing", at, i)
		}
		group[i] = rules.ScopeCondition{Attribute: c.Attribute, Operator: op, Value: c.Value}
	}
	r.Scope = []rules.ScopeGroup{group}
	return r, nil
}

func (f filterConfig) equal(other filterConfig) bool {
	return f.Name == other.Name && f.Class == other.Class && slices.Equal(f.All, other.All)
}

// engine are the options of the engine that the configuration stands for.
func (c *config) engine(log *slog.Logger, progress func(metaverse.Progress)) (*metaverse.Options, error) {
	filters, err := c.filters()
	if err != nil {
		return nil, err
	}
	return &metaverse.Options{
		Logger: log, Progress: progress, DeletionThreshold: c.Safety.DeletionThreshold, Filters: filters,
		AnchorAttribute: c.writtenAnchor(), LeasePeriod: time.Duration(c.LeasePeriod),
		ImportHold: metaverse.ImportHold{Fraction: c.Safety.HoldFraction, Minimum: c.Safety.HoldMinimum},
	}, nil
}
