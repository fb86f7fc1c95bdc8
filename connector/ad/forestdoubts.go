package ad

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Doubts are what an import leaves to the next one, in the watermark: references of which it
// is not certain that the receiver knows the names. What is referred to may be moved again
// while what refers to it is read again, so that no import alone can promise to end without.
type doubts struct {
	// referrers are objects that have told of such references.
	referrers map[guid]struct{}
	// unsettled is for how many imports more it has to be feared that objects were renamed while
	// a full import went on, of which nobody noted what had told of references to whom.
	unsettled int
}

const (
	// unsettledImports is more than one, because who moves to and fro may escape the look at
	// one domain after the other.
	unsettledImports = 2
	// maxDoubts is how many referrers are kept. A full import follows if there are more.
	maxDoubts = 1 << 16
)

// encode writes the referrers one after the other.
func (d doubts) encode() []byte {
	var out []byte
	for _, g := range sorted(d.referrers) {
		out = append(out, g[:]...)
	}
	return out
}

func parseDoubts(text []byte, unsettled int) (doubts, error) {
	d := doubts{referrers: map[guid]struct{}{}, unsettled: unsettled}
	for each := range slices.Chunk(text, len(guid{})) {
		g, ok := parseGUID(string(each))
		if !ok {
			return d, expired("the references of which it is not certain make no sense")
		}
		d.referrers[g] = struct{}{}
	}
	return d, nil
}

// unsettle leaves a doubt about all that has moved if anything at all has changed in a domain
// since the full import began.
func (s *forestSession) unsettle(ctx context.Context) error {
	return s.each(ctx, func(x *domain) error {
		root, err := x.link.readRoot(ctx)
		if err == nil && (root.usn == 0 || root.usn != x.mark.USN) {
			s.later.unsettled = unsettledImports
		}
		return err
	})
}

// remember adds what has to be read again because of the doubts of the import before.
func (s *forestSession) remember(ctx context.Context, h *hearsay, again map[guid]struct{}) error {
	maps.Copy(again, s.earlier.referrers)
	if s.earlier.unsettled <= 0 {
		return nil
	}
	for g := range h.referrers {
		again[g] = struct{}{}
	}
	if err := s.referrersOfRenamed(ctx, again); err != nil {
		return err
	}
	// Who was renamed once more meanwhile was perhaps not found under her name.
	came, err := s.latecomers(ctx)
	if s.later.unsettled = s.earlier.unsettled - 1; len(came.objects) > 0 {
		s.later.unsettled = unsettledImports
	}
	return err
}

// referrersOfRenamed adds what refers to anything that was renamed since the marks.
func (s *forestSession) referrersOfRenamed(ctx context.Context, out map[guid]struct{}) error {
	var names []string
	err := s.each(ctx, func(x *domain) error {
		mark := x.mark
		mark.USN = 0 // which is younger than the cookie
		renamed, err := (&renaming{x.s, x.link, mark}).renamed(ctx)
		if err != nil {
			return fmt.Errorf("what was renamed: %w", err)
		}
		names = slices.AppendSeq(names, maps.Values(renamed))
		return nil
	})
	if err != nil || len(names) == 0 {
		return err
	}
	slices.Sort(names)
	return s.each(ctx, func(x *domain) error {
		referrers, err := (&renaming{s: x.s, l: x.link}).referrers(ctx, names)
		if err != nil {
			return fmt.Errorf("what refers to renamed objects: %w", err)
		}
		for _, g := range referrers {
			out[g] = struct{}{}
		}
		return nil
	})
}
