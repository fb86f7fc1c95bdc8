package rules

import "github.com/hybridsync/hybridsync/connector/attr"

// A table gives attribute names consecutive numbers, slots, without regard to case. Finding
// a name costs one hash and no allocation, which is why it is not a map of folded names.
type table struct {
	names []string // by slot, as first spelled
	index []uint16 // open addressing: slot + 1, 0 is free
}

// add returns the slot of the name, a new one where needed.
func (t *table) add(name string) int {
	if slot, ok := t.find(name); ok {
		return slot
	}
	t.names = append(t.names, name)
	if 2*len(t.names) > len(t.index) {
		size := 16
		for size < 4*len(t.names) {
			size *= 2
		}
		t.index = make([]uint16, size)
		for slot := range t.names {
			t.put(slot)
		}
	} else {
		t.put(len(t.names) - 1)
	}
	return len(t.names) - 1
}

func (t *table) put(slot int) {
	mask := uint32(len(t.index) - 1)
	for i := hashName(t.names[slot]) & mask; ; i = (i + 1) & mask {
		if t.index[i] == 0 {
			t.index[i] = uint16(slot + 1)
			return
		}
	}
}

func (t *table) find(name string) (slot int, ok bool) {
	if len(t.index) == 0 {
		return 0, false
	}
	mask := uint32(len(t.index) - 1)
	for i := hashName(name) & mask; t.index[i] != 0; i = (i + 1) & mask {
		if slot := int(t.index[i] - 1); attr.EqualName(t.names[slot], name) {
			return slot, true
		}
	}
	return 0, false
}

// hashName is FNV-1a over the name with ASCII case folded.
func hashName(name string) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(name); i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint32(c)) * 16777619
	}
	return h ^ h>>15
}
