package metaverse

import (
	"context"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
)

// troubled are the objects that imports could not stage. They stay on record until the end of
// an import that got them, so that an import that dies forgets none of them.
type troubled struct {
	keys   []connector.Key        // those on record when the import began
	healed map[connector.Key]bool // those that this import has staged, or found gone
}

// note compares what came with what is on record.
func (t *troubled) note(items []connector.Item, failed []ObjectError) {
	if len(t.keys) == 0 {
		return
	}
	anchors, dns := make(map[connector.Anchor]bool), make(map[string]bool)
	for i := range items {
		if o := items[i].Object; o != nil && items[i].Err == nil {
			anchors[o.Anchor], dns[o.DN] = true, true
		}
	}
	for _, k := range t.keys {
		if !k.Anchor.IsZero() && anchors[k.Anchor] || k.Anchor.IsZero() && dns[k.DN] {
			t.healed[k] = true
		}
	}
	for i := range failed {
		delete(t.healed, failed[i].Object)
	}
}

// loadTroubled reads what is on record. Errors of unknown objects come whole and first.
func (in *intake) loadTroubled(ctx context.Context) error {
	return in.r.e.store.View(ctx, func(rd Reader) error {
		errs, err := rd.ObjectErrors(in.r.t.name, -1, 1)
		in.troubled.keys = nil
		for i := range errs {
			if errs[i].CS == 0 && errs[i].Step == stepImport {
				in.troubled.keys = append(in.troubled.keys, errs[i].Object)
			}
		}
		return err
	})
}

// retryTroubled reads again what earlier imports could not stage.
func (in *intake) retryTroubled(ctx context.Context) error {
	if _, ok := connector.As[connector.ObjectReader](in.session); !ok {
		return nil
	}
	var keys []connector.Key
	for _, k := range in.troubled.keys {
		if !k.IsZero() {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return in.readWhole(ctx, keys)
}

// noteRenamed finds out who got another DN while she was on record: what refers to her by the former
// one refers to a placeholder, which she will not take.
func (in *intake) noteRenamed(ctx context.Context) error {
	var dns []string
	for _, k := range in.troubled.keys {
		if in.troubled.healed[k] && k.DN != "" && !k.Anchor.IsZero() {
			dns = append(dns, dnKey(in.r.t.caps, k.DN))
		}
	}
	for chunk := range slices.Chunk(dns, in.r.e.opts.Batch) {
		err := in.r.e.store.View(ctx, func(rd Reader) error {
			ids, err := rd.CSByDN(in.r.t.name, chunk)
			if err != nil {
				return err
			}
			heads, err := rd.CSHeads(ids)
			for _, o := range heads {
				if o != nil && o.State == Placeholder {
					in.moved.displace(o.ID)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetTroubled takes off the record what this import has staged; a full import without
// trouble, everything.
func (in *intake) forgetTroubled(tx Tx) error {
	if in.full && !in.nameless {
		in.troubled.healed[connector.Key{}] = true // what had no key in earlier imports was shown again
	}
	all := in.full && in.failures == 0
	if len(in.troubled.keys) == 0 || !all && len(in.troubled.healed) == 0 {
		return nil
	}
	errs, err := tx.ObjectErrors(in.r.t.name, -1, 1)
	if err != nil {
		return err
	}
	var keep []ObjectError
	for i := range errs {
		if e := &errs[i]; e.CS == 0 && e.Step == stepImport && !all && !in.troubled.healed[e.Object] {
			keep = append(keep, *e)
		}
	}
	if err := tx.ClearUnknownErrors(in.r.t.name, stepImport); err != nil {
		return err
	}
	return tx.PutObjectErrors(keep)
}
