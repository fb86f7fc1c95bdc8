package ad

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
)

// A forestSession is one conversation with the domain controllers of several domains, one
// of each. It is not safe for concurrent use.
type forestSession struct {
	f       *Forest
	log     *slog.Logger
	domains []*domain
	// contexts are the DNs of the forest's domains, of those too that are not imported.
	contexts []string

	// Of one import.
	earlier, later doubts // of the import before, and of this one
}

// A forestWriter is a session that exports too.
type forestWriter struct{ *forestSession }

// A domain is one domain in a session of a forest.
type domain struct {
	d     *Directory
	index int
	s     *session // nil where it could not be opened
	down  error    // why not

	// Of one import.
	link *link
	err  error     // what keeps the domain from being imported whole
	mark watermark // where the import started
	next watermark // where the next one starts
	// asked is the number of the domain controller's last change when a delta import asked it;
	// 0 where it does not tell.
	asked int64
}

// name is the domain's DNS name, as far as it is known.
func (x *domain) name() string {
	if x.s != nil && x.s.parts[0].fqdn != "" {
		return x.s.parts[0].fqdn
	}
	return x.d.place()
}

// named adds the domain to an error.
func (x *domain) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("domain %s: %w", x.name(), err)
}

// id names the domain in watermarks.
func (x *domain) id() string { return x.s.parts[0].id }

// partition returns the domain's partition that holds a DN, nil if none does.
func (x *domain) partition(dn string) *partition {
	var nearest *partition
	if x.s == nil {
		return nil
	}
	for i, p := range x.s.parts {
		if within(dn, p.dn) && (nearest == nil || len(p.dn) > len(nearest.dn)) {
			nearest = &x.s.parts[i]
		}
	}
	return nearest
}

// domainOf returns the domain that holds a DN, nil if none does that can be reached.
func (s *forestSession) domainOf(dn string) *domain {
	var at *domain
	var nearest *partition
	for _, x := range s.domains {
		if p := x.partition(dn); p != nil && (nearest == nil || len(p.dn) > len(nearest.dn)) {
			at, nearest = x, p
		}
	}
	if nearest != nil && slices.ContainsFunc(s.contexts, func(nc string) bool { return len(nc) > len(nearest.dn) && within(nc, nearest.dn) && within(dn, nc) }) {
		return nil // of a domain beneath that one
	}
	return at
}

// Close ends the session. It is idempotent.
func (s *forestSession) Close(ctx context.Context) error {
	var errs []error
	for _, x := range s.domains {
		if x.s != nil {
			errs = append(errs, x.s.Close(ctx))
		}
	}
	return errors.Join(errs...)
}

// apart returns the session with a state of its own: objects are read one by one while an import
// is under way.
func (s *forestSession) apart() *forestSession {
	own := *s
	own.domains = make([]*domain, len(s.domains))
	for i, x := range s.domains {
		own.domains[i] = &domain{d: x.d, index: x.index, s: x.s, down: x.down}
	}
	return &own
}

// start readies the domains that can be reached, over new connections where the old ones
// were lost.
func (s *forestSession) start(ctx context.Context) error {
	for _, x := range s.domains {
		x.err, x.link, x.mark, x.next, x.asked = x.down, nil, watermark{}, watermark{}, 0
	}
	s.earlier, s.later = doubts{}, doubts{}
	return s.each(ctx, func(x *domain) (err error) {
		x.link, err = x.s.link(ctx)
		return err
	})
}

// each does something with every domain that has met no trouble yet. One domain's trouble
// is its own; what it returns ends the import.
func (s *forestSession) each(ctx context.Context, do func(*domain) error) error {
	for _, x := range s.domains {
		if x.err != nil {
			continue
		}
		err := do(x)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errStopped), errors.Is(err, errClosed):
			return err
		case err != nil:
			x.err = err
		}
	}
	return nil
}

// before does something with every domain before the first item is sent. A connection that
// turns out to be lost is replaced: sessions may be idle for longer than domain controllers
// like. A watermark that has expired ends the import.
func (s *forestSession) before(ctx context.Context, do func(*domain) error) error {
	var lost error
	err := s.each(ctx, func(x *domain) error {
		err := do(x)
		if err != nil && !x.s.main.alive() && errors.Is(err, connector.ErrUnavailable) && !errors.Is(err, errSilent) && ctx.Err() == nil {
			if x.link, err = x.s.link(ctx); err == nil {
				err = do(x)
			}
		}
		if errors.Is(err, connector.ErrWatermarkExpired) && lost == nil {
			lost = x.named(err)
		}
		return err
	})
	if lost != nil {
		return lost
	}
	return err
}

// trouble is what kept domains from being imported, nil if nothing did.
func (s *forestSession) trouble() error {
	var errs []error
	for _, x := range s.domains {
		err := x.err
		if errors.Is(err, connector.ErrWatermarkExpired) { // after items were sent; the next import finds out
			err = fmt.Errorf("%w: %s", connector.ErrUnavailable, err.Error())
		}
		if err != nil {
			errs = append(errs, x.named(err))
		}
	}
	return errors.Join(errs...)
}

// stream runs an import as an iterator.
func (s *forestSession) stream(ctx context.Context, op string, run func(*emitter) error) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		m := &emitter{ctx: ctx, connector: s.f.name, yield: yield}
		err := s.start(ctx)
		if err == nil {
			err = run(m)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(connector.Item{}, s.f.failure(op, err))
		}
	}
}

var (
	_ connector.FullImporter  = (*forestSession)(nil)
	_ connector.DeltaImporter = (*forestSession)(nil)
	_ connector.ObjectReader  = (*forestSession)(nil)
	_ connector.Preflighter   = (*forestSession)(nil)
	_ connector.Exporter      = (*forestWriter)(nil)
)
