package ad_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

// meanwhile applies the changes since the view's last import, and calls strike before it takes each item.
func (v *view) meanwhile(t testing.TB, s connector.Session, strike func(connector.Item)) {
	t.Helper()
	importer, _ := connector.As[connector.DeltaImporter](s)
	mark := v.mark
	require.NoError(t, v.take(func(yield func(connector.Item, error) bool) {
		for item, err := range importer.DeltaImport(t.Context(), mark, connector.ImportRequest{}) {
			strike(item)
			if !yield(item, err) {
				return
			}
		}
	}))
	require.NotEmpty(t, v.mark)
}

// Somebody is moved into a domain that has been asked, and joins or leaves a group of one that was not
// asked yet: the group tells of a name under which nobody was shown. Nor will she ever be, if she is
// moved or renamed once more before the next import.
func TestForestMemberMovesOn(t *testing.T) {
	t.Parallel()
	for _, silent := range []bool{false, true} {
		for _, joins := range []bool{false, true} {
			for _, on := range []string{"stays", "moves", "is renamed"} {
				t.Run(fmt.Sprint("silent=", silent, " joins=", joins, " ", on), func(t *testing.T) {
					t.Parallel()
					w := newWood(t, adtest.Options{SilentMoves: silent})
					f := w.forest(t)
					anna, ben := w.user(0, "anna"), w.user(1, "ben")
					team := w.universal(2, "team")
					change := w.dcs[2].AddMember
					if !joins {
						require.NoError(t, w.dcs[2].AddMember(team, anna))
						change = w.dcs[2].RemoveMember
					}
					s := openForest(t, f)
					v := full(t, s)
					v.partitions(t, f)
					require.NoError(t, w.dcs[1].Modify(ben, adtest.Replace("title", "x")))
					v.meanwhile(t, s, func(item connector.Item) {
						if item.Kind == connector.ItemUpdate && item.Object.DN == ben {
							anna = w.move(t, anna, 0, 1)
							require.NoError(t, change(team, anna))
						}
					})
					switch on {
					case "moves":
						w.move(t, anna, 1, 2)
					case "is renamed":
						_, err := w.dcs[1].Rename(anna, "hanna")
						require.NoError(t, err)
					}
					v.delta(t, s)
					w.equal(t, v)
					v.delta(t, s)
					require.Empty(t, v.objects, "no doubt is left")
				})
			}
		}
	}
}

// Whoever is moved whenever a full import has sent her, up to its end and once more after it, is a member
// again with the next delta import.
func TestForestMemberMovesThroughout(t *testing.T) {
	t.Parallel()
	for _, silent := range []bool{false, true} {
		t.Run(fmt.Sprint("silent=", silent), func(t *testing.T) {
			t.Parallel()
			w := newWood(t, adtest.Options{SilentMoves: silent})
			f := w.forest(t)
			anna, at := w.user(0, "anna"), 0
			o, err := w.dcs[0].Get(anna)
			require.NoError(t, err)
			for i := range w.dcs {
				w.universal(i, "team", anna)
			}
			move := func() {
				next := (at + 1) % len(w.dcs)
				anna, at = w.move(t, anna, at, next), next
			}
			s := openForest(t, f)
			importer, _ := connector.As[connector.FullImporter](s)
			v, moves := newView(), 0
			v.partitions(t, f)
			require.NoError(t, v.take(func(yield func(connector.Item, error) bool) {
				for item, err := range importer.FullImport(t.Context(), connector.ImportRequest{}) {
					if item.Object != nil && item.Object.Anchor == connector.NewAnchor(o.GUID[:]) {
						move()
						moves++
					}
					if !yield(item, err) {
						return
					}
				}
			}))
			require.Greater(t, moves, 3)
			move()
			v.delta(t, s)
			w.equal(t, v)
			for range 2 {
				v.delta(t, s)
			}
			require.Empty(t, v.objects, "no doubt is left")
		})
	}
}

// A member whom the account may not see has a name at which nobody is, and always will: that is no reason to
// read the group again with each import.
func TestForestMemberCannotBeSeen(t *testing.T) {
	t.Parallel()
	w := newWood(t, adtest.Options{})
	secret := "OU=Secret," + w.dcs[1].BaseDN()
	unit(t, w.dcs[1], secret, "bert")
	reader := w.user(1, "reader")
	require.NoError(t, w.dcs[1].SetPassword(reader, "P@ssw0rd-Reader1"))
	require.NoError(t, w.dcs[1].Hide(adtest.Hiding{Account: reader, Under: secret}))
	w.options[1].BindName, w.options[1].Password = "reader@"+w.dcs[1].Domain(), password("P@ssw0rd-Reader1")
	team := w.universal(0, "team")
	s := openForest(t, w.forest(t))
	v := full(t, s)
	require.NoError(t, w.dcs[0].AddMember(team, "CN=bert,"+secret))
	v.delta(t, s)
	require.Len(t, v.objects, 1)
	v.delta(t, s)
	require.Empty(t, v.objects)
}

// Objects that are read one by one within an import leave it as it is.
func TestForestReadsWithinImport(t *testing.T) {
	t.Parallel()
	w := newWood(t, adtest.Options{})
	f := w.forest(t)
	people := []string{w.user(0, "anna"), w.user(1, "ben"), w.user(2, "carla")}
	s := openForest(t, f)
	v := full(t, s)
	v.partitions(t, f)
	for i, dn := range people {
		require.NoError(t, w.dcs[i].Modify(dn, adtest.Replace("title", "x")))
	}
	reader, _ := connector.As[connector.ObjectReader](s)
	v.meanwhile(t, s, func(item connector.Item) {
		if item.Kind != connector.ItemUpdate {
			return
		}
		for read, err := range reader.ReadObjects(t.Context(), []connector.Key{{Anchor: item.Object.Anchor}}) {
			require.NoError(t, err)
			require.Equal(t, item.Object.DN, read.Object.DN)
		}
	})
	require.Len(t, v.updates, len(people))
	v.delta(t, s)
	require.Empty(t, v.updates)
	require.Empty(t, v.objects)
	w.equal(t, v)
}
