package ad

import (
	"github.com/hybridsync/hybridsync/connector"
)

// A holding keeps back what a delta import of several domains must not send before the
// last of them was asked: deletions, since the object may have moved to another domain,
// and updates that remove references, whose targets another domain may have renamed.
type holding struct {
	late []connector.Item
	gone []connector.Anchor
	kept map[connector.Anchor]struct{}
	// whole are the objects that were sent whole, by domain. What another domain tells of
	// them is older: it has not heard yet that they moved.
	whole  map[connector.Anchor]int
	domain int // that is being asked
}

func newHolding() *holding {
	return &holding{kept: map[connector.Anchor]struct{}{}, whole: map[connector.Anchor]int{}}
}

// keep holds a deletion.
func (h *holding) keep(anchor connector.Anchor) {
	if _, twice := h.kept[anchor]; !twice {
		h.kept[anchor] = struct{}{}
		h.gone = append(h.gone, anchor)
	}
}

// passes reports whether an item is to be sent.
func (h *holding) passes(item connector.Item) bool {
	if item.Object == nil {
		return true
	}
	by, whole := h.whole[item.Object.Anchor]
	if item.Kind == connector.ItemObject && item.Err == nil {
		h.whole[item.Object.Anchor] = h.domain
	}
	return item.Kind != connector.ItemUpdate || !whole || by == h.domain
}
