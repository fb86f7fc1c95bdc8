package rules

import (
	"regexp"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// directoryReferences are reference attributes of Active Directory that the metaverse does
// not have under the same name.
var directoryReferences = []string{
	"memberOf", "directReports", "managedObjects", "publicDelegatesBL", "altRecipientBL", "ownerBL", "msExchCoManagedObjectsBL",
	"msExchDelegateListBL", "msDS-RegisteredOwner", "msDS-RegisteredUsers", "homeMDB", "msExchMasterAccountHistory",
}

// finishSpaces completes what needs all rules: which attributes are references and which
// expressions need not be evaluated for absent attributes.
func (c *compiler) finishSpaces() {
	for key, sp := range c.set.spaces {
		schema := c.connectors[key.connector]
		sp.refs = make([]bool, len(sp.table.names))
		for slot, name := range sp.table.names {
			if attr.EqualName(name, dnName) {
				sp.dnSlot = slot
				continue
			}
			sp.refs[slot] = c.isReference(key.direction, schema, name)
		}
	}
	for _, r := range c.set.rules {
		for _, f := range r.flows {
			if f.copies {
				r.space.refs[f.slot] = true
			}
		}
	}
	pure := len(c.opts.Functions) == 0
	for _, r := range c.set.rules {
		for _, f := range r.flows {
			switch {
			case f.program != nil && pure:
				f.quiet = quietSlots(r.space, f.program)
			case f.program == nil && f.constant == nil && !r.space.refs[f.slot]:
				f.quiet = []int{f.slot}
			}
		}
	}
}

// isReference reports whether the attribute holds references. Where the directory's schema
// is not known its names are the metaverse's.
func (c *compiler) isReference(d Direction, schema *ConnectorSchema, name string) bool {
	if d == Inbound {
		if a := schema.attribute(name); a != nil {
			return a.Kind == attr.KindReference
		}
		if slices.ContainsFunc(directoryReferences, func(r string) bool { return attr.EqualName(r, name) }) {
			return true
		}
	}
	a, ok := c.set.metaverse.Attribute(name)
	return ok && a.Kind == attr.KindReference
}

// impure finds the functions whose result does not depend on the object alone.
var impure = regexp.MustCompile(`\b(Now|Guid|GUID|RandomNum)\s*\(`)

// quietSlots returns the slots that the program reads if its result is NULL while all of
// them are empty, nil if that cannot be said.
func quietSlots(sp *space, p *expr.Program) []int {
	reads := slices.Concat(p.Attributes(), p.Counted())
	if len(reads) == 0 || len(p.Parameters()) > 0 || len(p.Imported()) > 0 || impure.MatchString(p.Source()) {
		return nil
	}
	slots := make([]int, 0, len(reads))
	for _, name := range reads {
		slot, ok := sp.table.find(name)
		if !ok || sp.refs[slot] {
			return nil
		}
		slots = append(slots, slot)
	}
	r, err := p.Eval(&expr.Input{Attributes: expr.FromSet(nil)})
	if err != nil || r.Kind != expr.Null && !isEmptyText(&r) {
		return nil
	}
	return slots
}

func isEmptyText(r *expr.Result) bool {
	return r.Kind == expr.Values && !r.Multi && r.Single == attr.String("")
}

// decodeBinary reads a constant of kind binary: Base64.
func decodeBinary(text string) (attr.Value, bool) {
	b, err := base64Decode(strings.TrimSpace(text))
	return attr.Binary(b), err == nil && len(b) > 0
}
