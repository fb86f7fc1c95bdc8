package memdir

import (
	"context"
	"iter"

	"github.com/hybridsync/hybridsync/connector"
)

// ReadObjects implements [connector.ObjectReader]. An object of a class that the session
// does not import is reported as one that does not exist.
func (c objectReader) ReadObjects(ctx context.Context, keys []connector.Key) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		err := c.usable(ctx)
		if err == nil {
			err = c.d.faults.get().Read
		}
		if err != nil {
			yield(connector.Item{}, c.d.failure("read", err))
			return
		}
		for _, k := range keys {
			if ctx.Err() != nil {
				yield(connector.Item{}, c.d.failure("read", context.Cause(ctx)))
				return
			}
			if !yield(c.read(k), nil) {
				return
			}
		}
	}
}

func (c *core) read(k connector.Key) connector.Item {
	d := c.d
	d.mu.RLock()
	e := d.lookup(k)
	if e == nil || !c.inScope(e.class) {
		d.mu.RUnlock()
		return connector.Item{Kind: connector.ItemDelete, Object: &connector.Object{Anchor: k.Anchor, DN: k.DN}}
	}
	it := connector.Item{Kind: connector.ItemObject, Object: d.show(e, c.shows)}
	d.mu.RUnlock()
	if f := d.faults.get(); f.Item != nil {
		it.Err = f.Item(it.Object.Key())
	}
	return it
}
