package adtest

import (
	"encoding/binary"
	"math/rand/v2"
	"sort"
	"time"
)

// A writeUSN stamps what one update changes. Every object that an update touches gets a
// sequence number of its own, as in AD.
type writeUSN struct {
	d   *directory
	now time.Time
}

func (d *directory) begin() *writeUSN {
	return &writeUSN{d: d, now: d.clock().UTC().Truncate(time.Second)}
}

// touch gives the object the next sequence number and returns it.
func (w *writeUSN) touch(e *entry) int64 {
	w.d.usn++
	e.usnChanged, e.changed = w.d.usn, w.now
	p := e.nc
	p.log = append(p.log, logItem{e.usnChanged, e})
	if len(p.log) > 64+2*len(p.entries) {
		p.compact()
	}
	return e.usnChanged
}

// A logItem says that an object changed. Only an object's latest item counts.
type logItem struct {
	usn int64
	e   *entry
}

func (i logItem) stale() bool { return i.e.purged || i.e.usnChanged != i.usn }

// compact drops the stale items.
func (p *partition) compact() {
	kept := p.log[:0]
	for _, i := range p.log {
		if !i.stale() {
			kept = append(kept, i)
		}
	}
	clear(p.log[len(kept):])
	p.log = kept
}

// since returns the changes after a sequence number, in order, stale ones included.
func (p *partition) since(usn int64) []logItem {
	return p.log[sort.Search(len(p.log), func(i int) bool { return p.log[i].usn > usn }):]
}

// A guidSource makes up GUIDs, the same ones for the same seed.
type guidSource struct{ rng *rand.ChaCha8 }

func (g guidSource) next() GUID {
	var out GUID
	binary.LittleEndian.PutUint64(out[:8], g.rng.Uint64())
	binary.LittleEndian.PutUint64(out[8:], g.rng.Uint64())
	out[7] = out[7]&0x0f | 0x40 // version 4
	out[8] = out[8]&0x3f | 0x80
	return out
}

// generalized writes a time as AD does.
func generalized(t time.Time) string { return t.UTC().Format("20060102150405") + ".0Z" }

// filetime counts 100 ns since 1601.
func filetime(t time.Time) int64 { return t.UnixNano()/100 + 116444736000000000 }
