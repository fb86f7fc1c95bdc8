package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
)

// openAs opens a store as a version of the program would that knows the steps.
func openAs(ctx context.Context, name string, steps []string) (*Store, error) {
	return openWaiting(ctx, name, steps, nil)
}

// openWaiting is openAs with a function that hears of whom it waits for.
func openWaiting(ctx context.Context, name string, steps []string, waiting func(metaverse.Holder)) (*Store, error) {
	o := (&Options{Reconnect: -1, Waiting: waiting}).withDefaults()
	if IsURL(name) {
		db, err := openPostgres(ctx, name, o, steps)
		if err != nil {
			return nil, err
		}
		s := newStore(db, o)
		s.leasing = make(chan conn, 1)
		s.leasing <- nil
		return s, nil
	}
	if err := prepareFile(name, &o); err != nil {
		return nil, err
	}
	db, err := openSQLite(ctx, name, o, steps)
	if err != nil {
		return nil, err
	}
	return newStore(db, o), nil
}

// A new version of the program is started beside the old one, which is at work: it waits, brings the
// schema forward when the old one hands over, and the old one writes nothing any more.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(t.TempDir(), "store.db")
			if kind == "postgres" {
				name = postgrestest.Start(t, nil).URL()
			}
			ctx := t.Context()
			before := migrations()
			after := append(migrations(), "CREATE TABLE invention (id INTEGER PRIMARY KEY) STRICT; ALTER TABLE mv ADD COLUMN noted INTEGER NOT NULL DEFAULT 0; UPDATE mv SET noted = id;")
			old, err := openAs(ctx, name, before)
			require.NoError(t, err)
			defer old.Close()
			put := func(tx metaverse.Tx) error { return tx.PutSetting("k", []byte("v")) }
			require.NoError(t, old.Update(ctx, put))
			lease, err := old.AcquireLease(ctx, metaverse.Holder{Host: "old"}, time.Hour, nil)
			require.NoError(t, err)

			short, cancel := context.WithCancel(ctx)
			var told []metaverse.Holder
			_, err = openWaiting(short, name, after, func(h metaverse.Holder) {
				told = append(told, h)
				time.AfterFunc(3*handOverPause/2, cancel) // after another look at the lease
			})
			cancel()
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorContains(t, err, "hand over")
			require.Equal(t, []metaverse.Holder{{Host: "old"}}, told)
			require.NoError(t, old.Update(ctx, put), "the old one is not disturbed")

			opened, ended := make(chan error, 1), make(chan error, 1)
			waits, writes := make(chan metaverse.Holder, 1), make(chan struct{})
			var fresh *Store
			go func() {
				var err error
				fresh, err = openWaiting(ctx, name, after, func(h metaverse.Holder) { waits <- h })
				opened <- err
			}()
			written := int64(0)
			go func() { // the old one writes until it is refused
				for {
					if err := old.Update(ctx, writeOne); err != nil {
						ended <- err
						return
					}
					if written++; written == 10 {
						close(writes)
					}
					time.Sleep(time.Millisecond) // others want to write, too
				}
			}()
			for range 2 { // until one waits and the other one is at work
				select {
				case <-waits:
				case <-writes:
					writes = nil
				case err := <-opened:
					require.NoError(t, err)
					require.FailNow(t, "it does not wait")
				case err := <-ended:
					require.NoError(t, err)
				}
			}
			require.NoError(t, old.ReleaseLease(ctx, lease.Token))
			require.NoError(t, <-opened)
			defer fresh.Close()
			require.ErrorIs(t, <-ended, metaverse.ErrNewerSchema)
			require.GreaterOrEqual(t, written, int64(10))
			require.NoError(t, fresh.View(ctx, func(rd metaverse.Reader) error {
				count, err := rd.CountMV()
				require.Equal(t, written, count["person"], "everything that the old one has written is there, and nothing that it was refused")
				return err
			}))
			problems, err := fresh.Check(ctx)
			require.NoError(t, err)
			require.Empty(t, problems)
			require.ErrorIs(t, old.Update(ctx, put), metaverse.ErrNewerSchema)
			require.ErrorIs(t, old.View(ctx, func(metaverse.Reader) error { return nil }), metaverse.ErrNewerSchema)
			_, err = old.AcquireLease(ctx, metaverse.Holder{Host: "old"}, time.Hour, nil)
			require.ErrorIs(t, err, metaverse.ErrNewerSchema)
			_, err = fresh.AcquireLease(ctx, metaverse.Holder{Host: "new"}, time.Hour, nil)
			require.NoError(t, err)
			require.NoError(t, fresh.Update(ctx, put))
			_, err = openAs(ctx, name, before)
			require.ErrorIs(t, err, metaverse.ErrNewerSchema)
		})
	}
}

// writeOne writes an object of a directory and the identity that it is linked to.
func writeOne(tx metaverse.Tx) error {
	cs, err := tx.NewCS(1)
	if err != nil {
		return err
	}
	mv, err := tx.NewMV(1)
	if err != nil {
		return err
	}
	name := fmt.Sprint("object ", cs)
	set := attr.NewSet(map[string][]attr.Value{"cn": {attr.String(name)}})
	return errors.Join(
		tx.PutCS([]*metaverse.CSObject{{ID: cs, Connector: "ad", Class: "user", DN: name, DNKey: name, State: metaverse.Connected, Imported: true, Image: set}}),
		tx.PutMV([]*metaverse.MVObject{{ID: mv, Class: "person", Attributes: set}}),
		tx.SetLink([]metaverse.CSID{cs}, []metaverse.Link{{MV: mv, Kind: metaverse.LinkProject}}),
	)
}

// A store of the first version, from before there was a lease, is brought forward.
func TestUpgradeFromTheFirstVersion(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "store.db")
	c := rawConn(t, name)
	require.NoError(t, migrate(t.Context(), c, migrations()[:1], &Options{}))
	s, err := Open(t.Context(), name, nil)
	require.NoError(t, err)
	defer s.Close()
	_, err = s.AcquireLease(t.Context(), metaverse.Holder{Host: "a"}, time.Hour, nil)
	require.NoError(t, err)
}

// The fate of a transaction can be asked for after its connection is gone.
func TestPostgresOutcome(t *testing.T) {
	t.Parallel()
	s, err := openAs(t.Context(), postgrestest.Start(t, nil).URL(), migrations())
	require.NoError(t, err)
	defer s.Close()
	d := s.db.(*postgres)
	lost := errors.New("conn closed")
	var id string
	note := func(tx metaverse.Tx) error {
		id = s.writer.(*pgConn).id
		return tx.PutSetting("k", []byte("v"))
	}
	require.NoError(t, s.Update(t.Context(), note))
	require.NoError(t, d.outcome(t.Context(), id, lost), "it was committed")
	require.ErrorIs(t, s.Update(t.Context(), func(tx metaverse.Tx) error { return errors.Join(note(tx), errStop) }), errStop)
	require.ErrorIs(t, d.outcome(t.Context(), id, lost), lost, "it was undone")
}

func TestPostgresTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			rapid.StringOfN(rapid.SampledFrom([]rune{0, 'a', 0xf8ff, '0'}), 0, 8, -1)).Draw(t, "text")
		there := pgString(s)
		require.Equal(t, s, goString(there))
		require.NotContains(t, there, "\x00")
		require.Equal(t, strings.ToValidUTF8(there, "?"), there)
	})
}

// Which tables a statement reads and writes decides about the order of what is put off.
func TestPostgresStatements(t *testing.T) {
	t.Parallel()
	tests := []struct {
		q, kinds string
		width    int
		writes   string
		reads    []string
		keys     []int
	}{
		{sqlPutCS, "iiiiiibsbb", 10, "cs", nil, []int{0}},
		{sqlPutLinks, "iiiiib", 6, "link", nil, []int{0}},
		{sqlPutExportRefs, "iiiii", 5, "export_ref", nil, []int{0, 1, 2}},
		{sqlPutPendingImport, "il", 0, "pending_import", []string{"cs"}, nil},
		{sqlDeleteSeen, "l", 0, "seen", []string{"cs"}, nil},
		{sqlDeleteCSValue, "ibi", 3, "cs_value", nil, nil},
		{sqlCS, "l", 0, "", []string{"cs", "pending_import", "link"}, nil},
		{newRefTables().cs.workTo, "il", 0, "ref_work", []string{"cs_ref"}, nil},
		{sqlCountUnconfirmed, "i", 0, "", []string{"pending_export", "export_ref", "cs"}, nil},
	}
	for _, tt := range tests {
		q := tt.q
		if tt.width > 0 {
			var ok bool
			q, ok = pgColumnar(q)
			require.True(t, ok, q)
		}
		s, err := pgTranslate(q, tt.kinds, tt.width)
		require.NoError(t, err)
		require.Equal(t, tt.writes, s.writes, q)
		require.ElementsMatch(t, tt.reads, s.reads, q)
		require.Equal(t, tt.keys, s.keys, q)
		require.NotContains(t, s.text, "?", q)
		require.NotContains(t, s.text, "json_each", q)
	}
}

// Writes that cannot be told apart are put together, others keep their order.
func TestPostgresQueue(t *testing.T) {
	t.Parallel()
	c := &pgConn{db: &postgres{}}
	write := func(q string, args ...any) { require.NoError(t, c.write(t.Context(), q, 0, 0, args)) }
	link := func(cs, mv int64) {
		require.NoError(t, c.write(t.Context(), sqlPutLinks, 1, 6, []any{cs, mv, int64(1), int64(0), int64(0), nil}))
	}
	for i := range int64(1000) {
		link(i, i)
		write(sqlPutSetting, "k", []byte{byte(i)})
	}
	require.Len(t, c.queue.entries, 2, "a thousand rows of two tables are two statements")
	require.Len(t, c.queue.entries[0].rows, 1000)
	require.Len(t, c.queue.entries[1].rows, 1, "a row that is replaced is written once")
	require.Equal(t, []byte{byte(999 % 256)}, c.queue.entries[1].rows[0][1])
	write(sqlDeleteLinks, list{1})
	write(sqlDeleteLinks, list{2})
	require.Len(t, c.queue.entries, 3, "lists grow")
	link(1, 7)
	require.Len(t, c.queue.entries, 4, "what comes after a deletion stays after it")
	require.True(t, c.queue.dirty([]string{"cs", "link"}))
	require.False(t, c.queue.dirty([]string{"cs"}))
}
