package metaverse

import "hash/maphash"

// known tells which objects a connector space certainly does not have, so that an import into
// an empty one need not ask the store for each object and for each that it refers to. It knows
// everything that the import has staged, and is of no use any more once anybody else has written.
//
// It is a Bloom filter of a fixed size: of an object that is not there it may say that it could be,
// and then the store is asked. Nil says that of all.
type known struct {
	seed    maphash.Seed
	blocks  []knownBlock
	changes int64 // transactions that are counted before the next one, if nobody else writes
}

// A knownBlock has all the bits of a key. It is as large as a line of the processor's cache.
type knownBlock [8]uint64

const (
	// blockBits is the logarithm of the number of blocks. One in forty objects is asked for
	// without need when there are a million.
	blockBits   = 15
	knownBlocks = 1 << blockBits
	knownBits   = 4 // of each key
)

// Keys of several sorts are in one filter.
const (
	knownAnchor = 'a'
	knownDN     = 'd'
)

// look finds out, in the first transaction of a full import, whether the connector space is empty,
// and in later ones whether what is known of it still holds.
func (in *intake) look(tx Tx) error {
	if !in.full {
		return nil
	}
	if !in.looked {
		in.fresh, in.known = false, nil
		first, err := tx.ScanCS(in.r.t.name, 0, 1)
		if err != nil {
			return err
		}
		if len(first) == 0 {
			in.fresh = true
			in.known = &known{seed: maphash.MakeSeed(), blocks: make([]knownBlock, knownBlocks), changes: in.r.changes}
		}
	}
	if in.known != nil && in.known.changes != in.r.changes {
		in.known = nil
	}
	return nil
}

// learn takes in what a transaction has staged, after its end.
func (k *known) learn(done *staging) {
	if k == nil {
		return
	}
	for _, cs := range done.order {
		if !cs.Anchor.IsZero() {
			k.add(knownAnchor, cs.Anchor.Raw())
		}
		k.add(knownDN, cs.DNKey)
	}
	k.changes++
}

func (k *known) hash(sort byte, key string) uint64 {
	var h maphash.Hash
	h.SetSeed(k.seed)
	_ = h.WriteByte(sort)
	_, _ = h.WriteString(key)
	return h.Sum64()
}

func (k *known) add(sort byte, key string) {
	sum := k.hash(sort, key)
	b := &k.blocks[sum%knownBlocks]
	sum >>= blockBits
	for range knownBits {
		b[sum>>6&7] |= 1 << (sum & 63)
		sum >>= 9
	}
}

// may reports whether the store may have an object under the key.
func (k *known) may(sort byte, key string) bool {
	if k == nil {
		return true
	}
	sum := k.hash(sort, key)
	b := &k.blocks[sum%knownBlocks]
	sum >>= blockBits
	for range knownBits {
		if b[sum>>6&7]&(1<<(sum&63)) == 0 {
			return false
		}
		sum >>= 9
	}
	return true
}
