package metaverse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/rules"
)

// An ObjectRef names one connector-space object for an operator's call: by CS, or by DN or
// anchor within a connector. With an empty Connector the DN or anchor is looked for in every
// connector space and must be in one only.
type ObjectRef struct {
	CS        CSID
	Connector string
	DN        string
	Anchor    connector.Anchor
}

// String names what the reference names.
func (r ObjectRef) String() string {
	text := connector.Key{Anchor: r.Anchor, DN: r.DN}.String()
	if r.CS != 0 {
		text = fmt.Sprintf("object %d", r.CS)
	}
	if r.Connector != "" {
		text += " of " + r.Connector
	}
	return text
}

var errAmbiguousRef = errors.New("several connector spaces have such an object: name the connector")

// find returns the object that a reference names. Its error matches connector.ErrNotFound
// where there is none.
func (e *Engine) find(rd Reader, ref ObjectRef) (*CSObject, error) {
	ids := []CSID{ref.CS}
	if ref.CS == 0 {
		var err error
		if ids, err = e.lookUp(rd, ref); err != nil {
			return nil, err
		}
	}
	switch {
	case len(ids) == 0:
		return nil, fmt.Errorf("%s: %w", ref, connector.ErrNotFound)
	case len(ids) > 1:
		return nil, fmt.Errorf("%s: %w", ref, errAmbiguousRef)
	}
	found, err := rd.CS(ids)
	if err != nil {
		return nil, err
	}
	if found[0] == nil || ref.Connector != "" && found[0].Connector != ref.Connector {
		return nil, fmt.Errorf("%s: %w", ref, connector.ErrNotFound)
	}
	if e.connectors[found[0].Connector] == nil {
		return nil, fmt.Errorf("%s: %w %q", ref, errNoConnector, found[0].Connector)
	}
	return found[0], nil
}

var errNoConnector = errors.New("there is no connector")

func (e *Engine) lookUp(rd Reader, ref ObjectRef) (found []CSID, err error) {
	names := e.names
	if ref.Connector != "" {
		if e.connectors[ref.Connector] == nil {
			return nil, fmt.Errorf("%w %q", errNoConnector, ref.Connector)
		}
		names = []string{ref.Connector}
	}
	for _, name := range names {
		var ids []CSID
		if !ref.Anchor.IsZero() {
			ids, err = rd.CSByAnchor(name, []connector.Anchor{ref.Anchor})
		} else {
			ids, err = rd.CSByDN(name, []string{dnKey(e.connectors[name].caps, ref.DN)})
		}
		if err != nil {
			return nil, err
		}
		if ids[0] != 0 {
			found = append(found, ids[0])
		}
	}
	return found, nil
}

// operatorRun is the run of an operator's call. It is not recorded in the history unless the
// caller does so.
func (e *Engine) operatorRun(ctx context.Context, name string, kind StepKind) (*run, error) {
	for _, n := range e.names {
		if _, err := e.connectors[n].index(ctx); err != nil {
			return nil, fmt.Errorf("schema of connector %s: %w", n, err)
		}
	}
	return &run{
		e: e, t: e.connectors[name], failed: make(map[CSID]bool), unwritable: make(map[unwritable]bool),
		rec: &RunRecord{Connector: name, Step: kind, Result: ResultRunning, Started: e.opts.Now()},
	}, nil
}

// readTx shows a Reader to code that takes a Tx and only reads.
type readTx struct {
	Reader
	noWrites
}

// noWrites has no writing methods: calling one panics, as it is a mistake of this package.
type noWrites struct{ Tx }

// An ObjectView names a connector-space object in reports.
type ObjectView struct {
	ID        CSID   `json:"id"`
	Connector string `json:"connector"`
	Class     string `json:"class,omitempty"`
	DN        string `json:"dn"`
	Anchor    string `json:"anchor,omitempty"`
	State     string `json:"state"`
	// PendingImport and PendingExport are operations, "" for none.
	PendingImport string `json:"pendingImport,omitempty"`
	PendingExport string `json:"pendingExport,omitempty"`
	// FailedAttempts counts the exports of the object that failed since one succeeded;
	// NextAttempt is when it is tried again, nil for in the next run.
	FailedAttempts int        `json:"failedAttempts,omitempty"`
	NextAttempt    *time.Time `json:"nextAttempt,omitempty"`
	// Metaverse is the linked object, 0 for none; Link and Rule say how it was linked.
	Metaverse MVID   `json:"metaverse,omitempty"`
	Link      string `json:"link,omitempty"`
	Rule      string `json:"rule,omitempty"` // name of the rule that linked
}

func (e *Engine) viewCS(o *CSObject, p *PendingExport) ObjectView {
	v := ObjectView{
		ID: o.ID, Connector: o.Connector, Class: o.Class, DN: o.DN, Anchor: o.Anchor.Text(),
		State: o.State.String(), Metaverse: o.Link.MV,
	}
	if o.Anchor.IsZero() {
		v.Anchor = ""
	}
	if o.Pending != ImportNone {
		v.PendingImport = o.Pending.String()
	}
	v.PendingExport = exportText(p)
	if p != nil {
		v.FailedAttempts = p.Attempts
		if !p.NotBefore.IsZero() {
			at := p.NotBefore.UTC()
			v.NextAttempt = &at
		}
	}
	if o.Link.MV != 0 {
		v.Link, v.Rule = o.Link.Kind.String(), e.ruleName(o.Link.Rule)
	}
	return v
}

// exportText names what is pending: an operation, or "sent" for what only waits to be
// confirmed.
func exportText(p *PendingExport) string {
	switch {
	case p == nil:
		return ""
	case p.Op != 0:
		return p.Op.String()
	default:
		return "sent"
	}
}

// ruleName returns the name of a rule, or its id where the rules do not have it any more.
func (e *Engine) ruleName(id string) string {
	if r := e.rulesByID[id]; r != nil {
		return r.Name
	}
	return id
}

// An MVView names a metaverse object in reports.
type MVView struct {
	ID    MVID   `json:"id"`
	Class string `json:"class"`
	Name  string `json:"name,omitempty"` // display name, or the first of the other names it has
}

func viewMV(o *MVObject) MVView {
	v := MVView{ID: o.ID, Class: o.Class}
	for _, name := range []string{"displayName", "userPrincipalName", "accountName", "cn", "sourceAnchor"} {
		if v.Name = o.Attributes.Text(name); v.Name != "" {
			break
		}
	}
	return v
}

// flowText describes where a flow takes its values from.
func flowText(f *rules.Flow) string {
	switch f.Type {
	case rules.Direct:
		if len(f.Source) > 0 {
			return f.Source[0]
		}
	case rules.Constant:
		return fmt.Sprintf("%q", f.Constant)
	}
	return f.Expression
}
