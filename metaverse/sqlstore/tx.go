package sqlstore

import (
	"fmt"

	"github.com/hybridsync/hybridsync/metaverse"
)

// A tx is metaverse.Tx on the writing connection.
type tx struct {
	reader
	enc, enc2 encoder              // two, as some rows have two records
	ownDict   bool                 // dict is a copy of our own
	sequences map[string]*sequence // those used so far; written at the end
}

// A sequence hands out ids. The transaction holds the store for writing, so that counting
// in memory is enough until it ends.
type sequence struct {
	next    int64
	changed bool
}

func (t *tx) sequence(name string) (*sequence, error) {
	if s := t.sequences[name]; s != nil {
		return s, t.ready()
	}
	next, err := t.queryInt(sqlGetSequence, name)
	if err != nil {
		return nil, err
	}
	s := &sequence{next: next}
	t.sequences[name] = s
	return s, nil
}

func (t *tx) reserve(name string, n int) (int64, error) {
	if n < 0 {
		return 0, fmt.Errorf("sqlstore: cannot reserve %d ids", n)
	}
	s, err := t.sequence(name)
	if err != nil {
		return 0, err
	}
	first := s.next
	s.next += int64(n)
	s.changed = s.changed || n > 0
	return first, nil
}

// reserved checks that an id was handed out.
func (t *tx) reserved(name string, id int64) error {
	s, err := t.sequence(name)
	if err != nil {
		return err
	}
	if id <= 0 || id >= s.next {
		return t.fail(fmt.Errorf("sqlstore: %s id %d was never reserved", name, id))
	}
	return nil
}

// finish writes what was kept in memory.
func (t *tx) finish() error {
	for _, name := range [...]string{sequenceCS, sequenceMV, sequenceRun} {
		s := t.sequences[name]
		if s == nil || !s.changed {
			continue
		}
		if err := t.write(sqlPutSequence, s.next, name); err != nil {
			return err
		}
	}
	return t.ready()
}

const (
	sequenceCS  = "cs"
	sequenceMV  = "mv"
	sequenceRun = "run"
)

func (t *tx) NewCS(n int) (metaverse.CSID, error) {
	id, err := t.reserve(sequenceCS, n)
	return metaverse.CSID(id), err
}

func (t *tx) NewMV(n int) (metaverse.MVID, error) {
	id, err := t.reserve(sequenceMV, n)
	return metaverse.MVID(id), err
}

// execAll runs statements that take one and the same argument.
func (t *tx) execAll(arg any, statements ...string) error {
	for _, q := range statements {
		if err := t.write(q, arg); err != nil {
			return err
		}
	}
	return nil
}

var _ metaverse.Tx = (*tx)(nil)
