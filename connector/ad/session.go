package ad

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hybridsync/hybridsync/connector"
)

// A session is one conversation with a domain controller; it implements the capabilities
// that read. It is not safe for concurrent use.
type session struct {
	d    *Directory
	log  *slog.Logger
	main *link
	// second serves searches that are made while an answer of DirSync still streams in on
	// main. It is dialled when it is needed.
	second *link
	closed bool

	plan  *plan
	parts []partition
	scope *scope
	last  *watermark // of the last complete import, nil where it is not known
}

// A writer is a session that exports too.
type writer struct{ *session }

var errClosed = errors.New("ad: the session is closed")

// prepare reads what every import needs from a fresh connection.
func (s *session) prepare(ctx context.Context, o connector.OpenOptions, part func([]partition) connector.Watermark) error {
	schema, err := s.d.schema(ctx, s.main)
	if err != nil {
		return err
	}
	if s.plan, err = s.d.plan(schema, o, s.log); err != nil {
		return err
	}
	if err := s.refuseAdministrator(ctx); err != nil {
		return err
	}
	if s.parts, err = s.d.partitions(ctx, s.main); err != nil {
		return err
	}
	if part != nil {
		o.Last = part(s.parts)
	}
	var known memory
	if last, err := parseWatermark(o.Last); err == nil {
		s.last, known = &last, last.Memory
		if len(s.checkSchema()) > 0 {
			s.log.LogAttrs(ctx, slog.LevelInfo, "the schema of the directory has changed since the last import")
		}
	}
	s.scope, err = s.readScope(ctx, s.main, known)
	return err
}

// link returns a working connection, a new one where the last was lost.
func (s *session) link(ctx context.Context) (*link, error) {
	switch {
	case s.closed:
		return nil, errClosed
	case s.main.alive():
		return s.main, nil
	}
	s.main.close()
	l, err := s.d.connect(ctx)
	if err != nil {
		return nil, err
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "reconnected", slog.String("server", l.root.host))
	s.replace(l)
	return l, nil
}

// replace goes on over another connection.
func (s *session) replace(l *link) {
	s.main.close()
	if s.second != nil { // it may be to another domain controller
		s.second.close()
		s.second = nil
	}
	s.main = l
}

// aside returns a second connection to the domain controller that main is connected to.
// It must be the same one, another may not know yet what this one has told.
func (s *session) aside(ctx context.Context) (*link, error) {
	if s.second != nil && s.second.alive() {
		return s.second, nil
	}
	const attempts = 4 // a name may lead to several domain controllers
	for range attempts {
		l, err := s.d.dial(ctx, s.main.server)
		if err != nil {
			return nil, err
		}
		if l.root.service == s.main.root.service {
			s.second = l
			return l, nil
		}
		l.close()
	}
	return nil, fmt.Errorf("%w: %s leads to several domain controllers, name a single one", connector.ErrUnavailable, s.main.server.addr)
}

// Close ends the session. It is idempotent.
func (s *session) Close(context.Context) error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.main.close()
	if s.second != nil {
		s.second.close()
	}
	return nil
}

// partitionOf returns what [connector.Object.Partition] holds for objects of p.
func (s *session) partitionOf(p partition) string {
	if len(s.parts) == 1 && !s.d.inForest {
		return "" // there is only one
	}
	return p.id
}

var (
	_ connector.FullImporter  = (*session)(nil)
	_ connector.DeltaImporter = (*session)(nil)
	_ connector.ObjectReader  = (*session)(nil)
	_ connector.Preflighter   = (*session)(nil)
	_ connector.Exporter      = (*writer)(nil)
)
