package connector_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector"
)

func TestAnchorTextRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := connector.NewAnchor(rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.StringMatching(`(0x)?[0-9a-f-]*`), func(s string) []byte { return []byte(s) }),
		).Draw(t, "octets"))
		back, err := connector.ParseAnchor(a.Text())
		require.NoError(t, err)
		require.Equal(t, a, back)
		for _, c := range []byte(a.Text()) {
			require.True(t, c >= 0x20 && c < 0x7f, "anchor text is printable ASCII")
		}

		text, err := json.Marshal(a)
		require.NoError(t, err)
		var parsed connector.Anchor
		require.NoError(t, json.Unmarshal(text, &parsed))
		require.Equal(t, a, parsed)
	})
}

func TestAnchorTextTellsAnchorsApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		gen := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 4), rapid.SampledFrom([][]byte{[]byte("0x"), []byte("0x00"), {0}, {}}))
		a, b := connector.NewAnchor(gen.Draw(t, "a")), connector.NewAnchor(gen.Draw(t, "b"))
		require.Equal(t, a == b, a.Text() == b.Text())
	})
}

func TestAnchorText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, text string }{
		{"", ""},
		{"object-1", "object-1"},
		{"5f3c-11", "5f3c-11"},
		{"0x41", "0x30783431"},
		{"\x00\xff", "0x00ff"},
		{"tab\t", "0x74616209"},
		{"é", "0xc3a9"},
	} {
		require.Equal(t, c.text, connector.TextAnchor(c.raw).Text())
	}
	_, err := connector.ParseAnchor("0x4")
	require.Error(t, err)
	var a connector.Anchor
	require.Error(t, a.UnmarshalText([]byte("0xzz")))
	require.True(t, a.IsZero())
}

func FuzzParseAnchor(f *testing.F) {
	for _, s := range []string{"", "0x", "0x00", "0xF", "object-1", "0x30783431"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := connector.ParseAnchor(text)
		if err != nil {
			return
		}
		again, err := connector.ParseAnchor(a.Text())
		require.NoError(t, err)
		require.Equal(t, a, again)
	})
}

func TestKey(t *testing.T) {
	t.Parallel()
	anchor := connector.TextAnchor("object-1")
	require.True(t, connector.Key{}.IsZero())
	require.False(t, connector.Key{Anchor: anchor}.IsZero())
	require.False(t, connector.Key{DN: "CN=a"}.IsZero())
	require.Equal(t, "CN=a", connector.Key{Anchor: anchor, DN: "CN=a"}.String())
	require.Equal(t, "object-1", connector.Key{Anchor: anchor}.String())
	o := connector.Object{Anchor: anchor, DN: "CN=a"}
	require.Equal(t, connector.Key{Anchor: anchor, DN: "CN=a"}, o.Key())
	b := anchor.Bytes()
	b[0] = 'X'
	require.Equal(t, "object-1", anchor.Raw(), "Bytes returns a copy")
}
