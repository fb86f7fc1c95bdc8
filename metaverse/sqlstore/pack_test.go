package sqlstore

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
)

// packedPerson has what everybody has, and what tells people apart.
func packedPerson(i int) attr.Set {
	n := strconv.Itoa(i)
	return attr.NewSet(map[string][]attr.Value{
		"cn":     {attr.String("Person" + n)},
		"mail":   {attr.String("person" + n + "@research.contoso.test")},
		"member": {attr.String("Contoso Manufacturing and Distribution, Harbour Street, floor " + n)},
		"x":      {attr.BinaryString("x500:/o=Contoso/ou=Exchange/cn=Recipients"), attr.String("x500:/o=Contoso/ou=Exchange/cn=Recipients/cn=person" + n)},
	})
}

func packedDictionary() *dictionary {
	people := make([]*attr.Set, 100)
	for i := range people {
		people[i] = new(packedPerson(i))
	}
	d := testDictionary()
	for i, text := range commonTexts(people) {
		d.add(nameText, int64(i+1), text)
	}
	d.learnt()
	return d
}

func TestPackedRoundTrip(t *testing.T) {
	t.Parallel()
	set := packedPerson(4711)
	sizes := make(map[string]int)
	for name, dict := range map[string]*dictionary{"no texts": testDictionary(), "texts": packedDictionary()} {
		e := &encoder{t: &tx{reader: reader{dict: dict}}}
		record, err := e.attributes(&set)
		require.NoError(t, err)
		require.Equal(t, byte(packedVersion), record[0], name)
		require.Less(t, len(record), len(e.buf), name)
		sizes[name] = len(record)
		again := bytes.Clone(record)
		record, err = e.attributes(&set)
		require.NoError(t, err)
		require.Equal(t, again, record, "the same object is always the same record")
		got, err := decodeAttributes(dict, record)
		require.NoError(t, err)
		require.True(t, set.Equal(&got), name)
		for cut := range len(record) {
			_, err := decodeAttributes(dict, record[:cut])
			require.Error(t, err, "%s, cut off at %d", name, cut)
		}
	}
	require.Less(t, sizes["texts"], sizes["no texts"])
}

func TestPackedRefuses(t *testing.T) {
	t.Parallel()
	dict := packedDictionary()
	require.NotNil(t, dict.packer)
	e := &encoder{t: &tx{reader: reader{dict: dict}}}
	record, err := e.attributes(new(packedPerson(1)))
	require.NoError(t, err)
	_, err = decodeAttributes(testDictionary(), record)
	require.ErrorIs(t, err, errNoTexts)

	// What unpacks to very much more is not written, and not read.
	long := attr.NewSet(map[string][]attr.Value{"cn": {attr.String(strings.Repeat("a", 1<<20))}})
	record, err = e.attributes(&long)
	require.NoError(t, err)
	require.Equal(t, byte(recordVersion), record[0])
	bomb := append([]byte{packedVersion, 0}, s2.Encode(nil, record[1:])...)
	_, err = decodeAttributes(dict, bomb)
	require.ErrorIs(t, err, errBadPacked)
	forged := binary.AppendUvarint([]byte{packedVersion, 0}, 1<<31)
	_, err = decodeAttributes(dict, append(forged, record[:100]...))
	require.ErrorIs(t, err, errBadPacked)
}

// Common texts are what many objects have. What a few have is not kept longer than they are.
func TestCommonTexts(t *testing.T) {
	t.Parallel()
	people := make([]*attr.Set, 100)
	for i := range people {
		people[i] = new(packedPerson(i + 1000))
	}
	texts := commonTexts(people)
	require.Equal(t, texts, commonTexts(people))
	all := strings.Join(texts, "\n")
	require.Contains(t, all, "Contoso Manufacturing and Distribution, Harbour Street, floor ")
	require.Contains(t, all, "research.contoso.test")
	for i := range people {
		require.NotContains(t, all, strconv.Itoa(i+1000))
	}
	require.Empty(t, commonTexts([]*attr.Set{new(packedPerson(1))}))
}

// A store learns its common texts once; every process that opens it has them.
func TestTextsAreLearnt(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(t.TempDir(), "store.db")
			if kind == "postgres" {
				name = postgrestest.Start(t, nil).URL()
			}
			first, err := Open(t.Context(), name, nil)
			require.NoError(t, err)
			defer first.Close()
			other, err := Open(t.Context(), name, nil)
			require.NoError(t, err)
			defer other.Close()
			put := func(s *Store, from, n int, give error) error {
				return s.Update(t.Context(), func(tx metaverse.Tx) error {
					objects := make([]*metaverse.CSObject, n)
					for i := range objects {
						id, err := tx.NewCS(1)
						if err != nil {
							return err
						}
						dn := "person" + strconv.Itoa(from+i)
						objects[i] = &metaverse.CSObject{ID: id, Connector: "ad", Class: "user", DN: dn, DNKey: dn, Anchor: connector.TextAnchor(dn), Image: packedPerson(from + i)}
					}
					if err := tx.PutCS(objects); err != nil {
						return err
					}
					return give
				})
			}
			texts := func(s *Store) (n int64) {
				require.NoError(t, s.View(t.Context(), func(rd metaverse.Reader) error {
					objects, err := rd.ScanCS("ad", 0, 1000)
					for _, o := range objects {
						i, err := strconv.Atoi(strings.TrimPrefix(o.DN, "person"))
						require.NoError(t, err)
						require.True(t, o.Image.Equal(new(packedPerson(i))))
					}
					if p := rd.(*reader).dict.packer; p != nil { //nolint:forcetypeassert // it is ours
						n = p.texts
					}
					return err
				}))
				return n
			}
			require.NoError(t, put(first, 0, learnFrom-1, nil))
			require.Zero(t, texts(first), "too few objects to learn from")
			require.ErrorIs(t, put(first, 100, learnFrom, errNoName), errNoName)
			require.Zero(t, texts(first), "what is rolled back is not learnt")
			require.NoError(t, put(first, 100, learnFrom, nil))
			require.NotZero(t, texts(first))
			require.Equal(t, texts(first), texts(other))
			require.NoError(t, put(other, 300, learnMost, nil))
			require.Equal(t, texts(first), texts(other), "learnt once")
		})
	}
}
