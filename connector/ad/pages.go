package ad

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
)

// emptyPages is how many pages without objects may follow each other. A server may send
// some when objects vanish under a search; one that sends no others never ends.
const emptyPages = 100

type page struct {
	entries []*entry
	err     error
}

// pages makes a paged search. While the caller works on one page the next is fetched. An
// error is the last pair. When the loop ends early the connection may be lost with it.
func (l *link) pages(ctx context.Context, req *ldap.SearchRequest, size int) iter.Seq2[[]*entry, error] {
	return func(yield func([]*entry, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		ch := make(chan page)
		go func() {
			defer close(ch)
			l.fetchPages(ctx, req, size, ch)
		}()
		defer func() {
			cancel()
			for range ch { // wait for the goroutine
			}
		}()
		for p := range ch {
			if !yield(p.entries, p.err) || p.err != nil {
				return
			}
		}
		if err := context.Cause(ctx); err != nil {
			yield(nil, err)
		}
	}
}

func (l *link) fetchPages(ctx context.Context, req *ldap.SearchRequest, size int, out chan<- page) {
	send := func(p page) bool {
		select {
		case out <- p:
			return p.err == nil
		case <-ctx.Done():
			return false
		}
	}
	paging := ldap.NewControlPaging(uint32(size))
	paged := *req
	paged.Controls = append(slices.Clone(req.Controls), paging)
	var last page
	empty := 0
	for {
		result, err := l.search(ctx, &paged)
		if tooMuch(err) && paging.PagingSize > smallestPage {
			paging.PagingSize = max(paging.PagingSize/4, smallestPage)
			continue
		}
		if err != nil {
			send(page{err: err})
			return
		}
		cookie, err := pagingCookie(result)
		if err != nil {
			send(page{err: err})
			return
		}
		if len(result.entries) > 0 {
			empty = 0
			if bytes.Equal(cookie, paging.Cookie) && len(cookie) > 0 && samePage(last.entries, result.entries) {
				send(page{err: fmt.Errorf("%w: the same page twice", connector.ErrProtocol)})
				return
			}
			last = page{entries: result.entries}
			if !send(last) {
				return
			}
		} else if empty++; empty > emptyPages {
			send(page{err: fmt.Errorf("%w: %d empty pages in a row", connector.ErrProtocol, empty)})
			return
		}
		if len(cookie) == 0 {
			return
		}
		paging.SetCookie(cookie)
	}
}

// pagingCookie returns where the next page begins; none means that this was the last. An
// answer without the control is not the answer to a paged search.
func pagingCookie(result *answer) ([]byte, error) {
	control, ok := ldap.FindControl(result.controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
	if !ok {
		return nil, fmt.Errorf("%w: a page without the paging control", connector.ErrProtocol)
	}
	return control.Cookie, nil
}

func samePage(a, b []*entry) bool {
	return len(a) == len(b) && len(a) > 0 && a[0].DN == b[0].DN && a[len(a)-1].DN == b[len(b)-1].DN
}
