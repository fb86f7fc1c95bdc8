package ad

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// Export implements [connector.Exporter]. Every change goes to the domain of the object's
// DN, and where the object has left that one, to the domain where it is now. Objects are
// not moved between domains.
func (w *forestWriter) Export(ctx context.Context, batch []connector.Change) ([]connector.Result, error) {
	if err := w.start(ctx); err != nil {
		return nil, w.f.failure("export", err)
	}
	results := make([]connector.Result, len(batch))
	for i := range batch {
		results[i] = w.export(ctx, &batch[i])
	}
	return results, nil
}

func (w *forestWriter) export(ctx context.Context, c *connector.Change) connector.Result {
	at := w.domainOf(c.Key.DN)
	if at == nil && c.Key.DN == "" {
		return w.exportMoved(ctx, c, nil, missing())
	}
	if at == nil {
		return w.refused(c, w.unreachable(c.Key.DN))
	}
	if c.NewDN != "" && w.domainOf(c.NewDN) != at {
		return w.refused(c, &connector.Error{Code: connector.CodeInvalidDN,
			Err: fmt.Errorf("%w: the connector does not move objects from one domain to another", connector.ErrInvalid)})
	}
	r := w.exportTo(ctx, at, c)
	if r.Outcome == connector.Rejected && connector.CodeOf(r.Err) == connector.CodeMissingObject && !c.Key.Anchor.IsZero() {
		return w.exportMoved(ctx, c, at, r.Err)
	}
	return r
}

// exportTo exports to one domain.
func (w *forestWriter) exportTo(ctx context.Context, x *domain, c *connector.Change) connector.Result {
	if x.d.opts.ReadOnly {
		return w.refused(c, x.named(&connector.Error{Code: connector.CodePermissionIssue,
			Err: fmt.Errorf("%w: the domain is configured as read-only", connector.ErrPermission)}))
	}
	l, err := x.s.link(ctx)
	if err != nil {
		return w.refused(c, x.named(err))
	}
	export := exporting{session: x.s, link: l, change: c}
	return export.run(ctx)
}

// exportMoved exports to the domain that the object has moved to, which the engine has not
// heard of yet.
func (w *forestWriter) exportMoved(ctx context.Context, c *connector.Change, from *domain, lost error) connector.Result {
	for _, x := range w.domains {
		if x == from || x.err != nil {
			continue
		}
		e, err := x.link.read(ctx, targetOf(c.Key), anything, "objectGUID")
		switch {
		case err != nil:
			return w.refused(c, x.named(err))
		case e == nil:
			continue
		case c.NewDN != "":
			return w.refused(c, &connector.Error{Code: connector.CodeInvalidDN,
				Err: fmt.Errorf("%w: the object has moved to domain %s meanwhile; the next import tells", connector.ErrInvalid, x.name())})
		}
		moved := *c
		moved.Key.DN = e.DN
		return w.exportTo(ctx, x, &moved)
	}
	if err := w.trouble(); err != nil {
		return w.refused(c, err)
	}
	return w.refused(c, lost)
}

// unreachable is the error for a DN that is in none of the domains that can be reached.
func (w *forestWriter) unreachable(dn string) error {
	if err := w.trouble(); err != nil {
		return fmt.Errorf("%w: no domain that can be reached holds %s: %w", connector.ErrUnavailable, strings.Join(dcs(dn), ","), err)
	}
	return &connector.Error{Code: connector.CodeInvalidDN, Err: fmt.Errorf("%w: the DN is in none of the domains", connector.ErrInvalid)}
}

// dcs are the domain components of a DN.
func dcs(dn string) (out []string) {
	for rest := dn; rest != ""; {
		var rdn string
		if rdn, rest = splitDN(rest); strings.EqualFold(rdnType(rdn), "DC") {
			out = append(out, rdn)
		}
	}
	return out
}

// refused is the result of a change that was not sent.
func (w *forestWriter) refused(c *connector.Change, err error) connector.Result {
	own := &connector.Error{Op: "export", Connector: w.f.name, Object: c.Key, Err: err}
	r := connector.Result{ID: c.ID, Outcome: connector.Rejected, Err: own}
	if inner, ok := errors.AsType[*connector.Error](err); ok {
		own.Code = inner.Code
	}
	if own.Code == "" || connector.IsTransient(err) {
		own.Code, r.Outcome = connector.CodeConnectionFailed, connector.Retry
	}
	if r.Outcome == connector.Rejected && c.Op == connector.OpDelete && own.Code == connector.CodeMissingObject {
		return connector.Result{ID: c.ID, Outcome: connector.NoChange}
	}
	return r
}
