package ad

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
)

// ReadObjects implements [connector.ObjectReader]. An object does not exist that is in no
// domain; where one cannot be asked, an object that no other holds is an error of its own.
func (s *forestSession) ReadObjects(ctx context.Context, keys []connector.Key) iter.Seq2[connector.Item, error] {
	s = s.apart()
	return s.stream(ctx, "read", func(m *emitter) error {
		for chunk := range slices.Chunk(keys, readBatch) {
			if err := s.readKeys(ctx, m, chunk); err != nil {
				return err
			}
		}
		return nil
	})
}

// A finding says in which domain an object is.
type finding struct {
	domain *domain
	entry  *entry
}

func (s *forestSession) readKeys(ctx context.Context, m *emitter, keys []connector.Key) error {
	found := make([]finding, len(keys))
	look := func(x *domain) error { return s.look(ctx, x, keys, found) }
	if err := s.before(ctx, look); err != nil {
		return err
	}
	// What moved meanwhile to a domain that was asked before is found in the other order.
	for _, x := range slices.Backward(s.domains) {
		if x.err != nil {
			continue
		}
		if x.err = look(x); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	trouble := s.trouble()
	for i, k := range keys {
		if err := s.answer(ctx, m, k, found[i], trouble); err != nil {
			return err
		}
	}
	return nil
}

// look finds those objects in the domain that no other was found to hold.
func (s *forestSession) look(ctx context.Context, x *domain, keys []connector.Key, found []finding) error {
	var ask []connector.Key
	for i, k := range keys {
		if found[i].entry == nil {
			ask = append(ask, k)
		}
	}
	here, err := x.s.find(ctx, x.link, ask)
	if err != nil {
		return err
	}
	for i, k := range keys {
		if found[i].entry != nil {
			continue
		}
		e := here[guidOf(k.Anchor)]
		if k.Anchor.IsZero() && s.domainOf(k.DN) == x {
			if e, err = x.s.readDN(ctx, x.link, k.DN); err != nil {
				return err
			}
		}
		if e != nil {
			found[i] = finding{x, e}
		}
	}
	return nil
}

// guidOf is the GUID of an anchor, zero for one that is none of this connector's.
func guidOf(a connector.Anchor) guid {
	g, _ := parseGUID(a.Raw())
	return g
}

func (s *forestSession) answer(ctx context.Context, m *emitter, k connector.Key, at finding, trouble error) error {
	switch {
	case at.entry != nil:
		err := at.domain.s.sendRead(ctx, at.domain.link, m, k, at.entry)
		return at.domain.named(err)
	case trouble != nil:
		return m.trouble(&connector.Object{Anchor: k.Anchor, DN: k.DN}, &connector.Error{Op: "read", Object: k, Code: connector.CodeConnectionFailed,
			Err: fmt.Errorf("%w: a domain that may hold the object cannot be asked: %w", connector.ErrUnavailable, trouble)})
	}
	return m.send(connector.Item{Kind: connector.ItemDelete, Object: &connector.Object{Anchor: k.Anchor, DN: k.DN}})
}
