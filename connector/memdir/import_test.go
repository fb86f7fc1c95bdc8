package memdir_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
)

func TestDeltaIsValueLevel(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	var members []string
	for i := range 50 {
		dn := "CN=u" + strconv.Itoa(i)
		require.NoError(t, d.Put(user(dn, "x")))
		members = append(members, dn)
	}
	require.NoError(t, d.Put(group("CN=g", members[:48]...)))
	w := watermark(t, d)
	require.NoError(t, d.Modify(at("CN=g"),
		attr.Mod{Name: "member", Adds: []attr.Value{attr.Reference("CN=u48")}, Deletes: []attr.Value{attr.Reference("CN=u0")}}))
	got, w2, err := deltaImport(t, d, w)
	require.NoError(t, err)
	require.Equal(t, []string{"update CN=g member +CN=u48-CN=u0", "complete"}, got)

	// One who was added and removed again is told as removed: twice does no harm.
	require.NoError(t, d.Modify(at("CN=g"), attr.Mod{Name: "member", Adds: []attr.Value{attr.Reference("CN=u49")}}))
	require.NoError(t, d.Modify(at("CN=g"), attr.Mod{Name: "member", Deletes: []attr.Value{attr.Reference("CN=u49")}}))
	got, w3, err := deltaImport(t, d, w2)
	require.NoError(t, err)
	require.Equal(t, []string{"update CN=g member +-CN=u49", "complete"}, got)

	// A deleted member is one value, named by the DN that the receiver knows.
	require.NoError(t, d.Delete(at("CN=u5")))
	got, w4, err := deltaImport(t, d, w3)
	require.NoError(t, err)
	require.Equal(t, []string{"delete CN=u5", "update CN=g member +-CN=u5", "complete"}, got)

	// Where no DN would name it, the whole attribute comes.
	require.NoError(t, d.Rename(at("CN=u6"), "CN=other"))
	require.NoError(t, d.Delete(at("CN=other")))
	got, w5, err := deltaImport(t, d, w4)
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.Contains(t, got[1], "update CN=g member=+CN=u1|CN=u10")

	require.NoError(t, d.Delete(at("CN=u7")))
	require.NoError(t, d.Rename(at("CN=u8"), "CN=u7"))
	got, _, err = deltaImport(t, d, w5)
	require.NoError(t, err)
	require.Equal(t, []string{"delete CN=u7", "update CN=u7"}, got[:2], "what makes a DN free comes before what takes it")
	require.Contains(t, got[2], "update CN=g member=+")
}

func TestDeltaOfClassChange(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	require.NoError(t, d.Put(user("CN=a", "A")))
	w := watermark(t, d)
	o := user("CN=a", "A")
	o.Class = "contact"
	require.NoError(t, d.Put(o))
	got, _, err := deltaImport(t, d, w)
	require.NoError(t, err)
	require.Equal(t, []string{"object CN=a", "complete"}, got, "an object of another class comes whole")

	s, err := d.Open(t.Context(), connector.OpenOptions{Classes: []string{"user"}})
	require.NoError(t, err)
	im, _ := connector.As[connector.DeltaImporter](s)
	got, _, err = lines(im.DeltaImport(t.Context(), w, connector.ImportRequest{}))
	require.NoError(t, err)
	require.Equal(t, "complete", got[len(got)-1])
	require.Equal(t, []connector.ItemKind{connector.ItemDelete}, kinds(im.DeltaImport(t.Context(), w, connector.ImportRequest{})),
		"an object whose class leaves the scope is gone")

	w = watermark(t, d)
	require.NoError(t, d.Put(user("CN=a", "A")))
	require.NoError(t, d.Delete(at("CN=a")))
	require.Equal(t, []connector.ItemKind{connector.ItemDelete}, kinds(im.DeltaImport(t.Context(), w, connector.ImportRequest{})),
		"so is one that was of a class in scope for a while, and may have been read then")
}

func kinds(stream func(func(connector.Item, error) bool)) (out []connector.ItemKind) {
	for it, err := range stream {
		if err == nil && it.Object != nil {
			out = append(out, it.Kind)
		}
	}
	return out
}

func TestDeltaOfAttributesNotAskedFor(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	require.NoError(t, d.Put(user("CN=a", "A")))
	w := watermark(t, d)
	require.NoError(t, d.Modify(at("CN=a"), set("title", attr.String("x"))))
	s, err := d.Open(t.Context(), connector.OpenOptions{Attributes: []string{"DISPLAYNAME"}})
	require.NoError(t, err)
	im, _ := connector.As[connector.DeltaImporter](s)
	got, _, err := lines(im.DeltaImport(t.Context(), w, connector.ImportRequest{}))
	require.NoError(t, err)
	require.Equal(t, []string{"complete"}, got)
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, &memdir.Options{History: 3})
	require.NoError(t, d.Put(user("CN=a", "A")))
	w := watermark(t, d)
	for i := range 3 {
		require.NoError(t, d.Modify(at("CN=a"), set("title", attr.Int(int64(i)))))
	}
	_, _, err := deltaImport(t, d, w)
	require.NoError(t, err)
	require.NoError(t, d.Modify(at("CN=a"), set("title", attr.String("too much"))))
	got, _, err := deltaImport(t, d, w)
	require.ErrorIs(t, err, connector.ErrWatermarkExpired)
	require.Empty(t, got)
}

func TestWatermarksBelongToOneDirectory(t *testing.T) {
	t.Parallel()
	a, b := newDirectory(t, nil), newDirectory(t, nil)
	_, _, err := deltaImport(t, b, watermark(t, a))
	require.ErrorIs(t, err, connector.ErrWatermarkExpired)
}

func FuzzWatermark(f *testing.F) {
	d, err := memdir.New("test", nil)
	require.NoError(f, err)
	require.NoError(f, d.Put(user("CN=a", "A")))
	s, err := d.Open(context.Background(), connector.OpenOptions{})
	require.NoError(f, err)
	im, _ := connector.As[connector.DeltaImporter](s)
	full, _ := connector.As[connector.FullImporter](s)
	_, w, err := lines(full.FullImport(context.Background(), connector.ImportRequest{}))
	require.NoError(f, err)
	f.Add([]byte(w))
	f.Add(bytes.Replace(w, []byte("/1"), []byte("/2"), 1))
	f.Add(append(bytes.Clone(w), '9'))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _, err := lines(im.DeltaImport(t.Context(), b, connector.ImportRequest{}))
		if err != nil {
			require.ErrorIs(t, err, connector.ErrWatermarkExpired)
			require.Empty(t, got)
		}
		_, _, err = lines(im.DeltaImport(t.Context(), w, connector.ImportRequest{Resume: b}))
		require.True(t, b == nil || err == nil || errors.Is(err, connector.ErrWatermarkExpired))
		_, _, err = lines(full.FullImport(t.Context(), connector.ImportRequest{Resume: b}))
		require.True(t, b == nil || err == nil || errors.Is(err, connector.ErrWatermarkExpired))
	})
}

func TestPartitions(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, &memdir.Options{
		Partitions: []connector.Partition{{ID: "root", DN: "DC=x"}, {ID: "child", DN: "DC=c,DC=x", Parameters: map[string]string{"Domain.FQDN": "c.x"}}},
		Parameters: map[string]string{"Forest.FQDN": "x"},
	})
	put := user("CN=c,DC=y", "C")
	put.Partition = "own"
	require.NoError(t, d.Put(user("CN=a,dc=X", "A"), user("CN=b,DC=c,DC=x", "B"), put, user("CN=d,DC=xx", "D")))
	for dn, want := range map[string]string{"CN=a,DC=x": "root", "CN=b,DC=c,DC=x": "child", "CN=c,DC=y": "own", "CN=d,DC=xx": ""} {
		o, err := d.Get(at(dn))
		require.NoError(t, err)
		require.Equal(t, want, o.Partition, dn)
	}
	s, err := d.Schema(t.Context())
	require.NoError(t, err)
	require.Equal(t, "x", s.Parameters["Forest.FQDN"])
	require.Len(t, s.Partitions, 2)
}

func TestSchemaShowsWhatObjectsHold(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	o := connector.Object{Class: "printer", DN: "CN=p"}
	o.Attributes.Put("tray", attr.Int(1))
	o.Attributes.Put("DisplayName", attr.String("P"))
	require.NoError(t, d.Put(o))
	s, err := d.Schema(t.Context())
	require.NoError(t, err)
	c, ok := s.Class("printer")
	require.True(t, ok)
	require.ElementsMatch(t, []string{"displayName", "tray"}, c.Attributes)
	a, ok := s.Attribute("tray")
	require.True(t, ok)
	require.Equal(t, attr.KindInt, a.Kind)
	s.Classes[0].Attributes[0] = "changed"
	again, err := d.Schema(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, "changed", again.Classes[0].Attributes[0], "the schema is the caller's to change")
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, &memdir.Options{PageSize: 3})
	require.NoError(t, d.Put(group("CN=g")))
	w := watermark(t, d)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 40 {
				dn := "CN=u" + strconv.Itoa(worker) + "-" + strconv.Itoa(i)
				_ = d.Put(user(dn, "x"))
				_ = d.Modify(at("CN=g"), attr.Mod{Name: "member", Adds: []attr.Value{attr.Reference(dn)}})
				if i%3 == 0 {
					_ = d.Delete(at(dn))
				}
				d.SetFaults(memdir.Faults{})
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			s, err := d.Open(context.Background(), connector.OpenOptions{})
			if err != nil {
				return
			}
			full, _ := connector.As[connector.FullImporter](s)
			delta, _ := connector.As[connector.DeltaImporter](s)
			for range 10 {
				_, _, _ = lines(full.FullImport(context.Background(), connector.ImportRequest{}))
				_, _, _ = lines(delta.DeltaImport(context.Background(), w, connector.ImportRequest{}))
				_, _ = d.Schema(context.Background())
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1+4*26, d.Len())
	require.Len(t, texts(t, d, "CN=g", "member"), 4*26)
}

func TestImportFaults(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, &memdir.Options{PageSize: 2})
	require.NoError(t, d.Put(user("CN=a", "A"), user("CN=b", "B"), user("CN=c", "C")))
	w := watermark(t, d)
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		f    memdir.Faults
		want []string
		err  error
	}{
		"none":              {memdir.Faults{}, []string{"object CN=a", "object CN=b", "object CN=c", "complete"}, nil},
		"error at once":     {memdir.Faults{Import: broken}, nil, broken},
		"error after two":   {memdir.Faults{Import: broken, After: 2}, []string{"object CN=a", "object CN=b"}, broken},
		"error at the end":  {memdir.Faults{Import: broken, After: -1}, []string{"object CN=a", "object CN=b", "object CN=c"}, broken},
		"truncated":         {memdir.Faults{Truncate: true, After: 1}, []string{"object CN=a"}, nil},
		"without Complete":  {memdir.Faults{Truncate: true, After: -1}, []string{"object CN=a", "object CN=b", "object CN=c"}, nil},
		"repeated token":    {memdir.Faults{RepeatToken: true}, []string{"object CN=a", "object CN=b", "object CN=a", "object CN=b"}, connector.ErrProtocol},
		"trouble with some": {memdir.Faults{Item: func(k connector.Key) error { return map[string]error{"CN=b": broken}[k.DN] }}, []string{"object CN=a", "object CN=b error", "object CN=c", "complete"}, nil},
		"edit meanwhile": {memdir.Faults{Page: func(n int) {
			if n == 1 {
				_ = d.Put(user("CN=new", "N"))
			}
		}}, []string{"object CN=a", "object CN=b", "object CN=c", "object CN=new", "complete"}, nil},
	} {
		d.SetFaults(c.f)
		got, _, err := fullImport(t, d)
		require.ErrorIs(t, err, c.err, name)
		require.Equal(t, c.want, got, name)
		d.SetFaults(memdir.Faults{})
		if name == "edit meanwhile" {
			require.NoError(t, d.Delete(at("CN=new")))
		}
	}
	d.SetFaults(memdir.Faults{ExpireWatermark: true})
	_, _, err := deltaImport(t, d, w)
	require.ErrorIs(t, err, connector.ErrWatermarkExpired)
	d.SetFaults(memdir.Faults{Open: broken})
	_, err = d.Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, broken)
	_, err = d.Schema(t.Context())
	require.ErrorIs(t, err, broken)
	d.SetFaults(memdir.Faults{Read: broken})
	_, _, err = lines(open1[connector.ObjectReader](t, d).ReadObjects(t.Context(), []connector.Key{at("CN=a")}))
	require.ErrorIs(t, err, broken)
}

func TestClosedSession(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	s, err := d.Open(t.Context(), connector.OpenOptions{})
	require.NoError(t, err)
	require.NoError(t, s.Close(t.Context()))
	full, _ := connector.As[connector.FullImporter](s)
	_, _, err = lines(full.FullImport(t.Context(), connector.ImportRequest{}))
	require.ErrorContains(t, err, "closed")
	ex, _ := connector.As[connector.Exporter](s)
	_, err = ex.Export(t.Context(), nil)
	require.ErrorContains(t, err, "closed")
}
