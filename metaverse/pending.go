package metaverse

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A PendingObject is what waits to be exported for one object. It holds attribute values of
// people.
type PendingObject struct {
	Connector string `json:"connector"`
	// Key names the object in a way that is the same in every store: its anchor, or for an
	// object that its directory does not have yet, the DN that it shall have.
	Key        string    `json:"key"`
	DN         string    `json:"dn,omitempty"`
	Class      string    `json:"class"`
	Op         string    `json:"op"`
	NewDN      string    `json:"newDN,omitempty"`
	Attributes []ModView `json:"attributes,omitempty"`
	// References counts single values of reference attributes, in order of their names.
	References []PendingReferences `json:"references,omitempty"`
	// Digest is the same for the same changes of the same object, every value and every
	// reference taken into account.
	Digest string `json:"digest"`
}

// PendingReferences counts the pending values of one reference attribute.
type PendingReferences struct {
	Attribute string `json:"attribute"`
	Adds      int64  `json:"adds,omitempty"`
	Deletes   int64  `json:"deletes,omitempty"`
}

// errEnough ends a View whose caller wants no more.
var errEnough = errors.New("enough")

// PendingExports yields what waits to be exported to a connector, in the order of the store,
// from one consistent picture of it. An error is the last pair. The store must not be changed
// by the caller within the loop.
func PendingExports(ctx context.Context, s Store, name string) iter.Seq2[*PendingObject, error] {
	return func(yield func(*PendingObject, error) bool) {
		err := s.View(ctx, func(rd Reader) error {
			v := &namer{rd: rd, cs: make(map[CSID]string)}
			for after := CSID(0); ; {
				if err := context.Cause(ctx); err != nil {
					return err
				}
				page, err := rd.ScanPendingExports(name, after, searchChunk)
				if err != nil || len(page) == 0 {
					return err
				}
				after = page[len(page)-1].CS
				if err := v.pendingPage(page, yield); err != nil {
					return err
				}
				clear(v.cs) // names are few in a page, and many in a store
			}
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

func (v *namer) pendingPage(page []*PendingExport, yield func(*PendingObject, error) bool) error {
	ids := make([]CSID, len(page))
	for i, p := range page {
		ids[i] = p.CS
	}
	objects, err := v.rd.CS(ids)
	if err != nil {
		return err
	}
	for i, p := range page {
		if p.Op == 0 || objects[i] == nil { // all is sent and waits to be confirmed
			continue
		}
		out, err := v.pending(objects[i], p)
		if err != nil {
			return err
		}
		if !yield(out, nil) {
			return errEnough
		}
	}
	return nil
}

func (v *namer) pending(o *CSObject, p *PendingExport) (*PendingObject, error) {
	out := &PendingObject{Connector: o.Connector, Key: keyText(o), DN: o.DN, Class: o.Class, Op: p.Op.String(), NewDN: p.NewDN}
	state, err := v.exportState(o, p, nil)
	if err != nil {
		return nil, err
	}
	out.Attributes = state.Attributes
	slices.SortFunc(out.Attributes, func(a, b ModView) int { return attr.CompareNames(a.Attribute, b.Attribute) })
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q", out.Op, attr.Fold(out.Class), out.NewDN)
	for _, m := range out.Attributes {
		fmt.Fprintf(h, "%q %t %q %q", attr.Fold(m.Attribute), m.Replace, slices.Sorted(slices.Values(m.Adds)), slices.Sorted(slices.Values(m.Deletes)))
	}
	if p.References {
		sum, err := v.pendingReferences(p.CS, out)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(h, "%x", sum)
	}
	out.Digest = hex.EncodeToString(h.Sum(nil)[:16])
	return out, nil
}

// pendingReferences counts references and sums up their hashes, so that their order, which
// differs from store to store, does not matter.
func (v *namer) pendingReferences(id CSID, out *PendingObject) (sum [4]uint64, err error) {
	counts := make(map[string]*PendingReferences)
	for last := (ExportRef{}); ; {
		page, err := v.rd.ExportRefs(id, false, last, searchChunk)
		if err != nil {
			return sum, err
		}
		if len(page) == 0 {
			break
		}
		last = page[len(page)-1]
		targets := make([]CSID, len(page))
		for i, r := range page {
			targets[i] = r.Target
		}
		found, err := v.rd.CSHeads(targets)
		if err != nil {
			return sum, err
		}
		for i, r := range page {
			n := counts[r.Attribute]
			if n == nil {
				n = &PendingReferences{Attribute: r.Attribute}
				counts[r.Attribute] = n
			}
			if r.Delete {
				n.Deletes++
			} else {
				n.Adds++
			}
			one := sha256.Sum256(fmt.Appendf(nil, "%q %t %q", attr.Fold(r.Attribute), r.Delete, keyText(found[i])))
			for k := range sum {
				sum[k] += binary.BigEndian.Uint64(one[8*k:])
			}
		}
	}
	for _, n := range counts {
		out.References = append(out.References, *n)
	}
	slices.SortFunc(out.References, func(a, b PendingReferences) int { return cmp.Compare(a.Attribute, b.Attribute) })
	return sum, nil
}

// keyText names an object in the same way in every store.
func keyText(o *CSObject) string {
	switch {
	case o == nil:
		return ""
	case !o.Anchor.IsZero():
		return o.Anchor.Text()
	default:
		return o.DN
	}
}
