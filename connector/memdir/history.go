package memdir

import (
	"cmp"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// history is the list of changes of a directory, oldest first. The position of a change is
// its sequence number; the first change has number 1.
type history struct {
	limit  int // of events kept; negative means all
	events []event
	before uint64 // number of events that were forgotten
}

// An eventKind says how an event changed an object.
type eventKind uint8

const (
	created eventKind = iota
	modified
	renamed
	deleted
)

// An event is one change of one object. It names what was touched, not what it became: the
// present state tells that.
type event struct {
	kind    eventKind
	anchor  connector.Anchor
	dn      string // deleted: the last one
	class   string // created, deleted: the object's; modified: the one before, if it changed
	touched []touch
}

// A touch is one attribute with the values, in inner form, that came or went.
type touch struct {
	name   string
	values []attr.Value
}

// head is the sequence number of the newest event.
func (h *history) head() uint64 { return h.before + uint64(len(h.events)) }

// covers reports whether all events after the sequence number are still known.
func (h *history) covers(seq uint64) bool { return h.before <= seq && seq <= h.head() }

func (h *history) add(e event) {
	h.events = append(h.events, e)
	if h.limit < 0 {
		return
	}
	// Forgetting in lumps keeps adding cheap; covers goes by the exact number.
	if over := len(h.events) - h.limit; over > 0 {
		h.before += uint64(over)
		clear(h.events[:over])
		h.events = h.events[over:]
	}
}

// A change is what happened to one object between two positions of the history.
type change struct {
	anchor  connector.Anchor
	classes []string // those that are known, from first to last
	lastDN  string   // of a deleted object
	created bool
	deleted bool
	renamed bool
	shape   uint64 // sequence number of the last creation, renaming or deletion
	first   uint64
	touched []touched
}

// touched collects the values of one attribute that came or went, each once, in order.
type touched struct {
	name   string
	values []attr.Value
	seen   map[attr.Value]struct{}
}

// rank orders the changes of a delta import: what makes DNs free and puts objects where
// they are comes first, then new objects, then modifications, whose references can then be
// told by the DNs that their targets now have.
func (c *change) rank() int {
	switch {
	case c.deleted, c.renamed && !c.created:
		return 0
	case c.created:
		return 1
	default:
		return 2
	}
}

// A changeList is what a delta import reports, in that order.
type changeList struct {
	list     []*change
	byAnchor map[connector.Anchor]*change
}

// between returns the changes after one sequence number up to another, in the order in which
// a delta import reports them. The same two numbers give the same order as long as the
// history covers them.
func (h *history) between(after, upTo uint64) changeList {
	byAnchor := make(map[connector.Anchor]*change)
	var all []*change
	for seq := after + 1; seq <= upTo; seq++ {
		e := &h.events[seq-h.before-1]
		c := byAnchor[e.anchor]
		if c == nil {
			c = &change{anchor: e.anchor, first: seq}
			byAnchor[e.anchor] = c
			all = append(all, c)
		}
		c.add(e, seq)
	}
	slices.SortStableFunc(all, func(a, b *change) int {
		if c := cmp.Compare(a.rank(), b.rank()); c != 0 {
			return c
		}
		if a.rank() == 2 {
			return cmp.Compare(a.first, b.first)
		}
		return cmp.Compare(a.shape, b.shape)
	})
	return changeList{all, byAnchor}
}

func (c *change) add(e *event, seq uint64) {
	if e.class != "" && !slices.Contains(c.classes, e.class) {
		c.classes = append(c.classes, e.class)
	}
	switch e.kind {
	case created:
		// An anchor can come back: put again after it was deleted.
		c.created, c.deleted, c.shape = true, false, seq
	case renamed:
		c.renamed, c.shape = true, seq
	case deleted:
		c.deleted, c.created, c.lastDN, c.shape = true, false, e.dn, seq
	case modified:
		if e.class != "" {
			c.created, c.shape = true, seq // another class: shown as a whole
		}
		for _, t := range e.touched {
			c.touch(t)
		}
	}
}

func (c *change) touch(t touch) {
	i := slices.IndexFunc(c.touched, func(o touched) bool { return attr.EqualName(o.name, t.name) })
	if i < 0 {
		i = len(c.touched)
		c.touched = append(c.touched, touched{name: t.name, seen: make(map[attr.Value]struct{})})
	}
	for _, v := range t.values {
		if _, ok := c.touched[i].seen[v]; !ok {
			c.touched[i].seen[v] = struct{}{}
			c.touched[i].values = append(c.touched[i].values, v)
		}
	}
}
