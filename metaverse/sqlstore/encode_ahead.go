package sqlstore

import (
	"errors"
	"runtime"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// Encoding and packing take as much time as a quarter of what the database does with a
// record. Where many are written they are made on a goroutine of their own, while the ones before
// are written.
const (
	aheadFrom  = 64 // records, at least
	aheadChunk = 32 // records that change hands together
	aheadMost  = 4  // chunks that wait
)

// A recordChunk is a number of records in order, the last of them failed where err is set.
type recordChunk struct {
	records [][]byte
	room    []byte
	err     error
}

// encodeEach makes n records and calls write for each, in order, with one that is valid until it
// returns. Names that records need must have numbers already, see internNames.
func (t *tx) encodeEach(n int, encode func(e *encoder, i int) ([]byte, error), write func(i int, record []byte) error) error {
	if n < aheadFrom || runtime.GOMAXPROCS(0) == 1 {
		for i := range n {
			record, err := encode(&t.enc, i)
			if err != nil {
				return t.fail(err)
			}
			if err := write(i, record); err != nil {
				return err
			}
		}
		return nil
	}
	ready, free, stop := make(chan *recordChunk, aheadMost), make(chan *recordChunk, aheadMost), make(chan struct{})
	go func() {
		defer close(ready)
		encodeChunks(&encoder{t: t, fixed: t.dict}, n, encode, ready, free, stop)
	}()
	defer func() {
		close(stop)
		for range ready { // until the goroutine has ended: what it reads is the caller's
		}
	}()
	i := 0
	for chunk := range ready {
		for _, record := range chunk.records {
			if err := write(i, record); err != nil {
				return err
			}
			i++
		}
		if chunk.err != nil {
			return t.fail(chunk.err)
		}
		select {
		case free <- chunk:
		default:
		}
	}
	return nil
}

// encodeChunks sends n records, in chunks that come back through free where they can.
func encodeChunks(e *encoder, n int, encode func(e *encoder, i int) ([]byte, error), ready chan<- *recordChunk, free <-chan *recordChunk, stop <-chan struct{}) {
	for i := 0; i < n; {
		var chunk *recordChunk
		select {
		case chunk = <-free:
		default:
			chunk = new(recordChunk)
		}
		chunk.records, chunk.room = chunk.records[:0], chunk.room[:0]
		for end := min(i+aheadChunk, n); i < end && chunk.err == nil; i++ {
			var record []byte
			if record, chunk.err = encode(e, i); chunk.err == nil {
				at := len(chunk.room)
				chunk.room = append(chunk.room, record...)
				chunk.records = append(chunk.records, chunk.room[at:len(chunk.room):len(chunk.room)])
			}
		}
		select {
		case ready <- chunk:
		case <-stop:
			return
		}
		if chunk.err != nil {
			return
		}
	}
}

var errUnnamed = errors.New("a name has no number yet")

// internNames gives numbers to the names of all attributes of n records, of which each tells those of
// one.
func (t *tx) internNames(n int, each func(i int, note func(name string))) error {
	var before []string // most records have the names of the one before
	var err error
	at := 0
	note := func(name string) {
		if at == len(before) {
			before = append(before, "")
		}
		if before[at] != name && name != "" && err == nil {
			_, err = t.intern(nameAttribute, name)
			before[at] = name
		}
		at++
	}
	for i := 0; i < n && err == nil; i++ {
		at = 0
		each(i, note)
	}
	return err
}

// internSets is internNames for the attributes of objects.
func (t *tx) internSets(n int, set func(i int) *attr.Set) error {
	return t.internNames(n, func(i int, note func(string)) {
		for name := range set(i).Names() {
			note(name)
		}
	})
}

// A records is room for records that are made before others are made ahead of them.
type records struct{ room []byte }

// keep returns a copy of a record, which is one of n of much the same size.
func (r *records) keep(record []byte, n int) []byte {
	if r.room == nil {
		r.room = make([]byte, 0, n*(len(record)+len(record)/8))
	}
	at := len(r.room)
	r.room = append(r.room, record...)
	return r.room[at:len(r.room):len(r.room)]
}
