package scheduler

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// A Comparison holds two reports of pending exports against each other: that of a server in
// staging mode and that of the active one, or two of one server.
type Comparison struct {
	Same  int64          `json:"same"`  // objects with the same changes in both
	Kinds []ComparedKind `json:"kinds"` // what differs, by connector, class and operation
	// Objects names what differs, up to a bound; More counts the others.
	Objects []ComparedObject `json:"objects"`
	More    int64            `json:"more,omitempty"`
}

// A ComparedKind counts differences of one sort.
type ComparedKind struct {
	Connector string `json:"connector"`
	Class     string `json:"class"`
	Op        string `json:"op"`
	OnlyA     int64  `json:"onlyA,omitempty"`     // pending in the first report only
	OnlyB     int64  `json:"onlyB,omitempty"`     // pending in the second report only
	Different int64  `json:"different,omitempty"` // pending in both, with other values
}

// A ComparedObject is an object whose pending changes differ.
type ComparedObject struct {
	Connector string `json:"connector"`
	Key       string `json:"key"`
	Class     string `json:"class"`
	A         string `json:"a,omitempty"` // operation in the first report, "" for none
	B         string `json:"b,omitempty"` // operation in the second report, "" for none
}

// maxCompared is the number of objects that a comparison names.
const maxCompared = 1000

// Equal reports whether both reports want the same.
func (c *Comparison) Equal() bool { return len(c.Kinds) == 0 }

// Compare compares two reports object by object. Both servers name the objects of a directory
// alike, so that reports of different stores can be compared.
func Compare(a, b *PendingReport) *Comparison {
	type key struct{ connector, key string }
	c := &Comparison{Kinds: []ComparedKind{}, Objects: []ComparedObject{}}
	kinds := make(map[[3]string]*ComparedKind)
	kind := func(d PendingDigest) *ComparedKind {
		at := [3]string{d.Connector, d.Class, d.Op}
		if kinds[at] == nil {
			kinds[at] = &ComparedKind{Connector: d.Connector, Class: d.Class, Op: d.Op}
		}
		return kinds[at]
	}
	name := func(d PendingDigest, opA, opB string) {
		if len(c.Objects) >= maxCompared {
			c.More++
			return
		}
		c.Objects = append(c.Objects, ComparedObject{d.Connector, d.Key, d.Class, opA, opB})
	}
	rest := make(map[key]PendingDigest, len(b.Objects))
	for _, d := range b.Objects {
		rest[key{d.Connector, d.Key}] = d
	}
	for _, d := range a.Objects {
		other, ok := rest[key{d.Connector, d.Key}]
		delete(rest, key{d.Connector, d.Key})
		switch {
		case !ok:
			kind(d).OnlyA++
			name(d, d.Op, "")
		case other.Op == d.Op && other.Digest == d.Digest:
			c.Same++
		default:
			kind(d).Different++
			name(d, d.Op, other.Op)
		}
	}
	for _, d := range b.Objects { // in their order
		if _, left := rest[key{d.Connector, d.Key}]; left {
			kind(d).OnlyB++
			name(d, "", d.Op)
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(kinds), func(x, y [3]string) int {
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]), cmp.Compare(x[2], y[2]))
	}) {
		c.Kinds = append(c.Kinds, *kinds[at])
	}
	return c
}

// WriteText writes the comparison for people.
func (c *Comparison) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d objects have the same changes pending in both reports\n", c.Same)
	for _, k := range c.Kinds {
		fmt.Fprintf(&b, "%s: %s %s: %d in the first only, %d in the second only, %d with other values\n",
			k.Connector, k.Op, k.Class, k.OnlyA, k.OnlyB, k.Different)
	}
	for _, o := range c.Objects {
		fmt.Fprintf(&b, "  %s %s: %s / %s\n", o.Class, o.Key, cmp.Or(o.A, "-"), cmp.Or(o.B, "-"))
	}
	if c.More > 0 {
		fmt.Fprintf(&b, "  and %d more\n", c.More)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
