package connector

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
)

// DefaultMaxPages is the page budget of [Pages] where none is given.
const DefaultMaxPages = 1_000_000

// PagesOptions bound [Pages].
type PagesOptions struct {
	// MaxPages is how many pages one listing may have; 0 means [DefaultMaxPages]. It
	// stops a directory that invents new tokens for ever.
	MaxPages int
	// SameToken says that the directory keeps the position itself and may give the same
	// token with every page. Then only MaxPages stops an endless listing.
	SameToken bool
}

// Pages turns a listing that comes in pages into one iteration over pages, for connectors
// to build their streams on. It calls fetch with the token "" for the first page and then
// with the token that came with the page before, until that is "". One page is fetched at a
// time and only when the loop asks for it.
//
// A token that comes a second time, and a listing longer than the budget, end the iteration
// with an error matching [ErrProtocol]: a directory that goes in circles must neither hang
// a run nor pass for one that is complete. The page that came with the repeated token is
// still yielded. An error of fetch ends the iteration, as does a done context, with its
// cause. A non-nil error is the last pair. The iterator may be used again; it then begins
// with the first page.
func Pages[P any](ctx context.Context, fetch func(ctx context.Context, token string) (page P, next string, err error), opts *PagesOptions) iter.Seq2[P, error] {
	var o PagesOptions
	if opts != nil {
		o = *opts
	}
	if o.MaxPages <= 0 {
		o.MaxPages = DefaultMaxPages
	}
	return func(yield func(P, error) bool) {
		var none P
		seen := make(tokenSet)
		token := ""
		for n := 1; ; n++ {
			if ctx.Err() != nil {
				yield(none, context.Cause(ctx))
				return
			}
			page, next, err := fetch(ctx, token)
			if err != nil {
				yield(none, err)
				return
			}
			if !yield(page, nil) || next == "" {
				return
			}
			if !o.SameToken && !seen.add(next) {
				yield(none, fmt.Errorf("%w: page token of page %d came before", ErrProtocol, n))
				return
			}
			if n >= o.MaxPages {
				yield(none, fmt.Errorf("%w: the listing has more than %d pages", ErrProtocol, o.MaxPages))
				return
			}
			token = next
		}
	}
}

// A tokenSet remembers tokens by digest: they can be kilobytes long and there can be
// hundreds of thousands of them.
type tokenSet map[[sha256.Size]byte]struct{}

// add reports whether the token is new.
func (s tokenSet) add(token string) bool {
	sum := sha256.Sum256([]byte(token))
	if _, ok := s[sum]; ok {
		return false
	}
	s[sum] = struct{}{}
	return true
}
