package metaverse

import (
	"cmp"
	"context"
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// nameDelete names an object that would be deleted, and why.
func (c *comparing) nameDelete(o, was *CSObject) error {
	if len(c.out.Deletes) >= c.o.MaxNames {
		c.out.MoreDeletes++
		return nil
	}
	d := DeleteName{DN: o.DN, Class: o.Class}
	if was != nil && was.Link.MV != 0 {
		var err error
		if d.Name, d.Cause, err = c.cause(was); err != nil {
			return err
		}
	}
	c.out.Deletes = append(c.out.Deletes, d)
	return nil
}

// cause finds out what took away the objects for whose sake an object was there.
func (c *comparing) cause(was *CSObject) (name, cause string, err error) {
	people, err := c.before.MV([]MVID{was.Link.MV})
	if err != nil || people[0] == nil {
		return "", "", err
	}
	name = viewMV(people[0]).Name
	linked, err := c.before.LinkedCS([]MVID{was.Link.MV})
	if err != nil {
		return "", "", err
	}
	before, err := c.before.CS(linked[0])
	if err != nil {
		return "", "", err
	}
	after, err := c.after.CS(linked[0])
	if err != nil {
		return "", "", err
	}
	cause = "it left the scope of the outbound rules"
	for i, o := range before {
		if o == nil || o.ID == was.ID {
			continue
		}
		source := o.Connector + ": " + o.DN
		switch {
		case after[i] == nil || after[i].State == Placeholder:
			return name, source + " is not there any more", nil
		case after[i].Link.MV == 0:
			cause = source + " is in no rule's scope any more"
		case after[i].Link.MV != was.Link.MV:
			cause = source + " belongs to another identity"
		}
	}
	return name, cause, nil
}

// links counts what becomes of the objects of a connector space.
func (c *comparing) links(name string) error {
	l := &c.out.Links
	err := c.objects(c.after, name, func(page []*CSObject) error {
		was, err := counterparts(c.before, page)
		if err != nil {
			return err
		}
		for i, o := range page {
			switch {
			case o.State == Placeholder:
			case was[i] == nil || was[i].State == Placeholder:
				l.New++
			case was[i].Link.MV == o.Link.MV:
			case was[i].Link.MV == 0:
				l.Joined++
			case o.Link.MV == 0:
				l.Disconnected++
			default:
				l.Moved++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.objects(c.before, name, func(page []*CSObject) error {
		is, err := counterparts(c.after, page)
		if err != nil {
			return err
		}
		for i, o := range page {
			if o.State != Placeholder && (is[i] == nil || is[i].State == Placeholder) {
				l.Gone++
			}
		}
		return nil
	})
}

// objects pages through a connector space.
func (c *comparing) objects(rd Reader, name string, fn func([]*CSObject) error) error {
	for after := CSID(0); ; {
		if err := context.Cause(c.ctx); err != nil {
			return err
		}
		page, err := rd.ScanCS(name, after, searchChunk)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].ID
		if err := fn(page); err != nil {
			return err
		}
	}
}

// metaverse counts what becomes of metaverse objects.
func (c *comparing) metaverse() error {
	classes := make(map[string]*MVReport)
	of := func(class string) *MVReport {
		if classes[class] == nil {
			classes[class] = &MVReport{Class: class, Attributes: make(map[string]int64)}
		}
		return classes[class]
	}
	err := c.people(c.after, c.before, func(o, was *MVObject) {
		m := of(o.Class)
		m.After++
		switch {
		case was == nil || was.Class != o.Class:
			m.New++
		default:
			m.compare(was, o)
		}
	})
	if err != nil {
		return err
	}
	err = c.people(c.before, c.after, func(o, is *MVObject) {
		m := of(o.Class)
		m.Before++
		if is == nil || is.Class != o.Class {
			m.Gone++
		}
	})
	for _, m := range classes {
		c.report.Metaverse = append(c.report.Metaverse, *m)
	}
	slices.SortFunc(c.report.Metaverse, func(a, b MVReport) int { return cmp.Compare(a.Class, b.Class) })
	return err
}

func (c *comparing) people(rd, other Reader, fn func(o, counterpart *MVObject)) error {
	for after := MVID(0); ; {
		if err := context.Cause(c.ctx); err != nil {
			return err
		}
		page, err := rd.ScanMV(after, searchChunk)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].ID
		ids := make([]MVID, len(page))
		for i, o := range page {
			ids[i] = o.ID
		}
		found, err := other.MV(ids)
		if err != nil {
			return err
		}
		for i, o := range page {
			fn(o, found[i])
		}
	}
}

// compare counts an object whose values differ.
func (m *MVReport) compare(was, is *MVObject) {
	if was.Attributes.Equal(&is.Attributes) {
		return
	}
	m.Changed++
	for _, name := range attributeNames(&was.Attributes, &is.Attributes) {
		if !attr.SameValues(was.Attributes.Values(name), is.Attributes.Values(name)) {
			m.Attributes[name]++
		}
	}
}

// errorKind groups object errors.
type errorKind struct{ connector, step, code, rule, attribute string }

// errors counts errors that objects do not have without the change.
func (c *comparing) errors() error {
	kinds := make(map[errorKind]*ErrorReport)
	for _, name := range c.e.names {
		for after := CSID(0); ; {
			page, err := c.after.ObjectErrors(name, after, searchChunk)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			after = page[len(page)-1].CS
			if err := c.newErrors(name, page, kinds); err != nil {
				return err
			}
		}
	}
	for _, r := range kinds {
		c.report.Errors = append(c.report.Errors, *r)
	}
	slices.SortFunc(c.report.Errors, func(a, b ErrorReport) int {
		return cmp.Or(cmp.Compare(a.Connector, b.Connector), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Attribute, b.Attribute))
	})
	return nil
}

func (c *comparing) newErrors(name string, page []ObjectError, kinds map[errorKind]*ErrorReport) error {
	for _, oe := range page {
		had, err := c.before.ObjectErrors(name, oe.CS-1, 1)
		if err != nil {
			return err
		}
		kind := errorKind{name, oe.Step, oe.Code, oe.Rule, oe.Attribute}
		if slices.ContainsFunc(had, func(b ObjectError) bool {
			return b.CS == oe.CS && kind == errorKind{name, b.Step, b.Code, b.Rule, b.Attribute}
		}) {
			continue
		}
		r := kinds[kind]
		if r == nil {
			r = &ErrorReport{Connector: name, Step: oe.Step, Code: oe.Code, Rule: oe.Rule, Attribute: oe.Attribute, Samples: []string{}}
			kinds[kind] = r
		}
		r.Count++
		if len(r.Samples) < c.o.Samples {
			r.Samples = append(r.Samples, oe.Object.String())
		}
	}
	return nil
}
