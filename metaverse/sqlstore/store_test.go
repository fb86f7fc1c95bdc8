package sqlstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// raw changes a store behind its back.
func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, q := range statements {
		_, err := db.ExecContext(t.Context(), q)
		require.NoError(t, err, q)
	}
}

// fill puts two people and a group into a store, joined on both sides and consistent.
func fill(t *testing.T, s metaverse.Store) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error {
		cs, err := tx.NewCS(6)
		require.NoError(t, err)
		mv, err := tx.NewMV(3)
		require.NoError(t, err)
		var objects []*metaverse.CSObject
		var people []*metaverse.MVObject
		var ids []metaverse.CSID
		var links []metaverse.Link
		for i, name := range []string{"ann", "bob", "staff"} {
			image := attr.NewSet(map[string][]attr.Value{"cn": {attr.String(name)}, "mail": {attr.String(name + "@example.com")}})
			p := &metaverse.MVObject{ID: mv + metaverse.MVID(i), Class: "person", Attributes: image.Clone()}
			for j, conn := range []string{"ad", "entra"} {
				o := &metaverse.CSObject{
					ID: cs + metaverse.CSID(2*i+j), Connector: conn, Class: "user", Anchor: connector.TextAnchor(name), DN: "CN=" + name, DNKey: "cn=" + name,
					State: metaverse.Connected, Imported: true, Image: image,
				}
				objects, ids = append(objects, o), append(ids, o.ID)
				links = append(links, metaverse.Link{MV: p.ID, Kind: metaverse.LinkJoin, Rule: "join"})
				p.Origins = append(p.Origins, metaverse.Origin{Attribute: "cn", Rule: "in", CS: o.ID})
			}
			people = append(people, p)
			keys := [][]metaverse.ValueKey{{{Attribute: "mail", Key: "s" + name + "@example.com"}}}
			require.NoError(t, tx.SetMVValues([]metaverse.MVID{p.ID}, keys))
			require.NoError(t, tx.SetCSValues([]metaverse.CSID{objects[2*i].ID}, keys))
		}
		require.NoError(t, tx.PutMV(people))
		require.NoError(t, tx.PutCS(objects))
		require.NoError(t, tx.SetLink(ids, links))
		require.NoError(t, tx.SetPendingImport(metaverse.ImportUpdate, ids[:1]))
		require.NoError(t, tx.MarkSeen("ad", ids[:1]))
		require.NoError(t, tx.AddCSRefs([]metaverse.CSRef{{Source: ids[4], Attribute: "member", Target: ids[0]}}))
		require.NoError(t, tx.AddMVRefs([]metaverse.MVRef{{Source: mv + 2, Attribute: "member", Target: mv}}))
		require.NoError(t, tx.QueueMVRefsTo([]metaverse.MVID{mv}))
		require.NoError(t, tx.PutPendingExport([]*metaverse.PendingExport{{
			CS: ids[5], Connector: "entra", Op: connector.OpUpdate, References: true,
			Pending: []attr.Mod{{Name: "mail", Adds: []attr.Value{attr.String("x"), attr.Int(1), attr.Bool(true), attr.BinaryString("\x00"), attr.Reference("y")}}},
		}}))
		require.NoError(t, tx.PutExportRefs([]metaverse.ExportRef{{Source: ids[5], Attribute: "members", Target: ids[1]}}))
		require.NoError(t, tx.PutSetting("watermark", []byte{0, 1}))
		require.NoError(t, tx.PutSetting("joins", []byte("mv|mail|ad|mail||entra||")))
		_, err = tx.PutConfiguration(metaverse.Configuration{Author: "root", Text: []byte("a: 1")})
		require.NoError(t, err)
		_, err = tx.PutRun(&metaverse.RunRecord{Connector: "ad", Step: metaverse.FullImport, Result: metaverse.ResultSuccess})
		require.NoError(t, err)
		return tx.PutObjectErrors([]metaverse.ObjectError{{CS: ids[0], Connector: "ad", Step: "sync", Code: "x", Last: time.Unix(9, 0)}})
	}))
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := sqlstore.Open(t.Context(), "", nil)
	require.Error(t, err)
	_, err = sqlstore.Open(t.Context(), dir, nil)
	require.Error(t, err, "a folder")
	_, err = sqlstore.Open(t.Context(), filepath.Join(dir, "none", "store.db"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = sqlstore.Open(t.Context(), filepath.Join(dir, "none.db"), &sqlstore.Options{ReadOnly: true})
	require.ErrorIs(t, err, os.ErrNotExist)

	text := filepath.Join(dir, "text.db")
	require.NoError(t, os.WriteFile(text, bytes.Repeat([]byte("not a database\n"), 100), 0o600))
	_, err = sqlstore.Open(t.Context(), text, nil)
	require.ErrorIs(t, err, sqlstore.ErrNotStore)
	require.ErrorContains(t, err, "text.db")

	newer := filepath.Join(dir, "newer.db")
	open(t, newer, nil)
	raw(t, newer, "PRAGMA user_version = 99")
	_, err = sqlstore.Open(t.Context(), newer, nil)
	require.ErrorIs(t, err, metaverse.ErrNewerSchema)
	require.ErrorContains(t, err, "99")

	_, err = sqlstore.Open(t.Context(), filepath.Join(dir, "x.db"), &sqlstore.Options{CacheSize: 5, ReadConnections: 1000, Synchronous: "maybe"})
	for _, field := range []string{"CacheSize", "ReadConnections", "Synchronous"} {
		require.ErrorContains(t, err, field, "all bad fields are named")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sqlstore.Open(ctx, filepath.Join(dir, "cancelled.db"), nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestFileModes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no file modes on Windows")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	var log bytes.Buffer
	opts := &sqlstore.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	path := filepath.Join(dir, "odd name?#%20.db")
	s := open(t, path, opts)
	fill(t, s)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3, "the database, its log and its index; no other name")
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), e.Name())
	}
	require.Empty(t, log.String())
	require.NoError(t, s.Close())
	entries, err = os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "closing writes the log back")

	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Chmod(path, 0o640))
	open(t, path, opts)
	require.Contains(t, log.String(), "accessible to other accounts")
	require.Contains(t, log.String(), "accessible to everyone")
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	writer := open(t, path, nil)
	fill(t, writer)
	reader := open(t, path, &sqlstore.Options{ReadOnly: true})
	require.Equal(t, metaversetest.Snapshot(t, writer), metaversetest.Snapshot(t, reader))
	require.ErrorContains(t, reader.Update(t.Context(), func(metaverse.Tx) error { return nil }), "reading only")
	require.NoError(t, reader.Backup(t.Context(), filepath.Join(t.TempDir(), "copy.db")))
}

// Two stores on one file are what two processes are to each other.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	a, b := open(t, path, nil), open(t, path, &sqlstore.Options{BusyTimeout: 20 * time.Millisecond})
	fill(t, a)
	require.Equal(t, metaversetest.Snapshot(t, a), metaversetest.Snapshot(t, b), "names learned by one are known to the other")
	require.NoError(t, a.Update(t.Context(), func(metaverse.Tx) error {
		called := false
		err := b.Update(t.Context(), func(metaverse.Tx) error { called = true; return nil })
		require.ErrorIs(t, err, metaverse.ErrStoreBusy)
		require.False(t, called)
		return nil
	}))
	add := func(s metaverse.Store, name string) {
		require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error {
			id, err := tx.NewCS(1)
			require.NoError(t, err)
			return tx.PutCS([]*metaverse.CSObject{{ID: id, Connector: "from " + name, Class: "class of " + name, DN: name, DNKey: name}})
		}))
	}
	for i := range 4 { // names and ids of both go on from each other
		add(a, fmt.Sprint("a", i))
		add(b, fmt.Sprint("b", i))
	}
	require.Equal(t, metaversetest.Snapshot(t, a), metaversetest.Snapshot(t, b))

	// Waiting can be cancelled.
	slow := open(t, path, &sqlstore.Options{BusyTimeout: time.Hour})
	require.NoError(t, a.Update(t.Context(), func(metaverse.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, slow.Update(ctx, func(metaverse.Tx) error { return nil }), context.DeadlineExceeded)
		return nil
	}))
}

func TestBackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "store.db"), nil)
	fill(t, s)
	copied := filepath.Join(dir, "it's a copy.db")
	require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error { // in use
		require.NoError(t, tx.PutSetting("uncommitted", []byte("x")))
		return s.Backup(t.Context(), copied)
	}))
	info, err := os.Stat(copied)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	require.ErrorIs(t, s.Backup(t.Context(), copied), os.ErrExist, "an existing file is not touched")
	b := open(t, copied, nil)
	require.Equal(t, metaversetest.Snapshot(t, s), metaversetest.Snapshot(t, b))
	require.NoError(t, b.View(t.Context(), func(r metaverse.Reader) error {
		v, err := r.Setting("uncommitted")
		require.Nil(t, v)
		return err
	}))
	problems, err := b.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, problems)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Backup(ctx, filepath.Join(dir, "cancelled.db")), context.Canceled)
	require.NoFileExists(t, filepath.Join(dir, "cancelled.db"))
}

func TestCorruptRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	fill(t, open(t, path, nil))
	raw(t, path, "UPDATE cs SET image = x'07' WHERE id = 2", "UPDATE mv SET origins = x'01ff' WHERE id = 3", "UPDATE pending_export SET sent = x''")
	s := open(t, path, nil)
	for name, read := range map[string]func(r metaverse.Reader) error{
		"cs 2":             func(r metaverse.Reader) error { _, err := r.CS([]metaverse.CSID{1, 2}); return err },
		"mv 3":             func(r metaverse.Reader) error { _, err := r.ScanMV(0, 10); return err },
		"pending_export 6": func(r metaverse.Reader) error { _, err := r.ScanPendingExports("entra", 0, 10); return err },
	} {
		err := s.View(t.Context(), read)
		require.ErrorIs(t, err, metaverse.ErrCorrupt)
		require.ErrorContains(t, err, name)
	}
	require.NoError(t, s.View(t.Context(), func(r metaverse.Reader) error { _, err := r.CS([]metaverse.CSID{1}); return err }), "others can be read")
}

func TestDump(t *testing.T) {
	t.Parallel()
	dump := func() []byte {
		s, err := sqlstore.OpenMemory(t.Context())
		require.NoError(t, err)
		defer s.Close()
		fill(t, s)
		var out bytes.Buffer
		require.NoError(t, s.Dump(t.Context(), &out))
		return out.Bytes()
	}
	text := dump()
	require.Equal(t, string(text), string(dump()), "the order is stable")
	tables := make(map[string]int)
	for line := range bytes.Lines(text) {
		var record struct{ Table string }
		require.NoError(t, json.Unmarshal(line, &record))
		tables[record.Table]++
	}
	require.Equal(t, map[string]int{"configuration": 1,
		"cs": 6, "seen": 1, "mv": 3, "cs_ref": 1, "mv_ref": 1, "ref_work": 1, "pending_export": 1, "export_ref": 1, "setting": 2, "run": 1, "object_error": 1,
	}, tables)
	require.Contains(t, string(text), `"attributes":{"cn":[{"string":"ann"}],"mail":[{"string":"ann@example.com"}]}`)
	require.Contains(t, string(text), `{"string":"x"},{"integer":1},{"boolean":true},{"binary":"AA=="},{"reference":"y"}`)
}

func TestReaderIsOverWithItsFunction(t *testing.T) {
	t.Parallel()
	s, err := sqlstore.OpenMemory(t.Context())
	require.NoError(t, err)
	defer s.Close()
	var kept metaverse.Tx
	require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error { kept = tx; return nil }))
	require.Error(t, kept.PutSetting("k", []byte("v")))
	_, err = kept.CountMV()
	require.ErrorContains(t, err, "has ended")
}

func TestMemoryLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	s, err := sqlstore.OpenMemory(t.Context())
	require.NoError(t, err)
	fill(t, s)
	require.NoError(t, s.Close())
	entries, err := os.ReadDir(tmp)
	require.NoError(t, err)
	require.Empty(t, entries)
	require.ErrorIs(t, s.View(t.Context(), func(metaverse.Reader) error { return nil }), sqlstore.ErrClosed)
}
