package connectortest

import (
	"context"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

var readRules = []rule{
	{"items come in the order of keys", readOrder},
	{"an object is read as a full import shows it", readWhole},
	{"an object that was deleted does not exist", readDeleted},
	{"no keys give no items", readNothing},
	{"a cancelled context ends reading", readCancelled},
}

func readOrder(f *fixture) {
	f.need(f.caps.ReadObjects, "reading of objects")
	keys := f.seedUsers(f.h.Many)
	slices.Reverse(keys)
	ask := slices.Clone(keys)
	gone := keys[3]
	f.delete(f.h.User.Name, gone)
	items := f.read(ask...)
	require.Len(f, items, len(ask), "ReadObjects yields one item for each key")
	for i, it := range items {
		if ask[i] == gone {
			require.Equal(f, connector.ItemDelete, it.Kind, "an object that does not exist is a deletion, in its place")
			continue
		}
		require.Equalf(f, connector.ItemObject, it.Kind, "an object that exists is read whole: %v", ask[i])
		require.Equal(f, ask[i].Anchor, it.Object.Anchor, "ReadObjects keeps the order of keys")
	}
	if f.h.DN != nil {
		items = f.read(connector.Key{DN: keys[1].DN}, connector.Key{DN: f.h.DN(f.h.User.Name, "conf-nobody")})
		require.Len(f, items, 2, "ReadObjects yields one item for each key")
		require.Equal(f, connector.ItemObject, items[0].Kind, "an object can be read by DN alone")
		require.Equal(f, keys[1].Anchor, items[0].Object.Anchor, "an object can be read by DN alone")
		require.Equal(f, connector.ItemDelete, items[1].Kind, "a DN where nothing is gives a deletion")
	}
}

func readWhole(f *fixture) {
	f.need(f.caps.ReadObjects && f.caps.FullImport, "reading of objects together with full import")
	users := f.seedUsers(3)
	group := f.seedOne(f.group("conf-group", users...))
	full := f.fullModel()
	read := f.fullModel()
	for _, it := range f.read(append(users, group)...) {
		require.Equal(f, connector.ItemObject, it.Kind)
		require.NoError(f, read.apply(it))
	}
	f.same(full, read, "ReadObjects shows an object as a full import does")
}

func readDeleted(f *fixture) {
	f.need(f.caps.ReadObjects, "reading of objects")
	k := f.seedUsers(1)[0]
	f.delete(f.h.User.Name, k)
	items := f.read(k, connector.Key{Anchor: k.Anchor})
	require.Len(f, items, 2, "ReadObjects yields one item for each key")
	for _, it := range items {
		require.Equal(f, connector.ItemDelete, it.Kind, "an object that was deleted is read as a deletion")
		require.Equal(f, k.Anchor, it.Object.Anchor, "a deletion names the object by the key that was asked for")
	}
}

func readNothing(f *fixture) {
	f.need(f.caps.ReadObjects, "reading of objects")
	require.Empty(f, f.read(), "no keys give no items")
}

func readCancelled(f *fixture) {
	f.need(f.caps.ReadObjects, "reading of objects")
	keys := f.seedUsers(f.h.Many)
	ctx, cancel := context.WithCancel(f.Context())
	defer cancel()
	var last error
	for _, err := range capability[connector.ObjectReader](f, f.session()).ReadObjects(ctx, keys) {
		last = err
		cancel()
	}
	require.ErrorIs(f, last, context.Canceled, "a cancelled context ends reading with the context's error")
}
