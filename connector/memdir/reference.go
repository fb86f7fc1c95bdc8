package memdir

import (
	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// resolve gives a reference its inner form, the octets of the target's anchor, and reports
// whether the target exists. Other values, and loose references, stay as they are.
func (p *plan) resolve(v attr.Value) (attr.Value, bool) {
	if v.Kind() != attr.KindReference || p.d.opts.LooseReferences {
		return v, true
	}
	var target *entry
	if p.d.opts.References == connector.ReferenceByAnchor {
		anchor, err := connector.ParseAnchor(v.Str())
		if err != nil {
			return v, false
		}
		if target = p.d.byAnchor[anchor]; target == nil {
			target = p.new[anchor]
		}
	} else {
		key := p.d.dnKey(v.Str())
		if target = p.d.byDN[key]; target == nil {
			target = p.dns[key]
		}
	}
	if target == nil {
		return v, false
	}
	return attr.Reference(target.anchor.Raw()), true
}

// outer is the inverse of resolve: a reference as the connector shows it. It reports
// whether the target still exists.
func (d *Directory) outer(v attr.Value) (attr.Value, bool) {
	if v.Kind() != attr.KindReference || d.opts.LooseReferences {
		return v, true
	}
	anchor := connector.TextAnchor(v.Str())
	target := d.byAnchor[anchor]
	if d.opts.References == connector.ReferenceByAnchor {
		return attr.Reference(anchor.Text()), target != nil
	}
	if target == nil {
		return v, false
	}
	return attr.Reference(target.dn), true
}

// outerAll returns a new slice with the outer form of values whose targets exist, as those
// of stored references do.
func (d *Directory) outerAll(values []attr.Value) []attr.Value {
	out := make([]attr.Value, len(values))
	for i, v := range values {
		out[i], _ = d.outer(v)
	}
	return out
}
