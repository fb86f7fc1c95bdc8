package sqlstore

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// names that encoders and decoders of tests share; no database is needed while no name is new.
func testDictionary() *dictionary {
	d := &dictionary{}
	for i, name := range []string{"cn", "mail", "member", "x"} {
		d.add(nameAttribute, int64(i+1), name)
	}
	d.add(nameRule, 1, "rule")
	d.add(nameRule, 300, "far rule")
	return d
}

func testEncoder() *encoder { return &encoder{t: &tx{reader: reader{dict: testDictionary()}}} }

func TestCodecRoundTrip(t *testing.T) {
	t.Parallel()
	e := testEncoder()
	set := attr.NewSet(map[string][]attr.Value{
		"cn":     {attr.String("Zoë"), attr.String("")},
		"mail":   {attr.Int(math.MinInt64), attr.Int(math.MaxInt64), attr.Int(0)},
		"member": {attr.String("a"), attr.Bool(true), attr.BinaryString("\x00\xff"), attr.Reference("r"), attr.Bool(false)},
	})
	for range 20 {
		set.Append("x", attr.Int(-1))
	}
	record, err := e.attributes(&set)
	require.NoError(t, err)
	got, err := decodeAttributes(testDictionary(), record)
	require.NoError(t, err)
	require.True(t, set.Equal(&got), got.String())

	flows := []metaverse.ReferenceFlow{{Target: "member", Source: "x", Rule: "far rule"}, {Target: "cn", Source: "cn"}}
	record, err = e.flows(flows)
	require.NoError(t, err)
	gotFlows, err := decodeFlows(testDictionary(), record)
	require.NoError(t, err)
	require.Equal(t, flows, gotFlows)
}

func TestCodecRefuses(t *testing.T) {
	t.Parallel()
	e := testEncoder()
	set := attr.NewSet(map[string][]attr.Value{"cn": {attr.String("abc")}, "mail": {attr.Int(5)}})
	good, err := e.attributes(&set)
	require.NoError(t, err)
	good = append([]byte(nil), good...)

	_, err = e.attributes(new(attr.NewSet(map[string][]attr.Value{"cn": {{}}})))
	require.ErrorIs(t, err, errNoValue)
	_, err = e.mods([]attr.Mod{{Name: ""}})
	require.ErrorIs(t, err, errNoName)

	for n := range good { // every truncation
		_, err := decodeAttributes(testDictionary(), good[:n])
		require.Error(t, err, "%d octets", n)
	}
	for name, record := range map[string][]byte{
		"trailing":          append(slices.Clip(good), 0),
		"version":           append([]byte{9}, good[1:]...),
		"no version":        nil,
		"unknown attribute": {1, 1, 99, 1<<3 | 3, 1},
		"no attribute":      {1, 1, 0, 1<<3 | 3, 1},
		"attribute twice":   {1, 2, 1, 1<<3 | 3, 1, 1, 1<<3 | 3, 1},
		"no values":         {1, 1, 1, 0, 0},
		"bad kind":          {1, 1, 1, 1<<3 | 7, 1},
		"bad boolean":       {1, 1, 1, 1<<3 | 3, 2},
		"too many":          {1, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"too many values":   {1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"too long":          {1, 1, 1, 1<<3 | 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"endless number":    {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
	} {
		_, err := decodeAttributes(testDictionary(), record)
		require.Error(t, err, name)
	}
	_, err = decodeOrigins(testDictionary(), []byte{1, 1, 5, 1, 1, 1, 1, 0})
	require.Error(t, err, "an object beyond the list")
}

// FuzzDecode feeds the decoders what a damaged or forged file may hold. They must not panic,
// not take memory beyond a small multiple of the record, and understand what they accept.
func FuzzDecode(f *testing.F) {
	e := testEncoder()
	set := attr.NewSet(map[string][]attr.Value{"cn": {attr.String("abc"), attr.Int(1)}, "mail": {attr.Int(5)}})
	record, err := e.attributes(&set)
	require.NoError(f, err)
	f.Add(record)
	record, err = e.mods([]attr.Mod{{Name: "cn", Replace: true, Adds: set.Values("cn")}, {Name: "mail", Deletes: set.Values("mail")}})
	require.NoError(f, err)
	f.Add(record)
	record, err = e.origins([]metaverse.Origin{{Attribute: "cn", Rule: "rule", CS: 1 << 40}, {Attribute: "mail", Rule: "far rule", CS: 2, Source: "x"}})
	require.NoError(f, err)
	f.Add(record)
	record, err = e.flows([]metaverse.ReferenceFlow{{Target: "cn", Source: "mail", Rule: "rule"}})
	require.NoError(f, err)
	f.Add(record)
	packed := packedDictionary()
	for _, dict := range []*dictionary{testDictionary(), packed} {
		record, err = (&encoder{t: &tx{reader: reader{dict: dict}}}).attributes(new(packedPerson(1)))
		require.NoError(f, err)
		f.Add(record)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		dict := packed
		e := &encoder{t: &tx{reader: reader{dict: dict}}}
		if set, err := decodeAttributes(dict, record); err == nil {
			again, err := e.attributes(&set)
			require.NoError(t, err)
			got, err := decodeAttributes(dict, again)
			require.NoError(t, err)
			require.True(t, set.Equal(&got))
		}
		if mods, err := decodeMods(dict, record); err == nil {
			again, err := e.mods(mods)
			require.NoError(t, err)
			got, err := decodeMods(dict, again)
			require.NoError(t, err)
			require.Equal(t, mods, got)
		}
		if origins, err := decodeOrigins(dict, record); err == nil {
			again, err := e.origins(origins)
			require.NoError(t, err)
			got, err := decodeOrigins(dict, again)
			require.NoError(t, err)
			require.Equal(t, origins, got)
		}
		if flows, err := decodeFlows(dict, record); err == nil && len(record) > 0 {
			_, err := e.flows(flows)
			require.NoError(t, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	e := testEncoder()
	var set attr.Set
	for i := range 40 {
		name := string(rune('a'+i%26)) + string(rune('a'+i/26))
		e.t.dict.add(nameAttribute, int64(10+i), name)
		set.Put(name, attr.String("a value of some thirty octets!"))
	}
	record, err := e.attributes(&set)
	require.NoError(b, err)
	record = append([]byte(nil), record...)
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeAttributes(e.t.dict, record); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.attributes(&set); err != nil {
				b.Fatal(err)
			}
		}
	})
}
