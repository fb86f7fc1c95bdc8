package ad

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// A DirSync cookie holds what its client knows as an up-to-dateness vector: for each
// domain controller of the domain how many of its changes. Another domain controller can
// therefore go on where this one stopped. Two things are not in it:
//
//   - A domain controller that was restored from a backup has a new identity for its
//     database, and may have lost changes that its clients know of. Nobody ever takes
//     these back. The same holds, without the new identity, for one that was put back to a
//     snapshot: its count of changes is lower than it was.
//   - A domain controller that has not yet heard of what another one has told would show
//     an older state of objects, and would leave out the changes when it hears of them,
//     since the client has them already.
//
// In the first case only a full import helps. In the second one replication does, in a
// while.

// settle brings the session to a domain controller that can go on after mark: the one that
// made it, if that can be reached.
func (s *session) settle(ctx context.Context, l *link, mark watermark) (*link, error) {
	id, err := l.invocationID(ctx)
	if err != nil {
		return nil, err
	}
	if id != mark.Invocation && !mark.madeAt(l) && mark.Host != "" {
		if home := s.home(ctx, mark); home != nil {
			s.replace(home)
			l = home
			if id, err = l.invocationID(ctx); err != nil {
				return nil, err
			}
		}
	}
	root, err := l.readRoot(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case len(mark.USNs) == 0 && (id == "" || mark.Invocation == ""):
		return l, nil // nothing is told, the cookie decides
	case id == mark.Invocation && root.usn < mark.USN:
		return nil, expired("the database of %s was put back to an older state", root.host)
	case id == mark.Invocation:
		return l, nil
	case mark.madeAt(l):
		return nil, expired("%s was restored from a backup", root.host)
	case len(mark.USNs) > 0:
		return nil, expired("changes were counted at %s, which cannot be reached", mark.Host)
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "changes are asked for at another domain controller", slog.String("last", mark.Host), slog.String("now", root.host))
	return l, s.caughtUp(ctx, l, root, mark, true)
}

// madeAt reports whether l leads to the domain controller that made the watermark.
func (w watermark) madeAt(l *link) bool { return strings.EqualFold(w.Host, l.root.host) }

// home connects to the domain controller that made the watermark, nil if that cannot be.
func (s *session) home(ctx context.Context, mark watermark) *link {
	all, err := s.d.candidates(ctx)
	if err != nil {
		return nil
	}
	// The one whose URL is known first, then those that the host's name is part of.
	all = slices.DeleteFunc(all, func(c server) bool { return c.url != mark.Server && !strings.EqualFold(c.host, mark.Host) })
	for _, c := range all {
		l, err := s.d.dial(ctx, c)
		if err != nil {
			s.log.LogAttrs(ctx, slog.LevelInfo, "the domain controller of the last import cannot be reached", slog.String("server", c.addr), slog.Any("err", err))
			continue
		}
		if mark.madeAt(l) {
			return l
		}
		l.close()
	}
	return nil
}

// caughtUp reports whether a domain controller knows all that another one knew when it
// made the watermark. If not it is worth waiting for a while; after that, what the other
// one has not passed on may be lost with it, and a full import is due.
func (s *session) caughtUp(ctx context.Context, l *link, root rootDSE, mark watermark, delta bool) error {
	for _, p := range s.parts {
		behind, err := l.behind(ctx, p, mark)
		if err != nil {
			return err
		}
		if !behind {
			continue
		}
		patience := s.d.patience()
		if mark.Time != 0 && !root.now.IsZero() && root.now.Sub(time.Unix(mark.Time, 0)) < patience {
			return fmt.Errorf("%w: %s has not yet replicated what %s told at the last import, and that one cannot be reached", connector.ErrUnavailable, root.host, mark.Host)
		}
		if delta {
			return expired("%s has not replicated what %s told at the last import", root.host, mark.Host)
		}
		s.log.LogAttrs(ctx, slog.LevelWarn, "the domain controller may not know all that another one told at the last import; objects that only that one knew seem deleted",
			slog.String("last", mark.Host), slog.String("now", root.host))
		return nil
	}
	return nil
}

// failoverWait is how long another domain controller is given to catch up. Domain
// controllers of one site replicate every hour even when nothing happens.
const failoverWait = time.Hour

// behind reports whether the domain controller is known to lack changes that the maker of
// the watermark had. Where it does not tell, it is not.
func (l *link) behind(ctx context.Context, p partition, mark watermark) (bool, error) {
	maker, ok := readableGUID(mark.Invocation)
	if !ok || mark.USN == 0 {
		return false, nil
	}
	e, err := l.read(ctx, p.dn, anything, "replUpToDateVector")
	if err != nil || e == nil {
		return false, err
	}
	vector, ok := parseVector(single(e, "replUpToDateVector"))
	if !ok {
		return false, nil
	}
	c, known := vector[maker]
	return !known || c.usn < mark.USN && c.synced.Before(time.Unix(mark.Time, 0)), nil
}

// A cursor says how much of a domain controller's changes another one has.
type cursor struct {
	usn    int64
	synced time.Time // when it last had all of them; zero where it is not told
}

// parseVector reads the up-to-dateness vector of a naming context: a header of four words
// with version and number, and cursors of a GUID, a USN and, in version 2, a time.
func parseVector(raw string) (map[guid]cursor, bool) {
	const header, v1, v2, most = 16, 24, 32, 1 << 16
	b := []byte(raw)
	if len(b) < header {
		return nil, false
	}
	size := map[uint32]int{1: v1, 2: v2}[binary.LittleEndian.Uint32(b)]
	n := int(binary.LittleEndian.Uint32(b[8:]))
	if size == 0 || n > most || len(b) < header+n*size {
		return nil, false
	}
	out := make(map[guid]cursor, n)
	for b = b[header:]; n > 0; b, n = b[size:], n-1 {
		c := cursor{usn: int64(binary.LittleEndian.Uint64(b[16:]))}
		if size == v2 {
			if seconds := int64(binary.LittleEndian.Uint64(b[24:])); seconds > secondsTo1970 {
				c.synced = time.Unix(seconds-secondsTo1970, 0) // DSTIME counts seconds since 1601
			}
		}
		out[guid(b[:16])] = c
	}
	return out, true
}

const secondsTo1970 = 11644473600
