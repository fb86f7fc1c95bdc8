package entra

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// A pager reads the pages of one delta query, one at a time.
type pager struct {
	s    *session
	d    *decoder
	size int // objects to ask for; 0 leaves it to the service
	next func() (page, error, bool)
	stop func()
	end  link // the delta link, once the last page was read
}

// pages starts a delta query at a link, or from the beginning without one.
func (s *session) pages(ctx context.Context, d *decoder, start string, size int) *pager {
	p := &pager{s: s, d: d, size: size, end: link{Scope: s.scope(d)}}
	if p.size == 0 {
		p.size = s.t.o.PageSize
	}
	fetch := func(ctx context.Context, token string) (page, string, error) {
		stored := token == "" && start != ""
		if token == "" {
			token = start
		}
		pg, err := p.fetch(ctx, token)
		if err != nil {
			return page{}, "", expiry(err, stored)
		}
		return pg, pg.next, nil
	}
	p.next, p.stop = iter.Pull2(connector.Pages(ctx, fetch, nil))
	return p
}

func (p *pager) fetch(ctx context.Context, from string) (page, error) {
	build := p.s.t.client.delta(p.d.class, p.d.class.selection(p.d.wanted, true))
	if from != "" {
		var err error
		if build, err = p.s.t.client.link(from); err != nil {
			return page{}, fmt.Errorf("%w: %w", connector.ErrProtocol, err)
		}
	}
	// Headers are no part of links: they are sent with every page.
	header := make(http.Header)
	if p.size > 0 {
		header.Set("Prefer", "odata.maxpagesize="+strconv.Itoa(min(p.size, maxPage)))
	}
	a, err := p.s.t.client.do(ctx, p.s.log, build, header)
	if err != nil {
		return page{}, err
	}
	pg, err := p.d.page(a.body)
	if err != nil {
		return page{}, err
	}
	p.end.Last = serverTime(a.header, p.s.t.o.Clock)
	if p.end.First == 0 {
		p.end.First = p.end.Last
	}
	if pg.next != "" {
		return pg, nil
	}
	if pg.delta == "" {
		return page{}, fmt.Errorf("%w: a delta query ended without a delta link", connector.ErrProtocol)
	}
	if _, err := p.s.t.client.link(pg.delta); err != nil {
		return page{}, fmt.Errorf("%w: %w", connector.ErrProtocol, err)
	}
	p.end.URL = pg.delta
	return pg, nil
}

// serverTime is the time of an answer by the service's clock, in seconds.
func serverTime(h http.Header, clock func() time.Time) int64 {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		return at.Unix()
	}
	return clock().Unix()
}

// read returns the next page, false after the last.
func (p *pager) read() (page, bool, error) {
	pg, err, ok := p.next()
	return pg, ok, err
}

// expiry turns what Graph says to a link that it no longer takes into
// [connector.ErrWatermarkExpired]. Of a link that was stored between runs any refusal
// means that, but for those that have other causes.
func expiry(err error, stored bool) error {
	var g *GraphError
	switch {
	case isExpired(err):
	case !stored || !errors.As(err, &g):
		return err
	case g.Status == http.StatusBadRequest, g.Status == http.StatusNotFound:
	default:
		return err
	}
	return fmt.Errorf("%w: %w", connector.ErrWatermarkExpired, err)
}
