package sqlstore

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// A pgQueue holds the writes of a transaction that the server does not know of yet. Writing a
// row costs a round trip otherwise, which is many times what the server takes for it. Writes with
// the same statement are put together where no other one could tell the difference; all are sent
// at once, in order, before the first statement that reads what they change.
type pgQueue struct {
	entries []*pgEntry
	last    map[pgKey]int  // newest entry with a statement
	touched map[string]int // newest entry that reads or writes a table
	written map[string]int // newest entry that writes a table
	size    int            // octets and rows, roughly
}

// A pgEntry is one statement to be run.
type pgEntry struct {
	*pgStatement
	rows  [][]any // of a statement with columns, or nil
	args  []any   // of a statement without
	index map[string]int
}

// maxQueue bounds the memory for what waits, in octets.
const maxQueue = 4 << 20

func (q *pgQueue) reset() { *q = pgQueue{} }

// dirty reports whether a write waits that changes one of the tables.
func (q *pgQueue) dirty(tables []string) bool {
	return slices.ContainsFunc(tables, func(t string) bool { _, ok := q.written[t]; return ok })
}

// entry returns the entry that takes another row of the statement: the newest one with it, if
// everything queued since then has nothing to do with its tables.
func (q *pgQueue) entry(key pgKey, s *pgStatement) (_ *pgEntry, fresh bool) {
	if i, ok := q.last[key]; ok {
		free := q.touched[s.writes] <= i
		for _, t := range s.reads {
			free = free && q.written[t] <= i
		}
		if free {
			return q.entries[i], false
		}
	}
	if q.last == nil {
		q.last, q.touched, q.written = make(map[pgKey]int), make(map[string]int), make(map[string]int)
	}
	i := len(q.entries)
	e := &pgEntry{pgStatement: s}
	q.entries = append(q.entries, e)
	q.last[key] = i
	q.touched[s.writes], q.written[s.writes] = i, i
	for _, t := range s.reads {
		q.touched[t] = i
	}
	return e, true
}

// put queues n rows of a statement with columns, or one call of one without.
func (q *pgQueue) put(key pgKey, s *pgStatement, n int, args []any) {
	if s.width == 0 {
		q.call(key, s, args)
		return
	}
	e, fresh := q.entry(key, s)
	if fresh && s.keys != nil {
		e.index = make(map[string]int)
	}
	for i := range n {
		row := make([]any, s.width)
		for j := range row {
			row[j] = kept(args[i*s.width+j])
			q.size += sizeOf(row[j])
		}
		if s.keys != nil {
			k := rowKey(row, s.keys)
			if at, ok := e.index[k]; ok {
				e.rows[at] = row
				continue
			}
			e.index[k] = len(e.rows)
		}
		e.rows = append(e.rows, row)
	}
}

// call queues a statement without columns. Lists of ids grow where nothing else differs.
func (q *pgQueue) call(key pgKey, s *pgStatement, args []any) {
	e, fresh := q.entry(key, s)
	if !fresh && !e.extend(args) {
		delete(q.last, key)
		e, fresh = q.entry(key, s)
	}
	if fresh {
		e.args = make([]any, len(args))
		for i, a := range args {
			e.args[i] = kept(a)
		}
	}
	for _, a := range args {
		q.size += sizeOf(a)
	}
}

// extend adds the ids of the one list among the arguments to those of the entry.
func (e *pgEntry) extend(args []any) bool {
	at := -1
	for i, a := range args {
		switch a := a.(type) {
		case list:
			if at >= 0 {
				return false
			}
			at = i
		case []byte:
			if have, ok := e.args[i].([]byte); !ok || !bytes.Equal(a, have) {
				return false
			}
		default:
			if a != e.args[i] {
				return false
			}
		}
	}
	if at < 0 {
		return false
	}
	e.args[at] = append(e.args[at].(list), args[at].(list)...)
	return true
}

// kept returns an argument that stays as it is: records are made in buffers that are used again.
func kept(arg any) any {
	switch a := arg.(type) {
	case []byte:
		return bytes.Clone(a)
	case list:
		return slices.Clone(a)
	}
	return arg
}

func sizeOf(arg any) int {
	switch a := arg.(type) {
	case []byte:
		return len(a) + 24
	case string:
		return len(a) + 16
	case list:
		return 8 * len(a)
	}
	return 16
}

func rowKey(row []any, keys []int) string {
	var b []byte
	for _, k := range keys {
		switch v := row[k].(type) {
		case int64:
			b = binary.BigEndian.AppendUint64(b, uint64(v))
		case string:
			b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
		case []byte:
			b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
		}
	}
	return string(b)
}

// params are the arguments of the entry as the driver takes them.
func (e *pgEntry) params() []any {
	if e.width == 0 {
		return pgParams(e.args, true)
	}
	return pgColumns(e.kinds, e.width, len(e.rows), func(i, j int) any { return e.rows[i][j] })
}

// pgParams turns single arguments into those of the driver. Lists that name rows to write name
// each once.
func pgParams(args []any, distinct bool) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case list:
			if distinct {
				a = a.distinct()
			}
			out[i] = []int64(a)
		case string:
			out[i] = pgString(a)
		default:
			out[i] = a
		}
	}
	return out
}

// pgColumns turns rows of arguments into an array for each column.
func pgColumns(kinds string, width, n int, at func(i, j int) any) []any {
	out := make([]any, width)
	for j := range width {
		switch kinds[j] {
		case pgInt:
			column := make([]int64, n)
			for i := range column {
				column[i] = at(i, j).(int64)
			}
			out[j] = column
		case pgText:
			column := make([]string, n)
			for i := range column {
				column[i] = pgString(at(i, j).(string))
			}
			out[j] = column
		default:
			column := make([][]byte, n)
			for i := range column {
				column[i], _ = at(i, j).([]byte) // nil for NULL
			}
			out[j] = column
		}
	}
	return out
}
