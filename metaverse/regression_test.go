package metaverse_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/connectortest"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// The tests of this file are the shortest forms of what the model test and reviews have found.

// A person who is deleted and made again between two imports, with the same source anchor,
// takes over the account in the tenant.
func TestPersonMadeAgain(t *testing.T) {
	t.Parallel()
	w := populated(t)
	before := w.account("E1")
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
	w.user(1)
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Equal(t, before, w.account("E1"), "it is the same account")
}

// account returns the anchor of the cloud object with a source anchor.
func (w *world) account(sourceAnchor string) (a connector.Anchor) {
	w.t.Helper()
	for o := range w.cloud.All() {
		if o.Attributes.Text("sourceAnchor") == sourceAnchor {
			a = o.Anchor
		}
	}
	require.False(w.t, a.IsZero(), "%s is in the tenant", sourceAnchor)
	return a
}

// refuse makes the on-premises directory show an object as unreadable.
func (w *world) refuse(dn string) {
	w.ad.SetFaults(memdir.Faults{Item: func(k connector.Key) error {
		if k.DN == dn {
			return connector.ErrInvalid
		}
		return nil
	}})
}

// A full import that cannot tell what is gone, because an object could not be read, does not
// make the following delta imports forget the deletions either.
func TestDeletionsSurviveAFullImportWithTrouble(t *testing.T) {
	t.Parallel()
	for _, expired := range []bool{false, true} {
		w := populated(t)
		require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(2)}))
		w.refuse(userDN(1))
		if expired {
			f := memdir.Faults{ExpireWatermark: true, Item: func(k connector.Key) error {
				if k.DN == userDN(1) {
					return connector.ErrInvalid
				}
				return nil
			}}
			w.ad.SetFaults(f)
			w.run("ad", metaverse.DeltaImport)
		} else {
			w.run("ad", metaverse.FullImport)
		}
		require.Len(t, w.errors(), 1)
		require.Zero(t, w.pendingDeletions(), "nothing is deleted while an object cannot be read")
		w.ad.SetFaults(memdir.Faults{})
		w.settle()
		require.Equal(t, w.expected(), w.tenant(), "expired=%t", expired)
		require.Empty(t, w.errors())
	}
}

// pendingDeletions counts the objects that an import has staged the deletion of.
func (w *world) pendingDeletions() int {
	w.t.Helper()
	page, err := w.engine.SearchCS(w.t.Context(), metaverse.CSQuery{Connector: "ad", PendingImport: "delete"})
	require.NoError(w.t, err)
	return len(page.Objects)
}

// A reference by DN means the object that stands there, even if the object that referred came
// before the one that has taken the DN over.
func TestReferrerComesBeforeTheNewHolderOfADN(t *testing.T) {
	t.Parallel()
	for _, kind := range []metaverse.StepKind{metaverse.DeltaImport, metaverse.FullImport} {
		for _, batch := range []int{1, 100} {
			w := newWorld(t)
			w.opts.Batch = batch
			w.reload()
			w.group(1)
			w.user(5, set("sAMAccountName", attr.String("svc5")))
			w.user(6)
			w.user(7)
			w.initial()
			w.settle()
			w.modify(groupDN(1), set("displayName", attr.String("comes first")))
			// 5 and 6 change places, and 6 is made a member.
			w.swap(userDN(5), userDN(6))
			w.join(1, userDN(5))
			// 7 is deleted, and 6 stands where it stood.
			w.run("ad", kind)
			w.settle()
			require.Equal(t, []string{"->E6"}, w.members("G1"), "%s %d", kind, batch)
			require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(7)}))
			require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(5)}, userDN(7)))
			w.modify(groupDN(1), set("displayName", attr.String("comes first again")))
			w.run("ad", kind)
			w.settle()
			require.Equal(t, []string{"->E6"}, w.members("G1"), "%s %d", kind, batch)
			require.Equal(t, w.expected(), w.tenant())
			w.healthy()
		}
	}
}

func (w *world) swap(a, b string) {
	w.t.Helper()
	const aside = "CN=aside,DC=contoso,DC=test"
	require.NoError(w.t, w.ad.Rename(connector.Key{DN: a}, aside))
	require.NoError(w.t, w.ad.Rename(connector.Key{DN: b}, a))
	require.NoError(w.t, w.ad.Rename(connector.Key{DN: aside}, b))
}

// The same holds when the import that saw the change of DNs died, and another one goes on.
func TestInterruptedImportRemembersChangedDNs(t *testing.T) {
	t.Parallel()
	for after := range 5 {
		w := newWorld(t)
		w.opts.Batch = 1
		w.reload()
		w.group(1)
		w.user(1)
		w.user(2)
		w.join(1, userDN(2))
		w.initial()
		w.settle()
		require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
		require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(2)}, userDN(1)))
		w.ad.SetFaults(memdir.Faults{Truncate: true, After: after})
		_, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
		require.Error(t, err)
		w.ad.SetFaults(memdir.Faults{})
		w.settle()
		require.Equal(t, w.expected(), w.tenant(), "interrupted after %d", after)
	}
}

// An object that takes another one's place while its own is being referred to does not stop
// the import.
func TestPlaceholderMeetsADNThatIsNotFreeYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 4 {
		w.user(i)
	}
	w.initial()
	w.settle()
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(3)}))
	require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(2)}, userDN(3)))
	w.modify(userDN(1), set("manager", attr.Reference(userDN(3))))
	w.swap(userDN(1), userDN(3))
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Equal(t, []string{"->E2"}, w.tenant()["E1"]["manager"])
}

// An object that could not be read is tried again until an import has got it, also when an
// import dies in between.
func TestTroubledObjectsAreNotForgotten(t *testing.T) {
	t.Parallel()
	for _, kind := range []metaverse.StepKind{metaverse.DeltaImport, metaverse.FullImport} {
		for cut := 1; ; cut++ {
			w := populated(t)
			w.modify(userDN(1), set("displayName", attr.String("new")))
			w.refuse(userDN(1))
			w.run("ad", metaverse.DeltaImport)
			require.Len(t, w.errors(), 1)
			w.ad.SetFaults(memdir.Faults{})
			good := w.store
			dying := &crashStore{Store: good, left: cut}
			w.store = dying
			w.reload()
			_, err := w.engine.Run(t.Context(), "ad", kind, nil)
			w.store = good
			w.reload()
			w.settle()
			require.Equal(t, []string{"new"}, w.tenant()["E1"]["displayName"], "%s cut at %d", kind, cut)
			require.Empty(t, w.errors())
			if err == nil {
				break
			}
		}
	}
}

// big is a world whose full imports have checkpoints.
func big(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.opts.ImportHold.Fraction = -1
	w.reload()
	for i := range 300 {
		w.user(i)
	}
	w.initial()
	w.settle()
	return w
}

// interrupt breaks a full import off after so many items.
func (w *world) interrupt(name string, f memdir.Faults) {
	w.t.Helper()
	d := w.ad
	if name == "cloud" {
		d = w.cloud
	}
	f.Import = connector.ErrUnavailable
	d.SetFaults(f)
	_, err := w.engine.Run(w.t.Context(), name, metaverse.FullImport, nil)
	require.Error(w.t, err)
	d.SetFaults(memdir.Faults{})
	w.reload()
}

// A resumed full import remembers the trouble that came before the break: nothing is
// obsoleted.
func TestResumedImportRemembersTrouble(t *testing.T) {
	t.Parallel()
	w := big(t)
	n := 0
	w.interrupt("ad", memdir.Faults{After: 250, Item: func(connector.Key) error {
		if n++; n == 10 {
			return connector.ErrInvalid
		}
		return nil
	}})
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(299)}))
	rec := w.run("ad", metaverse.FullImport)
	require.Less(t, rec.Objects, int64(250), "it was resumed")
	require.NotEmpty(t, rec.Notes)
	require.Zero(t, rec.Counters.Deletes)
	require.Zero(t, w.pendingDeletions())
	w.settle()
	require.Equal(t, w.expected(), w.tenant(), "the deletion is not lost")
}

// resumedAfter makes full imports under faults until one fails, and then, without faults, the one that
// follows. Somebody who was shown last has gone by then.
func (w *world) resumedAfter(faults ...connectortest.Fault) *metaverse.RunRecord {
	w.t.Helper()
	good := w.engine
	w.engine = engineOver(w.t, w, connectortest.WithFaults(w.ad, connectortest.FaultPlan{Faults: faults}), w.cloud)
	rec, err := w.engine.Run(w.t.Context(), "ad", metaverse.FullImport, nil)
	for ; err == nil; rec, err = w.engine.Run(w.t.Context(), "ad", metaverse.FullImport, nil) {
		require.EqualValues(w.t, 1, rec.Counters.Errors, "a fault fired")
	}
	w.engine = good
	require.NoError(w.t, w.ad.Delete(connector.Key{DN: userDN(299)}))
	return w.run("ad", metaverse.FullImport)
}

// Trouble with an object without a key cannot be healed by reading it again: a full import goes back
// to it, and tells what is gone. Found by storms (all), seeds 150 and 240.
func TestInterruptedImportGoesBackToNamelessTrouble(t *testing.T) {
	t.Parallel()
	w := big(t)
	rec := w.resumedAfter(
		connectortest.Fault{Kind: connectortest.Malformed, On: connectortest.OnFullImport, After: 10, Times: 1},
		connectortest.Fault{Kind: connectortest.Cut, On: connectortest.OnFullImport, After: 250, Times: 1},
	)
	require.Greater(t, rec.Objects, int64(250), "it was started over")
	require.EqualValues(t, 1, rec.Counters.Deletes)
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Empty(t, w.errors())
}

// What had no key in an earlier import is on record until a full import has shown everything again; that
// one need not be without trouble itself. Found by storms (all), seed 199.
func TestFullImportForgetsNamelessTroubleOfEarlierOnes(t *testing.T) {
	t.Parallel()
	w := big(t)
	rec := w.resumedAfter(
		connectortest.Fault{Kind: connectortest.Malformed, On: connectortest.OnFullImport, Call: 1, After: 10, Times: 1},
		connectortest.Fault{Kind: connectortest.ItemTrouble, On: connectortest.OnFullImport, Call: 2, After: 20, Times: 1},
		connectortest.Fault{Kind: connectortest.Cut, On: connectortest.OnFullImport, Call: 2, After: 250, Times: 1},
	)
	require.Less(t, rec.Objects, int64(250), "it was resumed")
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Empty(t, w.errors())
}

// What other steps make while a full import is interrupted is not missed when it goes on
// behind the place where it would have come.
func TestResumedImportKeepsWhatCameMeanwhile(t *testing.T) {
	t.Parallel()
	w := big(t)
	require.NoError(t, w.cloud.Delete(connector.Key{Anchor: w.account("E0")}))
	w.run("cloud", metaverse.DeltaImport)
	w.run("cloud", metaverse.DeltaSync)
	w.interrupt("cloud", memdir.Faults{After: 250})
	require.EqualValues(t, 1, w.run("cloud", metaverse.Export).Counters.Adds)
	rec := w.run("cloud", metaverse.FullImport)
	require.Less(t, rec.Objects, int64(299), "it was resumed")
	require.Zero(t, rec.Counters.Deletes)

	w.interrupt("ad", memdir.Faults{After: 250})
	w.user(1000)
	_, err := w.engine.SyncObject(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: userDN(1000)}, nil)
	require.NoError(t, err)
	require.Zero(t, w.run("ad", metaverse.FullImport).Counters.Deletes)
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
}

// A group that is shown before a former holder of a member's DN is shown at another one meant the
// member, also where that one is out of scope and never shown. Found by the model test, seed
// 16296725110715533616.
func TestPlaceIsNamedBeforeItsFormerHolderGoes(t *testing.T) {
	t.Parallel()
	for cut := range 4 { // the import is tried again after so many items
		for _, kind := range []metaverse.StepKind{metaverse.FullImport, metaverse.DeltaImport} {
			w := newWorld(t)
			w.group(1) // is shown first
			w.user(2)
			w.settle()
			require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(2)}, userDN(3)))
			require.NoError(t, w.ad.Put(connector.Object{Class: "contact", DN: userDN(2)}))
			w.join(1, userDN(2))
			w.ad.SetFaults(memdir.Faults{Import: connector.ErrUnavailable, After: cut})
			_, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
			require.Error(t, err)
			w.ad.SetFaults(memdir.Faults{})
			w.run("ad", kind)
			w.settle()
			require.Equal(t, w.expected(), w.tenant(), "%s after %d items", kind, cut)
			require.Empty(t, w.members("G1"))
		}
	}
}

// Who is renamed while she cannot be read keeps the memberships that were read with her former name.
// Found by the model test, seed 9248810750171626956.
func TestRenamedWhileInTrouble(t *testing.T) {
	t.Parallel()
	for _, kind := range []metaverse.StepKind{metaverse.DeltaImport, metaverse.FullImport} {
		w := newWorld(t)
		w.group(1)
		w.settle()
		w.user(2)
		w.join(1, userDN(2))
		w.ad.SetFaults(memdir.Faults{Item: func(k connector.Key) error {
			if k.DN == userDN(2) {
				return connector.ErrInvalid
			}
			return nil
		}})
		require.EqualValues(t, 1, w.run("ad", metaverse.DeltaImport).Counters.Errors)
		w.ad.SetFaults(memdir.Faults{})
		require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(2)}, userDN(3)))
		w.run("ad", kind)
		w.settle()
		require.Equal(t, []string{"->E2"}, w.members("G1"), "%s", kind)
		require.Equal(t, w.expected(), w.tenant())
		require.Empty(t, w.errors())
	}
}

// Looking at an object is not seeing it: who is gone is gone, though another one at the same DN was
// asked for while a full import was interrupted.
func TestResumedImportDropsWhoWasOnlyLookedAt(t *testing.T) {
	t.Parallel()
	w := big(t)
	gone := connector.Key{DN: userDN(299)}
	require.NoError(t, w.ad.Delete(gone))
	w.user(299) // another object with the same name, and it cannot be read
	w.apply(policy{noGroups: true})
	w.ad.SetFaults(memdir.Faults{Item: func(k connector.Key) error {
		if k.DN == gone.DN {
			return connector.ErrInvalid
		}
		return nil
	}})
	require.EqualValues(t, 1, w.run("ad", metaverse.DeltaImport).Counters.Errors)
	w.ad.SetFaults(memdir.Faults{})
	require.NoError(t, w.ad.Delete(gone))

	w.interrupt("ad", memdir.Faults{After: 250})
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Empty(t, w.errors())
}

// Rules that read other classes or attributes than the last full import make the next delta
// import a full one, and say so.
func TestOtherSelectionIsImportedInFull(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.modify(userDN(1), set("title", attr.String("read by nobody")))
	w.settle()
	w.rules[0].Flows = append(w.rules[0].Flows[:3:3], w.rules[0].Flows[4:]...)
	w.rules[0].Flows = append(w.rules[0].Flows, direct("department", "title"))
	w.reload()
	rec := w.run("ad", metaverse.DeltaImport)
	require.Contains(t, rec.Notes, "the rules read other classes or attributes than at the last full import: made a full import")
	require.Empty(t, w.run("ad", metaverse.DeltaImport).Notes)
	w.settle()
	require.Equal(t, []string{"read by nobody"}, w.tenant()["E1"]["department"])
}

// Rules that were in force for one connector only, and are taken back before the others had
// their turn, leave nothing behind.
func TestRulesTakenBackHalfway(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.apply(policy{noGroups: true})
	w.run("cloud", metaverse.FullSync)
	w.apply(policy{})
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Empty(t, w.errors())
}

// So do rules that were in force for one object only. Found by the model test, seed
// 10962790812807497575.
func TestRulesTakenBackAfterASingleObject(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.user(20, set("department", attr.String("Secret")))
	w.apply(policy{open: true})
	w.settle()
	require.Contains(t, w.tenant(), "E20")
	w.apply(policy{})
	_, err := w.engine.SyncObject(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: userDN(20)}, &metaverse.ObjectOptions{Deletes: true})
	require.NoError(t, err)
	require.NotContains(t, w.tenant(), "E20")
	w.apply(policy{open: true})
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Empty(t, w.errors())
}

// Under rules that do not read its class an object is not there when it is read by itself. It comes
// back with them. Found by the model test, seed 16426491848140929921.
func TestSelectionTakenBackAfterASingleObject(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.group(7)
	w.settle()
	require.Contains(t, w.tenant(), "G7")
	w.apply(policy{noGroups: true})
	_, err := w.engine.SyncObject(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: groupDN(7)}, &metaverse.ObjectOptions{Deletes: true})
	require.NoError(t, err)
	require.NotContains(t, w.tenant(), "G7")
	w.apply(policy{})
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Empty(t, w.errors())
}

// A full import under rules that read less dies at any of its commits; the former rules come
// back. Whom the dying import no longer saw is not deleted, and what it no longer read comes
// back. Found by the model test, seed 6751707653262227236.
func TestImportOfLessDiesAndIsTakenBack(t *testing.T) {
	t.Parallel()
	died := true
	for n := 0; died; n++ {
		w := populated(t)
		w.group(7)
		w.settle()
		good := w.store
		w.apply(policy{noGroups: true})
		w.store = &crashStore{Store: good, left: n, after: true}
		w.reload()
		_, err := w.engine.Run(t.Context(), "ad", metaverse.DeltaImport, nil)
		died = err != nil
		w.store = good
		w.apply(policy{})
		w.settle()
		require.Equal(t, w.expected(), w.tenant(), "death at commit %d", n)
		require.Empty(t, w.errors())
	}
}

// A new user stands where another one stood until then, whose own item names that place before
// the new user's comes: the placeholder that it gets becomes the new user. A group that came first
// means the new one all the same. Found by the model test, seed 10186176463581643062.
func TestPlaceIsNamedBeforeItsNewHolderComes(t *testing.T) {
	t.Parallel()
	for cut := range 7 { // the import is tried again after so many items
		w := newWorld(t)
		w.group(1)
		w.user(1)
		w.user(2)
		w.settle()
		w.user(3)
		w.join(1, userDN(3))
		w.modify(userDN(1), set("manager", attr.Reference(userDN(3))))
		w.modify(userDN(2), set("manager", attr.Reference(userDN(1))))
		for _, move := range [][2]int{{3, 9}, {1, 3}, {9, 1}} {
			require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(move[0])}, userDN(move[1])))
		}
		w.ad.SetFaults(memdir.Faults{Import: connector.ErrUnavailable, After: cut})
		_, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
		require.Error(t, err)
		w.ad.SetFaults(memdir.Faults{})
		w.run("ad", metaverse.FullImport)
		w.settle()
		require.Equal(t, w.expected(), w.tenant(), "after %d items", cut)
		require.Equal(t, []string{"->E3"}, w.members("G1"))
	}
}

// What a synchronisation finds out while an export is under way is not lost.
func TestSynchronisationBesideAnExport(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.modify(userDN(1), set("displayName", attr.String("first")))
	w.run("ad", metaverse.DeltaImport)
	w.run("ad", metaverse.DeltaSync)
	done := make(chan error, 1)
	begun := false
	w.cloud.SetFaults(memdir.Faults{Export: func(connector.Change) (f memdir.Fate) {
		if begun {
			return f
		}
		begun = true
		require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
		go func() {
			_, err := w.engine.Run(t.Context(), "ad", metaverse.DeltaImport, nil)
			if err == nil {
				_, err = w.engine.Run(t.Context(), "ad", metaverse.DeltaSync, nil)
			}
			done <- err
		}()
		select {
		case err := <-done:
			done <- err
		case <-time.After(300 * time.Millisecond): // it waits for the export
		}
		return f
	}})
	w.run("cloud", metaverse.Export)
	require.NoError(t, <-done)
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
}

// An object that is synchronised alone while an import is interrupted does not make it forget
// whose DNs were taken.
func TestInterruptedImportRemembersChangedDNsBesideASingleObject(t *testing.T) {
	t.Parallel()
	for after := range 8 {
		w := newWorld(t)
		w.opts.Batch = 1
		w.reload()
		w.group(1)
		for i := range 6 {
			w.user(i)
		}
		w.join(1, userDN(2))
		w.initial()
		w.settle()
		require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
		require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(2)}, userDN(1)))
		require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(4)}))
		require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(5)}, userDN(4)))
		w.ad.SetFaults(memdir.Faults{Truncate: true, After: after})
		_, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
		require.Error(t, err)
		w.ad.SetFaults(memdir.Faults{})
		other, err := w.ad.Get(connector.Key{DN: userDN(4)})
		require.NoError(t, err)
		_, err = w.engine.SyncObject(t.Context(), metaverse.ObjectRef{Connector: "ad", Anchor: other.Anchor}, nil)
		require.NoError(t, err)
		w.settle()
		require.Equal(t, w.expected(), w.tenant(), "interrupted after %d", after)
	}
}

// What is read again at the end of an import, because DNs have changed hands, may show that more have
// since.
func TestDNsChangeHandsWhileReferrersAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.opts.Batch = 1
	w.reload()
	for i := range 3 {
		w.user(1 + i)
	}
	w.group(1)
	w.group(2)
	w.user(4, set("manager", attr.Reference(userDN(1))))
	w.join(1, userDN(1))
	w.join(2, userDN(1), userDN(4))
	w.initial()
	w.settle()
	move := func(from, to int) { require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(from)}, userDN(to))) }
	move(1, 9)
	move(2, 1)
	w.ad.SetFaults(memdir.Faults{Item: func(k connector.Key) error {
		if k.DN == groupDN(1) {
			w.ad.SetFaults(memdir.Faults{})
			move(3, 10)
			move(4, 3)
		}
		return nil
	}})
	w.run("ad", metaverse.DeltaImport)
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
}

// A group whose own change is taken back in the same synchronisation in which somebody becomes its
// member gets the member: what an earlier page has staged for it is not written over by what was
// loaded ahead.
func TestMemberStagedWhileTheGroupIsLoadedAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.opts.Batch = 1
	w.reload()
	w.user(1, set("sAMAccountName", attr.String("svc1")))
	w.group(1)
	w.join(1, userDN(1))
	w.initial()
	w.settle()
	w.modify(groupDN(1), set("displayName", attr.String("for a moment")))
	w.run("ad", metaverse.DeltaImport)
	w.run("ad", metaverse.DeltaSync)
	w.modify(groupDN(1), set("displayName", attr.String("Group 1")))
	w.modify(userDN(1), set("sAMAccountName", attr.String("u1")))
	w.run("ad", metaverse.DeltaImport)
	w.run("ad", metaverse.DeltaSync)
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
}

// A full import that is held because many are missing is followed by one that reads from the start:
// whoever is to be seen by then, because somebody has given the account its permission back, is
// not missing any more.
func TestImportAfterAHeldOneReadsAgain(t *testing.T) {
	t.Parallel()
	w := big(t)
	w.opts.ImportHold = metaverse.ImportHold{}
	hidden := true
	w.with(&retold{w.ad, func(_ context.Context, _ connector.ImportRequest, items iter.Seq2[connector.Item, error]) iter.Seq2[connector.Item, error] {
		return func(yield func(connector.Item, error) bool) {
			n := 0
			for item, err := range items {
				if item.Object != nil {
					n++
				}
				if hidden && item.Object != nil && n <= 100 {
					continue
				}
				if !yield(item, err) {
					return
				}
			}
		}
	}})
	rec, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
	require.ErrorIs(t, err, metaverse.ErrHeld)
	hidden = false
	rec, err = w.engine.Run(t.Context(), "ad", metaverse.FullImport, &metaverse.RunOptions{AcceptRun: rec.ID})
	require.NoError(t, err)
	require.Zero(t, rec.Counters.Deletes)
	require.Zero(t, w.pendingDeletions())
}

// A full import that is resumed, cannot go on from there and begins again remembers whose DNs were
// taken before that.
func TestImportThatBeginsAgainRemembersChangedDNs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.opts.Batch = 1
	w.reload()
	for i := range 3 {
		if i == 1 {
			w.group(1)
		}
		w.user(i)
	}
	w.join(1, userDN(2))
	w.initial()
	w.settle()
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
	require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(2)}, userDN(1)))
	paged := &metaverse.RunOptions{PageSize: 1}
	w.ad.SetFaults(memdir.Faults{Import: connector.ErrUnavailable, After: 4}) // user 0 and the group, each with a checkpoint
	_, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, paged)
	require.ErrorIs(t, err, connector.ErrUnavailable)
	w.ad.SetFaults(memdir.Faults{})
	require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(0)}, userDN(9)))

	w.with(&retold{w.ad, func(_ context.Context, r connector.ImportRequest, items iter.Seq2[connector.Item, error]) iter.Seq2[connector.Item, error] {
		return func(yield func(connector.Item, error) bool) {
			n := 0
			for item, err := range items {
				if !yield(item, err) {
					return
				}
				switch n++; {
				case r.Resume != nil: // having shown user 2
					yield(connector.Item{}, connector.ErrWatermarkExpired)
					return
				case n == 1: // having shown user 0
					yield(connector.Item{}, connector.ErrUnavailable)
					return
				}
			}
		}
	}})
	_, err = w.engine.Run(t.Context(), "ad", metaverse.FullImport, paged)
	require.ErrorIs(t, err, connector.ErrUnavailable)
	w.reload()
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
}

// Trouble with what an object leaves behind, which another one keeps in existence, is trouble of that
// one, and it is tried again: there is nobody else to try again for.
func TestTroubleWithWhatIsLeftBehindIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range w.rules {
		switch r := &w.rules[i]; r.ID {
		case "in-cloud-user":
			r.LinkType = rules.Provision
			r.Flows = append(r.Flows, direct("sourceAnchor", "sourceAnchor"), direct("userPrincipalName", "userPrincipalName"))
		case "out-user":
			r.Flows[2] = expression("displayName", `IIF(IsNullOrEmpty([accountName]),Error("nobody"),[displayName])`)
		}
	}
	w.reload()
	w.user(1)
	w.initial()
	w.settle()
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
	w.delta()
	w.delta()
	errs := w.errors()
	require.Len(t, errs, 1)
	require.Equal(t, "cloud", errs[0].Connector)
	require.Greater(t, errs[0].Count, 1)
	require.EqualValues(t, 1, w.counts("cloud").PendingImport)
	w.healthy()
	w.rules = testRules()
	w.reload()
	w.settle()
	require.Empty(t, w.errors())
	require.Empty(t, w.anchors(), "nothing keeps it in existence any more")
}

// Who is renamed while what refers to her is read again, and once more before the next import, keeps her
// membership: the name that her group tells of was never hers, as far as imports know.
func TestMemberIsRenamedWhileHerGroupIsReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	w.user(2)
	w.group(1)
	w.join(1, userDN(1))
	w.initial()
	w.settle()
	move := func(from, to int) { require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(from)}, userDN(to))) }
	move(1, 9)
	move(2, 1)
	w.ad.SetFaults(memdir.Faults{Item: func(k connector.Key) error {
		if k.DN == userDN(9) {
			w.ad.SetFaults(memdir.Faults{})
			move(9, 10)
		}
		return nil
	}})
	w.run("ad", metaverse.DeltaImport)
	move(10, 11)
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Equal(t, []string{"->E1"}, w.members("G1"))
}

// Where nothing can be read one by one, a full import tells that a creation whose answer was lost did
// not take place: it is sent again. Found by the model test, seed 2199296074392176340.
func TestFullImportSettlesALostCreation(t *testing.T) {
	t.Parallel()
	for name, leaves := range map[string]bool{"stays": false, "leaves": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			o := cloudOptions(cloudSchema())
			o.NoRead = true
			var err error
			w.cloud, err = memdir.New("cloud", &o)
			require.NoError(t, err)
			w.reload()
			w.user(1)
			w.initial()
			w.user(2)
			w.cloud.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate {
				return memdir.Fate{Outcome: connector.Unknown, Drop: true}
			}})
			w.delta()
			w.cloud.SetFaults(memdir.Faults{})
			if leaves {
				require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(2)}))
			}
			w.delta()
			require.Equal(t, []string{"E1"}, w.anchors(), "nothing tells what became of it")
			w.run("cloud", metaverse.FullImport)
			w.settle()
			require.Equal(t, w.expected(), w.tenant())
			require.Zero(t, w.counts("cloud").PendingExport)
			w.healthy()
		})
	}
}

// Where references name their targets by DN, a change that is sent after the renaming of its target names
// it by the new one, also in the same batch. Found by the model test, seed 14466546028960415614.
func TestMemberIsRenamedWhileSheLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	options := cloudOptions(cloudSchema())
	options.References, options.ReferencesLast = connector.ReferenceByDN, false
	var err error
	w.cloud, err = memdir.New("cloud", &options)
	require.NoError(t, err)
	w.reload()
	w.user(1)
	w.user(2)
	w.group(1)
	w.join(1, userDN(1), userDN(2))
	w.initial()
	w.settle()
	w.modify(userDN(1), set("sAMAccountName", attr.String("u7")), set("employeeID", attr.String("E7")))
	w.modify(groupDN(1), attr.Mod{Name: "member", Deletes: []attr.Value{attr.Reference(userDN(1))}})
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
}
