package sqlstore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// crashStore is set in the environment of the process that is to be killed.
const crashStore = "SQLSTORE_CRASH_TEST"

const crashBatch = 50

// TestMain is also the program that TestCrash kills.
func TestMain(m *testing.M) {
	if path := os.Getenv(crashStore); path != "" {
		if err := writeForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	status := m.Run()
	if err := stopSharedServer(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// writeForever writes batches of objects with all that belongs to them, and says so on standard
// output after each commit.
func writeForever(path string) error {
	ctx := context.Background() // this is a program, not a test
	store, err := sqlstore.Open(ctx, path, &sqlstore.Options{CacheSize: 1 << 20})
	if err != nil {
		return err
	}
	for batch := 0; ; batch++ {
		err := store.Update(ctx, writeCrashBatch)
		if err != nil {
			return err
		}
		fmt.Println(batch + 1)
	}
}

func writeCrashBatch(tx metaverse.Tx) error {
	first, err := tx.NewCS(crashBatch)
	if err != nil {
		return err
	}
	mv, err := tx.NewMV(crashBatch)
	if err != nil {
		return err
	}
	var objects []*metaverse.CSObject
	var people []*metaverse.MVObject
	var ids []metaverse.CSID
	var links []metaverse.Link
	var refs []metaverse.CSRef
	var values [][]metaverse.ValueKey
	for i := range metaverse.CSID(crashBatch) {
		id := first + i
		name := fmt.Sprintf("object %d", id)
		image := attr.NewSet(map[string][]attr.Value{"cn": {attr.String(name)}, "photo": {attr.Binary(make([]byte, 3000))}})
		objects = append(objects, &metaverse.CSObject{ID: id, Connector: "ad", Class: fmt.Sprint("class ", id), DN: name, DNKey: name, State: metaverse.Connected, Imported: true, Image: image})
		people = append(people, &metaverse.MVObject{ID: mv + metaverse.MVID(i), Class: "person", Attributes: image})
		ids = append(ids, id)
		links = append(links, metaverse.Link{MV: mv + metaverse.MVID(i), Kind: metaverse.LinkProject})
		refs = append(refs, metaverse.CSRef{Source: first, Attribute: "member", Target: id})
		values = append(values, []metaverse.ValueKey{{Attribute: "cn", Key: "s" + name}})
	}
	if err := tx.SetCSValues(ids, values); err != nil {
		return err
	}
	if err := tx.PutCS(objects); err != nil {
		return err
	}
	if err := tx.PutMV(people); err != nil {
		return err
	}
	if err := tx.SetLink(ids, links); err != nil {
		return err
	}
	if err := tx.AddCSRefs(refs); err != nil {
		return err
	}
	return tx.SetPendingImport(metaverse.ImportAdd, ids)
}

// A process killed at any moment leaves a store that holds every batch it has reported, whole
// batches only, and in which everything fits together.
func TestCrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	total := int64(0) // batches after the rounds before
	for round := range 6 {
		reported := killWriter(t, path, time.Duration(15+37*round)*time.Millisecond)
		store := open(t, path, nil)
		problems, err := store.Check(t.Context())
		require.NoError(t, err)
		require.Empty(t, problems)
		var counts metaverse.CSCounts
		require.NoError(t, store.View(t.Context(), func(r metaverse.Reader) error {
			counts, err = r.CountCS("ad")
			return err
		}))
		require.Zero(t, counts.Objects%crashBatch, "whole batches only")
		batches := counts.Objects / crashBatch
		require.GreaterOrEqual(t, batches, total+reported, "what was reported is there")
		require.LessOrEqual(t, batches, total+reported+1)
		require.Equal(t, counts.Objects, counts.PendingImport)
		total = batches
		require.NoError(t, store.Close())
	}
	require.Positive(t, total, "something was written at all")
}

// killWriter runs the writing process, kills it a while after its first commit and returns how
// many batches it has reported.
func killWriter(t *testing.T, path string, after time.Duration) int64 {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), crashStore+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var reported int64
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if reported == 0 {
			time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
		reported, err = strconv.ParseInt(lines.Text(), 10, 64)
		require.NoError(t, err)
	}
	require.Error(t, cmd.Wait(), "the process was killed")
	require.Positive(t, reported)
	return reported
}
