package sourceanchor_test

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/sourceanchor"
)

// vectors pair the forms of the same anchor.
var vectors = []struct{ guid, bytes, id, wrong, dn string }{
	{"01234567-89ab-cdef-0123-456789abcdef", "67452301ab89efcd0123456789abcdef", "Z0UjAauJ780BI0VniavN7w==",
		"ASNFZ4mrze8BI0VniavN7w==", "CN={5A30556A4161754A373830424930566E6961764E37773D3D}"},
	{"00112233-4455-6677-8899-aabbccddeeff", "33221100554477668899aabbccddeeff", "MyIRAFVEd2aImaq7zN3u/w==",
		"ABEiM0RVZneImaq7zN3u/w==", "CN={4D79495241465645643261496D6171377A4E33752F773D3D}"},
	{"30475e40-e7ae-4af3-af75-8b143c81daf5", "405e4730aee7f34aaf758b143c81daf5", "QF5HMK7n80qvdYsUPIHa9Q==",
		"", "CN={514635484D4B376E38307176645973555049486139513D3D}"},
	{"88666888-0101-1111-bbbb-1234567890ab", "8868668801011111bbbb1234567890ab", "iGhmiAEBERG7uxI0VniQqw==",
		"", "CN={6947686D694145424552473775784930566E695171773D3D}"},
	{"897485c7-81a7-42eb-97c6-37ed73077b1f", "c7857489a781eb4297c637ed73077b1f", "x4V0iaeB60KXxjftcwd7Hw==",
		"", "CN={783456306961654236304B58786A66746377643748773D3D}"},
	{"00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000", "AAAAAAAAAAAAAAAAAAAAAA==",
		"", "CN={414141414141414141414141414141414141414141413D3D}"},
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		t.Run(v.guid, func(t *testing.T) {
			t.Parallel()
			g, err := sourceanchor.ParseGUID("{" + v.guid + "}")
			require.NoError(t, err)
			require.Equal(t, v.bytes, hex.EncodeToString(g[:]))
			require.Equal(t, v.guid, sourceanchor.FormatGUID(g))
			a := sourceanchor.FromGUID(g)
			require.Equal(t, v.id, a.ImmutableID())
			require.Equal(t, v.dn, a.DN())
			back, err := sourceanchor.ParseDN(v.dn)
			require.NoError(t, err)
			require.Equal(t, a, back)
			parsed, err := sourceanchor.ParseGUIDAnchor(v.id)
			require.NoError(t, err)
			require.Equal(t, a, parsed)
			if v.wrong != "" {
				require.Equal(t, v.wrong, a.SwapByteOrder().ImmutableID())
			}
		})
	}
}

func TestEveryGUIDSurvives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "guid"))
		text := sourceanchor.FormatGUID(g)
		again, err := sourceanchor.ParseGUID(text)
		require.NoError(t, err)
		require.Equal(t, g, again)
		a := sourceanchor.FromGUID(g)
		b, err := sourceanchor.Parse(a.ImmutableID())
		require.NoError(t, err)
		c, err := sourceanchor.ParseDN(b.DN())
		require.NoError(t, err)
		back, ok := c.GUID()
		require.True(t, ok)
		require.Equal(t, g, back)
		require.Equal(t, a, a.SwapByteOrder().SwapByteOrder())
	})
}

func TestRandomGUIDInTheWrongOrderIsSuspected(t *testing.T) {
	t.Parallel()
	g, err := sourceanchor.ParseGUID("30475e40-e7ae-4af3-af75-8b143c81daf5")
	require.NoError(t, err)
	right := sourceanchor.FromGUID(g)
	require.False(t, right.SuspectBigEndian())
	require.True(t, right.SwapByteOrder().SuspectBigEndian())
	text, err := sourceanchor.FromString("E1234")
	require.NoError(t, err)
	require.False(t, text.SuspectBigEndian())
	require.Equal(t, text, text.SwapByteOrder())
}

func TestOtherAttributes(t *testing.T) {
	t.Parallel()
	require.Equal(t, "4711", sourceanchor.FromInt(4711).ImmutableID())
	require.Equal(t, "3q2+7w==", sourceanchor.FromBytes([]byte{0xde, 0xad, 0xbe, 0xef}).ImmutableID())
	require.True(t, sourceanchor.FromBytes(nil).IsZero())
	require.Empty(t, sourceanchor.Anchor{}.DN())
	upper, err := sourceanchor.FromString("JohnDoe")
	require.NoError(t, err)
	lower, err := sourceanchor.FromString("johndoe")
	require.NoError(t, err)
	require.NotEqual(t, upper, lower, "anchors are compared with regard to case")
}

func TestParseErrorsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	parse := func(s string) error { _, err := sourceanchor.Parse(s); return err }
	guid := func(s string) error { _, err := sourceanchor.ParseGUIDAnchor(s); return err }
	dn := func(s string) error { _, err := sourceanchor.ParseDN(s); return err }
	text := func(s string) error { _, err := sourceanchor.FromString(s); return err }
	rawGUID := func(s string) error { _, err := sourceanchor.ParseGUID(s); return err }
	cloud := func(s string) error { _, err := sourceanchor.ParseCloudAnchor(s); return err }
	stored := func(s string) error { _, err := sourceanchor.ParseStoredCloudAnchor(s); return err }
	tests := []struct {
		name  string
		parse func(string) error
		in    string
		want  string
	}{
		{"empty", parse, "", "is empty"},
		{"space", parse, " abc", "white space"},
		{"underscore", parse, "a_b", "$ or _"},
		{"not UTF-8", parse, "a\xff", "UTF-8"},
		{"short", guid, "AAAA", "holds 3 bytes"},
		{"no padding", guid, "AAAAAAAAAAAAAAAAAAAAAA", "padding"},
		{"URL-safe", guid, "AAAA-AAAAAAAAAAAAAAAAA==", "URL-safe"},
		{"not Base64", guid, "not base64!", "not Base64"},
		{"no braces", dn, "CN=4141", "CN={hexadecimal}"},
		{"not hexadecimal", dn, "CN={XY}", "hexadecimal digits"},
		{"forbidden", text, "ann@contoso.test", `'@'`},
		{"too long", text, "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz", "encoded length of 62"},
		{"hyphens count three", text, "--------------------", "encoded length of 60"},
		{"GUID without hyphens", rawGUID, "0123456789abcdef0123456789abcdef", "form"},
		{"GUID with letters", rawGUID, "0123456z-89ab-cdef-0123-456789abcdef", "hexadecimal"},
		{"cloud anchor without type", cloud, "_c72903ed-7816-41cd-9066-eac33d171d77", "Type_objectId"},
		{"cloud anchor without id", cloud, "User_1", "object id"},
		{"stored, wrong length", stored, "VAAAAFUA", "length"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.parse(tt.in)
			require.ErrorIs(t, err, sourceanchor.ErrInvalid)
			var pe *sourceanchor.ParseError
			require.ErrorAs(t, err, &pe)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestTextMarshalling(t *testing.T) {
	t.Parallel()
	type row struct{ Anchor sourceanchor.Anchor }
	b, err := json.Marshal(row{sourceanchor.FromInt(7)})
	require.NoError(t, err)
	require.JSONEq(t, `{"Anchor":"7"}`, string(b))
	var back row
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, sourceanchor.FromInt(7), back.Anchor)
	require.NoError(t, json.Unmarshal([]byte(`{"Anchor":""}`), &back))
	require.True(t, back.Anchor.IsZero())
	require.Error(t, json.Unmarshal([]byte(`{"Anchor":" x"}`), &back))
}

func TestCloudAnchor(t *testing.T) {
	t.Parallel()
	const stored = "VAAAAFUAcwBlAHIAXwBjADcAMgA5ADAAMwBlAGQALQA3ADgAMQA2AC0ANAAxAGMAZAAtADkAMAA2ADYALQBlAGEAYwAzADMAZAAxADcAMQBkADcANwAAAA=="
	c, err := sourceanchor.ParseStoredCloudAnchor(stored)
	require.NoError(t, err)
	require.Equal(t, "User_c72903ed-7816-41cd-9066-eac33d171d77", c.String())
	require.Equal(t, stored, c.Stored())
	again, err := sourceanchor.ParseCloudAnchor(c.String())
	require.NoError(t, err)
	require.Equal(t, c, again)
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.id)
		f.Add(v.dn)
		f.Add(v.guid)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := sourceanchor.Parse(s); err == nil {
			back, err := sourceanchor.ParseDN(a.DN())
			require.NoError(t, err)
			require.Equal(t, a, back)
		}
		if a, err := sourceanchor.ParseDN(s); err == nil {
			require.NotEmpty(t, a.ImmutableID())
		}
		if g, err := sourceanchor.ParseGUID(s); err == nil {
			again, err := sourceanchor.ParseGUID(sourceanchor.FormatGUID(g))
			require.NoError(t, err)
			require.Equal(t, g, again)
		}
		if c, err := sourceanchor.ParseStoredCloudAnchor(s); err == nil {
			again, err := sourceanchor.ParseStoredCloudAnchor(c.Stored())
			require.NoError(t, err)
			require.Equal(t, c, again)
		}
	})
}
