package metaverse

import (
	"context"
	"iter"
	"sync"

	"github.com/hybridsync/hybridsync/connector"
)

// stream lets a connector read and decode on a goroutine of its own while what came before is
// staged. It hands on exactly what the connector sends, in that order, and never holds more of
// it than one batch has. When the loop ends early the connector's context ends with it; the
// goroutine is gone when stream returns.
func (in *intake) stream(ctx context.Context, read func(context.Context) iter.Seq2[connector.Item, error]) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		q := &itemQueue{most: in.r.e.opts.Batch}
		q.changed.L = &q.mu
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer q.end()
			in.fill(q, read(ctx))
		}()
		defer func() {
			if !q.stop() {
				cancel() // there is more, and nobody wants it
			}
			<-done
			cancel()
		}()
		for {
			list := q.take()
			if len(list) == 0 {
				return
			}
			for _, d := range list {
				if !yield(d.item, d.err) {
					return
				}
			}
		}
	}
}

// fill reads until the end of the import. The session is in use but while an item is handed
// over.
func (in *intake) fill(q *itemQueue, items iter.Seq2[connector.Item, error]) {
	in.reading.Lock()
	defer in.reading.Unlock()
	for item, err := range items {
		in.reading.Unlock()
		more := q.put(delivery{item, err})
		in.reading.Lock()
		if !more {
			return
		}
	}
}

// A delivery is what a connector yields.
type delivery struct {
	item connector.Item
	err  error
}

// last reports whether nothing of an import counts after it.
func (d *delivery) last() bool { return d.err != nil || d.item.Kind == connector.ItemComplete }

// An itemQueue is what was read and not taken yet. It takes one more item than fits, so that it
// takes an object of any size.
type itemQueue struct {
	most int // items

	mu      sync.Mutex
	changed sync.Cond
	list    []delivery
	values  int  // in list
	ended   bool // nothing more will be put
	stopped bool // nothing more will be taken
}

// put waits for room. It reports whether more is wanted.
func (q *itemQueue) put(d delivery) (more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.stopped && (len(q.list) >= q.most || q.values >= maxBatchValues) {
		q.changed.Wait()
	}
	if q.stopped {
		return false
	}
	q.list = append(q.list, d)
	q.values += valuesOf(&d.item)
	q.ended = d.last()
	q.changed.Signal()
	return !q.ended
}

// take waits until there is something and takes all of it. It returns nothing at the end.
func (q *itemQueue) take() []delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.list) == 0 && !q.ended {
		q.changed.Wait()
	}
	list := q.list
	q.list, q.values = nil, 0
	q.changed.Signal()
	return list
}

// end says that nothing more comes.
func (q *itemQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Signal()
}

// stop says that nothing more is wanted. It reports whether everything has come already.
func (q *itemQueue) stop() (ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.changed.Signal()
	return q.ended
}

// valuesOf counts the values of an item.
func valuesOf(item *connector.Item) (n int) {
	if item.Object != nil {
		for _, values := range item.Object.Attributes.All() {
			n += len(values)
		}
	}
	for _, m := range item.Mods {
		n += len(m.Adds) + len(m.Deletes)
	}
	return n
}
