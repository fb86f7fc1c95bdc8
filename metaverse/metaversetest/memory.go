package metaversetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// A Memory is a [metaverse.Store] of plain maps, as simple as can be: the model that other
// stores are held against. Every Update copies the maps and look-ups search them, so that it
// suits small populations only. It is safe for concurrent use.
type Memory struct {
	writing chan struct{}

	mu      sync.Mutex // guards what follows
	current *state
	closed  bool
	lease   memLease
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{writing: make(chan struct{}, 1), current: &state{nextCS: 1, nextMV: 1, nextRun: 1}}
}

var errClosed = errors.New("metaversetest: store is closed")

func (m *Memory) state(ctx context.Context) (*state, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, errClosed
	}
	return m.current, nil
}

// View implements [metaverse.Store].
func (m *Memory) View(ctx context.Context, fn func(metaverse.Reader) error) error {
	s, err := m.state(ctx)
	if err != nil {
		return err
	}
	return fn(&memReader{ctx: ctx, s: s})
}

// Update implements [metaverse.Store].
func (m *Memory) Update(ctx context.Context, fn func(metaverse.Tx) error) error {
	select {
	case m.writing <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-m.writing }()
	s, err := m.state(ctx)
	if err != nil {
		return err
	}
	tx := &memTx{memReader: memReader{ctx: ctx, s: s.clone()}, m: m}
	if err := fn(tx); err != nil {
		return err
	}
	if tx.failed != nil {
		return tx.failed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = tx.s
	return nil
}

// Backup implements [metaverse.Store]; there is nothing to copy to.
func (m *Memory) Backup(context.Context, string) error { return errors.ErrUnsupported }

// Close implements [metaverse.Store].
func (m *Memory) Close() error {
	m.writing <- struct{}{}
	defer func() { <-m.writing }()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// Reopen returns a store with the same content, as a process would find it after a restart.
func (m *Memory) Reopen() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{writing: make(chan struct{}, 1), current: m.current, lease: m.lease}
}

// A state is everything in a store. It is not changed any more once an Update has committed
// it; nor are the values in the maps.
type state struct {
	nextCS     metaverse.CSID
	nextMV     metaverse.MVID
	nextRun    int64
	cs         map[metaverse.CSID]*metaverse.CSObject // without Pending and Link
	pending    map[metaverse.CSID]metaverse.ImportOp
	links      map[metaverse.CSID]metaverse.Link
	seen       map[seenMark]bool
	csValues   map[metaverse.CSID][]metaverse.ValueKey
	csRefs     map[metaverse.CSRef]bool
	mv         map[metaverse.MVID]*metaverse.MVObject
	mvValues   map[metaverse.MVID][]metaverse.ValueKey
	mvRefs     map[metaverse.MVRef]bool
	work       map[metaverse.RefWork]bool
	exports    map[metaverse.CSID]*metaverse.PendingExport
	exportRefs map[metaverse.CSRef]metaverse.ExportRef
	settings   map[string][]byte
	runs       map[int64]metaverse.RunRecord
	errs       map[memErrorKey]metaverse.ObjectError
	configs    []metaverse.Configuration
	spelling   map[string]string // of attributes of references, by folded name
}

type seenMark struct {
	connector string
	id        metaverse.CSID
}

func (s *state) clone() *state {
	return &state{
		s.nextCS, s.nextMV, s.nextRun, copied(s.cs), copied(s.pending), copied(s.links), copied(s.seen), copied(s.csValues),
		copied(s.csRefs), copied(s.mv), copied(s.mvValues), copied(s.mvRefs), copied(s.work), copied(s.exports),
		copied(s.exportRefs), copied(s.settings), copied(s.runs), copied(s.errs), slices.Clone(s.configs), copied(s.spelling),
	}
}

// copied clones a map and makes nil writable.
func copied[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return make(map[K]V)
	}
	return maps.Clone(m)
}

// spell returns the first spelling of an attribute name.
func (s *state) spell(name string) string {
	if first, ok := s.spelling[attr.Fold(name)]; ok {
		return first
	}
	return name
}

func (s *state) learn(name string) string {
	first := s.spell(name)
	s.spelling[attr.Fold(name)] = first
	return first
}

func (s *state) csRef(r metaverse.CSRef) metaverse.CSRef {
	r.Attribute = s.spell(r.Attribute)
	return r
}

func (s *state) mvRef(r metaverse.MVRef) metaverse.MVRef {
	r.Attribute = s.spell(r.Attribute)
	return r
}

func (s *state) refWork(w metaverse.RefWork) metaverse.RefWork {
	w.Attribute = s.spell(w.Attribute)
	return w
}

var _ metaverse.Store = (*Memory)(nil)
