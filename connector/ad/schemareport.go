package ad

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A ClassDescription is what the directory's schema says of one object class.
type ClassDescription struct {
	Name       string // as the schema spells it
	Attributes []AttributeDescription
	// Exchange reports whether the schema has what Exchange brings to the class: the
	// extension attributes 1 to 15 and those of recipients.
	Exchange bool
}

// An AttributeDescription is what the directory's schema says of one attribute, beyond what
// every directory can say.
type AttributeDescription struct {
	connector.Attribute
	Syntax      string // attributeSyntax, such as 2.5.5.12
	Constructed bool   // computed when it is read: no filter finds it, no delta reports it
	Replicated  bool   // the same at every domain controller; others are not in deltas
	Indexed     bool   // a filter on it is cheap
	Linked      bool   // a forward link: follows renames of what it refers to
	BackLink    bool   // kept by the directory as the other end of links
}

// Describe reads what the directory's schema says of an object class, inherited and
// auxiliary attributes included, in the order of their names.
func (d *Directory) Describe(ctx context.Context, class string) (*ClassDescription, error) {
	out, err := d.readDescription(ctx, class)
	return out, d.failure("schema", err)
}

func (d *Directory) readDescription(ctx context.Context, class string) (*ClassDescription, error) {
	l, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer l.close()
	s, err := d.schema(ctx, l)
	if err != nil {
		return nil, err
	}
	c := s.class(class)
	if c == nil {
		return nil, &connector.Error{Code: connector.CodeMissingClass, Err: fmt.Errorf("%w: the directory has no class %s", connector.ErrInvalid, class)}
	}
	out := &ClassDescription{Name: c.name}
	has := func(name string) bool {
		return slices.ContainsFunc(out.Attributes, func(a AttributeDescription) bool { return attr.EqualName(a.Name, name) })
	}
	for _, name := range s.attributesOf(c.name) {
		a := s.attribute(name)
		out.Attributes = append(out.Attributes, AttributeDescription{Attribute: a.public(), Syntax: a.oid, Constructed: a.constructed,
			Replicated: a.replicated, Indexed: a.indexed, Linked: a.linked, BackLink: a.backLink})
	}
	out.Exchange = has("mailNickname") && has("extensionAttribute1") && has("extensionAttribute15")
	return out, nil
}

// ExtensionCandidates are the attributes that can be sent to the cloud as directory
// extensions: single-valued strings, booleans, numbers and binaries, and strings and
// binaries of several values, that are replicated and not computed, kept secret, or part
// of what identifies an object.
func (c *ClassDescription) ExtensionCandidates() []AttributeDescription {
	var out []AttributeDescription
	for _, a := range c.Attributes {
		known := attribute{name: a.Name}
		if a.Constructed || !a.Replicated || a.BackLink || a.WriteOnly || known.hidden() {
			continue
		}
		switch a.Kind {
		case attr.KindString, attr.KindBinary:
			out = append(out, a)
		case attr.KindInt, attr.KindBool:
			if !a.MultiValued {
				out = append(out, a)
			}
		}
	}
	return out
}

// hash identifies what the schema says, whatever domain controller it was read from.
func (s *schema) hash() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s.attributes)) {
		a := s.attributes[name]
		fmt.Fprintf(h, "%s %s %v %v %v %v %v\n", a.name, a.oid, a.multi, a.constructed, a.replicated, a.backLink, a.systemOnly)
	}
	for _, name := range slices.Sorted(maps.Keys(s.classes)) {
		c := s.classes[name]
		sorted := func(list []string) []string { return slices.Sorted(slices.Values(list)) }
		fmt.Fprintf(h, "%s %s %q %q\n", c.name, c.parent, sorted(c.auxiliary), sorted(c.attributes))
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:16])
}

// checkSchema tells of a schema that is not that of the last import.
func (s *session) checkSchema() []connector.Finding {
	if s.last == nil || s.last.Schema == "" || s.last.Schema == s.plan.schema.id {
		return nil
	}
	return []connector.Finding{{Severity: connector.Notice, Code: connector.CodeSchemaViolation,
		Message: "the schema of the directory has changed since the last import",
		Remedy:  "nothing, where no rule names what is new; values that attributes had before rules named them come with the next full import"}}
}
