package ad

import (
	"context"
	"fmt"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/ldapwire"
)

// changesWhileReading is how often an object may change while its large attributes are
// read range by range before it is given up.
const changesWhileReading = 10

// complete reads the rest of attributes of which a first range has come. It reports
// whether the object is still there. An error of kind *connector.Error is trouble with
// the object, any other ends the import.
func (s *session) complete(ctx context.Context, l *link, d *draft) (exists bool, err error) {
	g, _ := parseGUID(d.object.Anchor.Raw())
	for _, part := range d.incomplete {
		first := slices.Clone(d.object.Attributes.Values(part.attribute.name))
		all, exists, err := s.completeOne(ctx, l, g, d, part, first)
		if err != nil || !exists {
			return exists, err
		}
		d.object.Attributes.Put(part.attribute.name, all...)
	}
	return true, nil
}

// completeOne reads one attribute to its end. Ranges are positions: when the object
// changes between two of them, values could be missed, and reading starts again.
func (s *session) completeOne(ctx context.Context, l *link, g guid, d *draft, part incomplete, all []attr.Value) ([]attr.Value, bool, error) {
	name, got, usn := part.attribute.name, part.got, d.usn
	for restarts := 0; !got.last; {
		e, err := l.read(ctx, g.dn(), anything, name+";"+got.next(s.d.rangeStep), "uSNChanged")
		if err != nil || e == nil {
			return nil, false, err
		}
		if now := single(e, "uSNChanged"); now != usn {
			if restarts++; restarts > changesWhileReading {
				return nil, true, &connector.Error{Op: "import", Object: d.object.Key(), Attribute: name, Code: connector.CodeReadError,
					Err: fmt.Errorf("%w: the object changes faster than it can be read", connector.ErrUnavailable)}
			}
			all, got, usn = nil, valueRange{from: -1, to: -1}, now
			continue
		}
		raw, r, ok := rangeOf(e, name)
		if !ok { // nothing beyond what was read
			return all, true, nil
		}
		if r.from != got.to+1 || len(raw) == 0 {
			return nil, true, fmt.Errorf("%w: a range of %s that was not asked for", connector.ErrProtocol, name)
		}
		more, err := part.attribute.decode(all, raw)
		if err != nil {
			return nil, true, s.plan.trouble(d.object, part.attribute, fmt.Errorf("%w: %w", connector.ErrInvalid, err))
		}
		all, got = more, r
	}
	return all, true, nil
}

// completeEntry reads the rest of attributes of which only a range has come, for entries
// that do not change while they are read.
func (l *link) completeEntry(ctx context.Context, e *entry) error {
	for i := range e.Attributes {
		d := &e.Attributes[i]
		name, got, ranged, ok := parseDescription(d.Name)
		if !ok || !ranged {
			continue
		}
		for d.Name = name; !got.last; {
			more, err := l.read(ctx, e.DN, anything, name+";"+got.next(0))
			if err != nil {
				return err
			}
			if more == nil {
				break
			}
			raw, r, ok := rangeOf(more, name)
			if !ok || r.from != got.to+1 || len(raw) == 0 {
				break
			}
			d.Values, got = append(d.Values, raw...), r
		}
	}
	// The bare name came along without values.
	e.Attributes = slices.DeleteFunc(e.Attributes, func(d ldapwire.Attribute) bool { return len(d.Values) == 0 })
	return nil
}

// rangeOf returns the values of the attribute that came with a range.
func rangeOf(e *entry, name string) ([]string, valueRange, bool) {
	for _, a := range e.Attributes {
		base, r, ranged, ok := parseDescription(a.Name)
		if ok && ranged && attr.EqualName(base, name) {
			return a.Values, r, true
		}
		if ok && !ranged && attr.EqualName(base, name) && len(a.Values) > 0 {
			return a.Values, valueRange{last: true}, true
		}
	}
	return nil, valueRange{}, false
}
