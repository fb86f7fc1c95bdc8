package metaverse

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// validFilters checks the option Filters: its rules say by their scopes what stays out.
func (e *Engine) validFilters() error {
	if e.opts.Filters == nil {
		return nil
	}
	var errs []error
	for _, r := range e.opts.Filters.Rules() {
		switch {
		case r.Direction != rules.Inbound:
			errs = append(errs, fmt.Errorf("filter %q is not inbound", r.Name))
		case e.connectors[r.Connector] == nil:
			errs = append(errs, fmt.Errorf("filter %q: there is no connector %q", r.Name, r.Connector))
		}
	}
	return errors.Join(errs...)
}

// importAttributes names what is read from a connector, for rules and filters.
func (e *Engine) importAttributes(name string) []string {
	names := e.rules.ImportAttributes(name)
	if e.opts.Filters == nil {
		return names
	}
	names = append(slices.Clone(names), e.opts.Filters.ImportAttributes(name)...)
	slices.SortFunc(names, attr.CompareNames)
	return slices.CompactFunc(names, attr.EqualName)
}

// rulesHash identifies everything that decides by rules: the rules and the filters.
func (e *Engine) rulesHash() string {
	if e.opts.Filters == nil {
		return e.rules.Hash()
	}
	return e.rules.Hash() + "+" + e.opts.Filters.Hash()
}

// filter makes an object a filtered disconnector that a filter keeps out, and a normal one that
// no filter keeps out any more. It reports whether the object stays out.
func (b *batch) filter(w *csWork, subject *rules.Subject) (out bool, err error) {
	filters := b.r.e.opts.Filters
	if filters == nil && w.State != FilteredDisconnector {
		return false, nil
	}
	if filters != nil {
		by, err := filters.InScope(b.ctx, rules.Inbound, w.Connector, subject)
		if err != nil {
			return false, trouble("connector-filter", "", "", err)
		}
		out = len(by) > 0
	}
	before := b.r.e.joins.anyCSKeys(w.CSObject)
	switch {
	case out && w.Link.MV != 0:
		m := b.mv[w.Link.MV]
		if err := b.unlink(w, m, FilteredDisconnector); err != nil {
			return false, err
		}
		return true, b.consequences(m)
	case out:
		b.setState(w, FilteredDisconnector)
	case w.State == FilteredDisconnector:
		b.setState(w, NormalDisconnector)
	default:
		return out, nil
	}
	b.csKeysChanged(w, before)
	return out, nil
}

// schemaHash identifies what synchronisation depends on of the schemas: the attributes that
// rules write, and the parameters of partitions.
func (e *Engine) schemaHash() (string, error) {
	type fact struct {
		Connector string
		Attribute connector.Attribute
		ReadOnly  []string // classes
		Partition string
		Values    map[string]string
	}
	var facts []fact
	for _, name := range e.names {
		s := e.connectors[name].schema
		for _, a := range e.rules.ExportAttributes(name) {
			f := fact{Connector: name, Attribute: connector.Attribute{Name: a}}
			if known := s.attribute(a); known != nil {
				f.Attribute = *known
			}
			for class, names := range s.readOnly {
				if names[attr.Fold(a)] {
					f.ReadOnly = append(f.ReadOnly, class)
				}
			}
			slices.Sort(f.ReadOnly)
			facts = append(facts, f)
		}
		for id, values := range s.params {
			if m, ok := values.(rules.MapParameters); ok {
				facts = append(facts, fact{Connector: name, Partition: "partition " + id, Values: m})
			}
		}
	}
	slices.SortFunc(facts, func(x, y fact) int {
		return cmp.Or(cmp.Compare(x.Connector, y.Connector), cmp.Compare(x.Partition, y.Partition), attr.CompareNames(x.Attribute.Name, y.Attribute.Name))
	})
	b, err := json.Marshal(facts)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), nil
}
