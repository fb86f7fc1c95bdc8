package rules

import (
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// dnName is the name under which rules read and write an object's DN.
const dnName = "dn"

// A view shows one subject to the rules of one space. Attributes are sorted into slots
// once, so that each of hundreds of flows finds its source by number. Views are pooled.
type view struct {
	space   *space
	subject *Subject
	values  [][]attr.Value // by slot
	dn      [1]attr.Value
	input   expr.Input
}

// importedView is what ImportedValue reads.
type importedView view

func newView(sp *space) *view {
	v := &view{space: sp, values: make([][]attr.Value, len(sp.table.names))}
	v.input.Attributes = v
	v.input.Imported = (*importedView)(v)
	v.input.Count = v.count
	v.input.Parameters = v.parameter
	return v
}

// open shows the subject. The view must be closed.
func (s *space) open(subject *Subject, now time.Time) *view {
	v, _ := s.views.Get().(*view)
	if v == nil {
		v = newView(s)
	}
	v.subject = subject
	v.input.Now = now
	if subject.Attributes != nil {
		for name, values := range subject.Attributes.All() {
			if slot, ok := s.table.find(name); ok {
				v.values[slot] = values
			}
		}
	}
	if subject.DN != "" && s.dnSlot >= 0 {
		v.dn[0] = attr.Reference(subject.DN)
		v.values[s.dnSlot] = v.dn[:]
	}
	return v
}

func (v *view) close() {
	clear(v.values)
	v.subject = nil
	v.space.views.Put(v)
}

// read returns the values of the attribute in the slot, loading references where needed.
func (v *view) read(slot int) ([]attr.Value, error) {
	values := v.values[slot]
	if values == nil && v.space.refs[slot] && v.subject.References != nil {
		loaded, err := v.subject.References.Values(v.space.table.names[slot])
		if err != nil {
			return nil, err
		}
		v.values[slot] = loaded
		return loaded, nil
	}
	return values, nil
}

// size returns the number of values of the attribute in the slot without loading references.
func (v *view) size(slot int) (int64, error) {
	if v.values[slot] == nil && v.space.refs[slot] && v.subject.References != nil {
		return v.subject.References.Count(v.space.table.names[slot])
	}
	return int64(len(v.values[slot])), nil
}

// Values implements [expr.Source].
func (v *view) Values(name string) ([]attr.Value, error) {
	if slot, ok := v.space.table.find(name); ok {
		return v.read(slot)
	}
	return nil, nil
}

// Values implements [expr.Source]. References are imported data anyway.
func (i *importedView) Values(name string) ([]attr.Value, error) {
	v := (*view)(i)
	slot, ok := v.space.table.find(name)
	if v.subject.Imported == nil || !ok || v.space.refs[slot] || slot == v.space.dnSlot {
		return v.Values(name)
	}
	return v.subject.Imported.Values(name), nil
}

func (v *view) count(name string) (int64, error) {
	if slot, ok := v.space.table.find(name); ok {
		return v.size(slot)
	}
	return 0, nil
}

func (v *view) parameter(name string) (string, bool) {
	if v.subject.Parameters == nil {
		return "", false
	}
	return v.subject.Parameters.Lookup(name)
}
