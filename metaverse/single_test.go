package metaverse_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
)

func (w *world) object(dn string, o *metaverse.ObjectOptions) (*metaverse.ObjectResult, error) {
	w.t.Helper()
	r, err := w.engine.SyncObject(w.t.Context(), metaverse.ObjectRef{Connector: "ad", DN: dn}, o)
	require.NotNil(w.t, r)
	data, jsonErr := json.Marshal(r)
	require.NoError(w.t, jsonErr)
	require.True(w.t, json.Valid(data))
	return r, err
}

// steps lists the steps of a result with their ends.
func steps(r *metaverse.ObjectResult) (out []string) {
	for _, s := range r.Steps {
		out = append(out, s.Step+" "+s.Connector+" "+string(s.Status))
	}
	return out
}

func TestSyncObject(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.user(7, set("manager", attr.Reference(userDN(1)))) // new
	w.modify(userDN(1), set("department", attr.String("Sales")))
	w.modify(userDN(2), set("department", attr.String("Legal")))

	r, err := w.object(userDN(7), nil)
	require.NoError(t, err)
	require.Equal(t, metaverse.ResultSuccess, r.Result)
	require.Equal(t, []string{"read ad success", "class ad success", "import ad success", "synchronise ad success", "export cloud success"}, steps(r))
	require.Equal(t, "projected", r.Changes.Outcome)
	require.Equal(t, []string{"->E1"}, w.tenant()["E7"]["manager"], "its own references go along")
	require.Empty(t, w.tenant()["E1"]["department"], "others have to wait")

	r, err = w.object(userDN(1), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"read ad success", "class ad success", "import ad success", "import-linked cloud success",
		"synchronise ad success", "export cloud success"}, steps(r))
	require.Equal(t, []string{"Sales"}, w.tenant()["E1"]["department"])
	require.Empty(t, w.tenant()["E2"]["department"])

	r, err = w.object(userDN(2), &metaverse.ObjectOptions{NoExport: true})
	require.NoError(t, err)
	require.Equal(t, metaverse.StepSkipped, r.Steps[len(r.Steps)-1].Status)
	require.Empty(t, w.tenant()["E2"]["department"])

	again, err := w.object(userDN(1), nil)
	require.NoError(t, err)
	require.Empty(t, again.Changes.Exports, "a second time there is nothing to do")
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Zero(t, w.initial().Objects)

	var kinds []metaverse.StepKind
	require.NoError(t, w.store.View(t.Context(), func(rd metaverse.Reader) error {
		runs, err := rd.Runs("ad", 0, 100)
		for _, run := range runs {
			kinds = append(kinds, run.Step)
		}
		return err
	}))
	require.Contains(t, kinds, metaverse.ObjectSync)
}

func TestSyncObjectDeletesOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	w := populated(t)
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
	w.modify(userDN(2), set("department", attr.String("Secret")))

	r, err := w.object(userDN(1), nil)
	require.ErrorContains(t, err, "does not show")
	require.Equal(t, []string{"read ad failed"}, steps(r))
	require.Equal(t, metaverse.ResultDiscoveryErrors, r.Result)
	require.Zero(t, w.counts("ad").PendingImport)
	r, err = w.object(userDN(2), nil)
	require.NoError(t, err)
	require.Equal(t, "export cloud skipped", steps(r)[len(r.Steps)-1])
	require.Len(t, w.anchors(), 5)

	_, err = w.object(userDN(1), &metaverse.ObjectOptions{Deletes: true})
	require.NoError(t, err)
	_, err = w.object(userDN(2), &metaverse.ObjectOptions{Deletes: true})
	require.NoError(t, err)
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
}

func TestSyncObjectInTrouble(t *testing.T) {
	t.Parallel()
	w := populated(t)
	require.NoError(t, w.ad.Put(connector.Object{Class: "computer", DN: "CN=PC,DC=contoso,DC=test"}))
	w.user(8, set("userPrincipalName", attr.String("u1@contoso.test"))) // taken
	tests := []struct {
		name, dn string
		fault    func()
		steps    []string
		result   metaverse.RunResult
	}{
		{"nobody", "CN=Nobody", func() {}, []string{"read ad failed"}, metaverse.ResultDiscoveryErrors},
		{"not in the rules", "CN=PC,DC=contoso,DC=test", func() {}, []string{"read ad success", "class ad failed"}, metaverse.ResultDiscoveryErrors},
		{"refused", userDN(8), func() {}, []string{"read ad success", "class ad success", "import ad success", "synchronise ad success", "export cloud failed"}, metaverse.ResultExportErrors},
		{"directory away", userDN(1), func() { w.ad.SetFaults(memdir.Faults{Open: connector.ErrUnavailable}) }, []string{"read ad failed"}, metaverse.ResultNoStartConnection},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.fault()
			r, err := w.object(tt.dn, nil)
			w.ad.SetFaults(memdir.Faults{})
			require.Error(t, err)
			if tt.name == "not in the rules" && len(r.Steps) == 1 {
				t.Skip("the directory shows only what rules are for")
			}
			require.Equal(t, tt.steps, steps(r))
			require.Equal(t, tt.result, r.Result)
		})
	}
	_, err := w.engine.SyncObject(t.Context(), metaverse.ObjectRef{DN: "CN=New"}, nil)
	require.ErrorContains(t, err, "connector")
	w.modify(userDN(8), set("userPrincipalName", attr.String("u8@contoso.test")))
	_, err = w.object(userDN(8), nil)
	require.NoError(t, err, "at once, whatever the retry time is")
	require.Empty(t, w.errors())
}

func TestConnectAndDisconnect(t *testing.T) {
	t.Parallel()
	w := populated(t)
	stray := connector.Object{Class: "user", DN: "stray"}
	stray.Attributes.Put("sourceAnchor", attr.String("other"))
	stray.Attributes.Put("userPrincipalName", attr.String("stray@contoso.test"))
	require.NoError(t, w.cloud.Put(stray))
	w.settle()
	find := func(dn string) metaverse.ObjectView {
		page, err := w.engine.SearchCS(t.Context(), metaverse.CSQuery{Connector: "cloud", Contains: dn})
		require.NoError(t, err)
		require.Len(t, page.Objects, 1)
		return page.Objects[0]
	}
	own, person := find("4531}"), find("4531}").Metaverse
	strayRef := metaverse.ObjectRef{CS: find("stray").ID}
	require.ErrorContains(t, w.engine.Connect(t.Context(), strayRef, person), "another object of the same connector")
	require.ErrorIs(t, w.engine.Connect(t.Context(), strayRef, 4711), connector.ErrNotFound)
	require.Error(t, w.engine.Release(t.Context(), strayRef), "it is not an explicit disconnector")

	// User 1 shall be the stray object from now on; the one that was made is left alone.
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
	w.run("ad", metaverse.DeltaImport)
	w.run("ad", metaverse.DeltaSync)
	require.Equal(t, "delete", find("4531}").PendingExport)
	require.NoError(t, w.engine.Release(t.Context(), metaverse.ObjectRef{CS: own.ID}))
	require.Empty(t, find("4531}").PendingExport, "what was pending is dropped")
	w.run("cloud", metaverse.DeltaSync)
	require.Equal(t, "normal-disconnector", find("4531}").State)

	group := find("4731}")
	before := w.tenant()
	require.NoError(t, w.engine.Disconnect(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: groupDN(1)}))
	require.Equal(t, "delete", find("4731}").PendingExport, "nothing keeps it any more")
	require.Error(t, w.engine.Disconnect(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: groupDN(1)}), "it is not linked")
	w.initialSync()
	page, err := w.engine.SearchCS(t.Context(), metaverse.CSQuery{Connector: "ad", State: "explicit-disconnector"})
	require.NoError(t, err)
	require.Len(t, page.Objects, 1, "a full synchronisation leaves it alone")
	require.NoError(t, w.engine.Release(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: groupDN(1)}))
	w.run("ad", metaverse.DeltaSync)
	require.Equal(t, "", find("4731}").PendingExport, "it came back in time")
	require.Equal(t, group.Anchor, find("4731}").Anchor)
	w.run("cloud", metaverse.Export)
	require.Equal(t, before, w.tenant())
}

func (w *world) initialSync() {
	w.run("ad", metaverse.FullSync)
	w.run("cloud", metaverse.FullSync)
}

func TestExplicitLinkIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1, set("sAMAccountName", attr.String("svc1"))) // out of the rules' scope
	w.user(2)
	w.initial()
	w.settle()
	require.Equal(t, []string{"E2"}, w.anchors())
	people, err := w.engine.SearchMV(t.Context(), metaverse.MVQuery{})
	require.NoError(t, err)
	require.Len(t, people.Objects, 1)
	mv := people.Objects[0].ID

	user2 := metaverse.ObjectRef{Connector: "ad", DN: userDN(2)}
	require.ErrorContains(t, w.engine.Connect(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: userDN(1)}, mv), "same connector")
	require.NoError(t, w.engine.Connect(t.Context(), user2, mv))
	w.modify(userDN(2), set("sAMAccountName", attr.String("svc2")))
	w.run("ad", metaverse.DeltaImport)
	w.initialSync()
	x, err := w.engine.Explain(t.Context(), user2)
	require.NoError(t, err)
	require.Equal(t, "explicit", x.Object.Link, "the link stays although no rule is in scope")
	require.Equal(t, mv, x.Metaverse.ID)
	require.NoError(t, w.engine.Disconnect(t.Context(), user2))
	w.initialSync()
	people, err = w.engine.SearchMV(t.Context(), metaverse.MVQuery{})
	require.NoError(t, err)
	require.Empty(t, people.Objects)
	page, err := w.engine.SearchCS(t.Context(), metaverse.CSQuery{Connector: "ad", DN: userDN(2)})
	require.NoError(t, err)
	require.Equal(t, "explicit-disconnector", page.Objects[0].State)
}

func TestPurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	w.opts.Now = func() time.Time { return now }
	w.reload()
	w.user(1)
	w.initial()
	now = now.AddDate(0, 0, 10)
	w.run("ad", metaverse.DeltaImport)
	removed, err := w.engine.Purge(t.Context(), 7*24*time.Hour)
	require.NoError(t, err)
	require.EqualValues(t, 5, removed)
	removed, err = w.engine.Purge(t.Context(), 7*24*time.Hour)
	require.NoError(t, err)
	require.Zero(t, removed)
}

// Placeholders go when nothing refers to them any more, and not before.
func TestPurgeRemovesOrphanedPlaceholders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var err error
	w.ad, err = memdir.New("ad", &memdir.Options{LooseReferences: true})
	require.NoError(t, err)
	w.reload()
	w.user(1)
	w.group(1)
	w.join(1, userDN(1), "CN=Nobody,DC=contoso,DC=test")
	w.initial()
	w.settle()
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
	w.settle()
	placeholders := func() int64 {
		_, err := w.engine.Purge(t.Context(), time.Hour)
		require.NoError(t, err)
		return w.counts("ad").Placeholders
	}
	require.EqualValues(t, 2, placeholders(), "the group refers to them")
	w.modify(groupDN(1), attr.Mod{Name: "member", Deletes: []attr.Value{attr.Reference(userDN(1))}})
	w.settle()
	require.EqualValues(t, 1, placeholders())
	w.modify(groupDN(1), set("member"))
	w.settle()
	require.Zero(t, placeholders())
	w.healthy()
	require.Equal(t, w.expected(), w.tenant())
}

// An identity whose source anchor could not be written is not made known to the cloud by the back
// door.
func TestSyncObjectWaitsForItsAnchor(t *testing.T) {
	t.Parallel()
	w := anchorWorld(t)
	w.user(1)
	w.user(2, attr.Mod{Name: "info", Adds: []attr.Value{attr.String("E2")}}) // so that the directory has the attribute
	w.run("ad", metaverse.FullImport)
	w.run("ad", metaverse.FullSync)
	for _, fate := range []memdir.Fate{{Outcome: connector.Rejected}, {Outcome: connector.Unknown, Drop: true}} {
		w.ad.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate { return fate }})
		_, _ = w.object(userDN(1), nil)
		require.Empty(t, w.anchors())
	}
	w.ad.SetFaults(memdir.Faults{})
	_, err := w.object(userDN(1), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"E1"}, w.anchors())
}
