package metaverse

import (
	"errors"
	"strconv"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

var errLoop = errors.New("the rules keep changing what they depend on")

// subject shows a connector-space object to inbound rules.
func (b *batch) subject(w *csWork) *rules.Subject {
	t := b.r.e.connectors[w.Connector]
	return &rules.Subject{
		Class: w.Class, Attributes: w.optimistic(), Imported: &w.Image, DN: w.DN,
		References: &csReferences{b, w}, Parameters: t.schema.parameters(w.Partition),
	}
}

// mvSubject shows a metaverse object to the outbound rules of a connector.
func (b *batch) mvSubject(m *mvWork, t *target) *rules.Subject {
	return &rules.Subject{
		Class: m.Class, Attributes: &m.Attributes, References: &mvReferences{b, m}, Parameters: t.schema.shared,
	}
}

// scopeOf returns the inbound rules in whose scope an object is.
func (b *batch) scopeOf(w *csWork, subject *rules.Subject) ([]*rules.CompiledRule, error) {
	if w.forecast != nil && w.clean() {
		return w.forecast.scope, nil
	}
	return b.inScope(rules.Inbound, w.Connector, subject)
}

func (b *batch) inScope(d rules.Direction, conn string, s *rules.Subject) ([]*rules.CompiledRule, error) {
	scope, err := b.rules.InScope(b.ctx, d, conn, s)
	if flow, ok := errors.AsType[*rules.FlowError](err); ok {
		return nil, flowTrouble([]*rules.FlowError{flow})
	}
	if err != nil {
		return nil, trouble("scope", "", "", err)
	}
	return scope, nil
}

func flowTrouble(errs []*rules.FlowError) error {
	e := errs[0]
	return trouble(e.Code, e.Attribute, e.Rule.Name, e)
}

// csReferences loads the references of a connector-space object for rules.
type csReferences struct {
	b *batch
	w *csWork
}

func (c *csReferences) Count(attribute string) (int64, error) {
	return c.b.tx.CountCSRefs(c.w.ID, attribute)
}

func (c *csReferences) Values(attribute string) ([]attr.Value, error) {
	ids, err := c.b.tx.CSRefs(c.w.ID, attribute, 0, 0)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	objects, err := c.b.tx.CS(ids)
	if err != nil {
		return nil, err
	}
	byAnchor := c.b.r.e.connectors[c.w.Connector].caps.References == connector.ReferenceByAnchor
	values := make([]attr.Value, 0, len(objects))
	for _, o := range objects {
		switch {
		case o == nil:
		case byAnchor:
			values = append(values, attr.Reference(o.Anchor.Text()))
		default:
			values = append(values, attr.Reference(o.DN))
		}
	}
	return values, nil
}

func (c *csReferences) MemberOf(groupDN string) (bool, error) {
	id, err := c.b.csAt(place{connector: c.w.Connector, dnKey: dnKey(c.b.r.e.connectors[c.w.Connector].caps, groupDN)})
	if err != nil || id == 0 {
		return false, err
	}
	has, err := c.b.tx.HasCSRefs([]CSRef{{id, memberAttribute, c.w.ID}})
	return len(has) > 0 && has[0], err
}

// mvReferences loads the copied references of a metaverse object for rules. Their text is
// the id of the metaverse object referred to.
type mvReferences struct {
	b *batch
	m *mvWork
}

func (r *mvReferences) Count(attribute string) (int64, error) {
	return r.b.tx.CountMVRefs(r.m.ID, attribute)
}

func (r *mvReferences) Values(attribute string) ([]attr.Value, error) {
	ids, err := r.b.tx.MVRefs(r.m.ID, attribute, 0, 0)
	if err != nil {
		return nil, err
	}
	values := make([]attr.Value, len(ids))
	for i, id := range ids {
		values[i] = attr.Reference(mvText(id))
	}
	return values, nil
}

func (r *mvReferences) MemberOf(string) (bool, error) { return false, nil }

func parseMV(text string) (MVID, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return MVID(n), err == nil
}
