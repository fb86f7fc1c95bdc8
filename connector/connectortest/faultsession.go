package connectortest

import (
	"context"
	"iter"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
)

// Each capability is wrapped by a link of its own in a chain of sessions, which is as long as
// the inner session has capabilities: so none is hidden and none is invented.
type (
	faultyFull struct {
		connector.Session
		f  *Faulty
		im connector.FullImporter
	}
	faultyDelta struct {
		connector.Session
		f  *Faulty
		im connector.DeltaImporter
	}
	faultyReader struct {
		connector.Session
		f *Faulty
		r connector.ObjectReader
	}
	faultyExporter struct {
		connector.Session
		f *Faulty
		e connector.Exporter
	}
)

func (f *Faulty) wrap(s connector.Session) connector.Session {
	inner := s
	if im, ok := connector.As[connector.FullImporter](inner); ok {
		s = &faultyFull{s, f, im}
	}
	if im, ok := connector.As[connector.DeltaImporter](inner); ok {
		s = &faultyDelta{s, f, im}
	}
	if r, ok := connector.As[connector.ObjectReader](inner); ok {
		s = &faultyReader{s, f, r}
	}
	if e, ok := connector.As[connector.Exporter](inner); ok {
		s = &faultyExporter{s, f, e}
	}
	return s
}

func (s *faultyFull) Unwrap() connector.Session     { return s.Session }
func (s *faultyDelta) Unwrap() connector.Session    { return s.Session }
func (s *faultyReader) Unwrap() connector.Session   { return s.Session }
func (s *faultyExporter) Unwrap() connector.Session { return s.Session }

func (s *faultyFull) FullImport(ctx context.Context, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return s.f.begin(OnFullImport).stream(ctx, r.Resume != nil, s.im.FullImport(ctx, r))
}

func (s *faultyDelta) DeltaImport(ctx context.Context, w connector.Watermark, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return s.f.begin(OnDeltaImport).stream(ctx, true, s.im.DeltaImport(ctx, w, r))
}

func (s *faultyReader) ReadObjects(ctx context.Context, keys []connector.Key) iter.Seq2[connector.Item, error] {
	return s.f.begin(OnRead).stream(ctx, false, s.r.ReadObjects(ctx, keys))
}

// stream is the inner stream with faults. continues says that it began from a watermark or a
// checkpoint.
func (c *call) stream(ctx context.Context, continues bool, inner iter.Seq2[connector.Item, error]) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		if err := c.enter(ctx); err != nil {
			yield(connector.Item{}, err)
			return
		}
		if continues {
			if p, ok := c.fire(Expire, 0); ok {
				yield(connector.Item{}, c.fail(p, connector.ErrWatermarkExpired))
				return
			}
		}
		st := &faultyStream{call: c, yield: yield, ctx: ctx}
		for it, err := range inner {
			if err != nil {
				if st.flush() {
					yield(it, err)
				}
				return
			}
			if !st.item(it) {
				return
			}
		}
		st.flush()
	}
}

// A faultyStream is the state of one stream.
type faultyStream struct {
	*call
	yield  func(connector.Item, error) bool
	ctx    context.Context  // of the call
	n      int              // objects before the present item
	page   []connector.Item // objects since the last checkpoint, for RepeatPage
	held   []connector.Item // by Reorder
	window int
}

// item passes one item on; it reports whether to go on.
func (s *faultyStream) item(it connector.Item) bool {
	if p, ok := s.fire(Cut, s.n); ok {
		if s.flush() {
			s.yield(connector.Item{}, s.fail(p, connector.ErrUnavailable))
		}
		return false
	}
	if _, ok := s.fire(Truncate, s.n); ok {
		s.flush()
		return false
	}
	switch it.Kind {
	case connector.ItemComplete:
		if _, ok := s.fire(DropComplete, s.n); ok {
			s.flush()
			return false
		}
		return s.flush() && s.again() && s.yield(it, nil)
	case connector.ItemCheckpoint:
		return s.flush() && s.again() && s.yield(it, nil)
	default:
		return s.object(it)
	}
}

func (s *faultyStream) object(it connector.Item) bool {
	n := s.n
	s.n++
	if p, ok := s.fire(ItemTrouble, n); ok {
		it.Err = s.fail(p, connector.ErrProtocol)
	}
	if _, ok := s.fire(Malformed, n); ok {
		o := *it.Object
		o.Anchor, o.DN, o.Class = connector.Anchor{}, "", ""
		it.Object = &o
	}
	if s.on != OnRead {
		if _, ok := s.fire(Duplicate, n); ok {
			if !s.put(n, copyOf(it)) {
				return false
			}
		}
		if s.repeats() {
			s.page = append(s.page, copyOf(it))
		}
	}
	return s.put(n, it)
}

// copyOf returns an item that shares nothing with the given one.
func copyOf(it connector.Item) connector.Item {
	if it.Object != nil {
		o := *it.Object
		o.Attributes = it.Object.Attributes.Clone()
		it.Object = &o
	}
	it.Mods = slices.Clone(it.Mods)
	return it
}

// repeats reports whether pages may have to be shown again.
func (s *faultyStream) repeats() bool {
	return slices.ContainsFunc([]FaultKind{RepeatPage, EndlessPages}, s.f.plan.mentions)
}

// again shows the last page once more, or without end.
func (s *faultyStream) again() bool {
	page := s.page
	s.page = nil
	if len(page) == 0 {
		return true
	}
	if _, ok := s.fire(EndlessPages, s.n); ok {
		for s.ctx.Err() == nil {
			if !s.show(page) {
				return false
			}
		}
		return false
	}
	if _, ok := s.fire(RepeatPage, s.n); ok {
		return s.show(page)
	}
	return true
}

func (s *faultyStream) show(page []connector.Item) bool {
	for _, it := range page {
		if !s.yield(copyOf(it), nil) {
			return false
		}
	}
	return true
}

// put yields an object, or holds it back until its group is full.
func (s *faultyStream) put(n int, it connector.Item) bool {
	if len(s.held) == 0 {
		if s.on == OnRead {
			return s.yield(it, nil)
		}
		p, ok := s.fire(Reorder, n)
		if !ok {
			return s.yield(it, nil)
		}
		s.window = max(2, p.Window)
	}
	s.held = append(s.held, it)
	if len(s.held) < s.window {
		return true
	}
	return s.flush()
}

// flush yields what was held back, the last first.
func (s *faultyStream) flush() bool {
	held := s.held
	s.held = nil
	for _, it := range slices.Backward(held) {
		if !s.yield(it, nil) {
			return false
		}
	}
	return true
}

func (s *faultyExporter) Export(ctx context.Context, batch []connector.Change) ([]connector.Result, error) {
	c := s.f.begin(OnExport)
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	if p, ok := c.fire(PartialBatch, len(batch)); ok {
		if part := batch[:min(p.After, len(batch))]; len(part) > 0 {
			if results, err := s.e.Export(ctx, part); err != nil {
				return results, err
			}
		}
		return nil, c.fail(p, connector.ErrUnavailable)
	}
	results, err := s.e.Export(ctx, batch)
	if err != nil {
		return results, err
	}
	if p, ok := c.fire(LoseBatch, 0); ok {
		return nil, c.fail(p, connector.ErrUnavailable)
	}
	for i, r := range results {
		if p, ok := c.fire(LoseAnswer, i); ok {
			results[i] = connector.Result{ID: r.ID, Outcome: connector.Unknown, Err: c.fail(p, connector.ErrUnavailable)}
		}
	}
	return results, nil
}

var (
	_ connector.FullImporter  = (*faultyFull)(nil)
	_ connector.DeltaImporter = (*faultyDelta)(nil)
	_ connector.ObjectReader  = (*faultyReader)(nil)
	_ connector.Exporter      = (*faultyExporter)(nil)
)
