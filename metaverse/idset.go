package metaverse

// An idSet is a set of ids. Ids are handed out one after the other, so that a bit for each of a
// whole connector space takes an eighth of an octet times a million.
type idSet map[CSID]*[idChunk / 64]uint64

// idChunk is how many neighbours share an entry of the map.
const idChunk = 4096

func (s idSet) add(id CSID) {
	chunk := s[id/idChunk]
	if chunk == nil {
		chunk = new([idChunk / 64]uint64)
		s[id/idChunk] = chunk
	}
	chunk[id%idChunk/64] |= 1 << (id % 64)
}

func (s idSet) has(id CSID) bool {
	chunk := s[id/idChunk]
	return chunk != nil && chunk[id%idChunk/64]&(1<<(id%64)) != 0
}
