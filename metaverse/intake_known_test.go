package metaverse_test

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// asking counts the keys by which objects are looked up.
type asking struct {
	metaverse.Tx
	anchors, dns *int
}

func (a asking) CSByAnchor(name string, anchors []connector.Anchor) ([]metaverse.CSID, error) {
	*a.anchors += len(anchors)
	return a.Tx.CSByAnchor(name, anchors)
}

func (a asking) CSByDN(name string, keys []string) ([]metaverse.CSID, error) {
	*a.dns += len(keys)
	return a.Tx.CSByDN(name, keys)
}

// shows returns a full import that shows the items and calls between before the one with that
// number.
func shows(items []connector.Item, at int, between func()) func(context.Context) iter.Seq2[connector.Item, error] {
	return func(context.Context) iter.Seq2[connector.Item, error] {
		return func(yield func(connector.Item, error) bool) {
			for i, item := range items {
				if i == at {
					between()
				}
				if !yield(item, nil) {
					return
				}
			}
			yield(flowEnd(len(items)), nil)
		}
	}
}

// An import into an empty connector space asks the store for what it has staged before, and for
// nothing else; once anybody else has written, and in a space that is not empty, for all.
func TestFirstImportKnowsWhatIsThere(t *testing.T) {
	t.Parallel()
	const users, batch = 100, 10
	for name, c := range map[string]struct {
		known       int  // users that are there already
		again       int  // users that are shown a second time at the end
		disturbed   bool // somebody else writes after half of the users
		least, most int  // look-ups of each sort
	}{
		"empty":       {},
		"shown twice": {again: batch, least: batch, most: batch},
		"disturbed":   {disturbed: true, least: 1, most: users / 2},
		"not empty":   {known: 1, least: users, most: users},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.opts.Batch = batch
			var anchors, dns int
			w.store = &planted{w.store, func(tx metaverse.Tx) metaverse.Tx { return asking{tx, &anchors, &dns} }}
			w.reload()
			for i := range c.known {
				w.user(users + i)
			}
			w.run("ad", metaverse.FullImport)
			anchors, dns = 0, 0

			var items []connector.Item
			for i := range users + c.again {
				items = append(items, flowUser(i%users))
			}
			at := -1
			if c.disturbed {
				at = users / 2
			}
			w.with(flow(w.ad, shows(items, at, func() { w.run("cloud", metaverse.FullImport) })))
			rec, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, &metaverse.RunOptions{AcceptDeletions: true})
			require.NoError(t, err)
			require.EqualValues(t, users, rec.Counters.Adds)
			for _, n := range []int{anchors, dns} {
				require.GreaterOrEqual(t, n, c.least)
				require.LessOrEqual(t, n, c.most+2*batch*min(c.least, 1)) // what was read ahead
			}
			w.healthy()
		})
	}
}

// What an object refers to is found whether it was staged before, is staged with it or comes
// later, and a placeholder stands for what never comes.
func TestReferencesOfAFirstImport(t *testing.T) {
	t.Parallel()
	const users = 30
	var items []connector.Item
	var all []attr.Value
	for i := range users {
		items = append(items, flowUser(i))
		all = append(all, attr.Reference(userDN(i)), attr.Reference(userDN(users+i)))
	}
	group := &connector.Object{Class: "group", Anchor: connector.TextAnchor("g"), DN: groupDN(0)}
	group.Attributes.Put("member", all...)
	items = slices.Insert(items, users/2, connector.Item{Kind: connector.ItemObject, Object: group})
	w := newWorld(t)
	w.opts.Batch = 5
	w.with(flow(w.ad, shows(items, -1, nil)))
	rec := w.run("ad", metaverse.FullImport)
	require.EqualValues(t, 2*users, rec.Counters.RefAdds)
	require.EqualValues(t, users+1, w.counts("ad").Imported)
	require.EqualValues(t, users, w.counts("ad").Placeholders)
	rec = w.run("ad", metaverse.FullImport)
	require.EqualValues(t, users+1, rec.Counters.Unchanged)
	w.healthy()
}
