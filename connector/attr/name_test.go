package attr_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector/attr"
)

func anyName() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[a-cA-C]{0,3}`), rapid.StringMatching(`[A-Za-z0-9-]{0,20}`), rapid.String())
}

func TestFoldAndCompareAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyName().Draw(t, "a"), anyName().Draw(t, "b")
		fa, fb := attr.Fold(a), attr.Fold(b)
		require.Equal(t, fa == fb, attr.EqualName(a, b))
		require.Equal(t, strings.Compare(fa, fb), attr.CompareNames(a, b))
		require.Equal(t, -attr.CompareNames(a, b), attr.CompareNames(b, a))
		require.Equal(t, fa, attr.Fold(fa), "folding twice is folding once")
		require.True(t, attr.EqualName(a, fa))
		require.Len(t, fa, len(a))
	})
}

func TestFold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "mail": "mail", "displayName": "displayname", "OU": "ou", "mS-DS-ConsistencyGuid": "ms-ds-consistencyguid",
		"@[`{Z":  "@[`{z", // the neighbours of the letters stay
		"ÄÖ":     "ÄÖ",    // only ASCII folds
		"İ":      "İ",
		"\u212a": "\u212a", // the Kelvin sign is not a K
	} {
		require.Equal(t, want, attr.Fold(in))
	}
	require.False(t, attr.EqualName("straße", "STRASSE"))
}

func FuzzFold(f *testing.F) {
	f.Add("displayName")
	f.Add("Ä\xff\x00Z")
	f.Fuzz(func(t *testing.T, s string) {
		folded := attr.Fold(s)
		require.Len(t, folded, len(s))
		require.False(t, strings.ContainsAny(folded, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		require.Equal(t, folded, attr.Fold(folded))
		require.True(t, attr.EqualName(s, folded))
	})
}

func TestFoldDoesNotAllocate(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = attr.Fold("samaccountname") }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = attr.EqualName("sAMAccountName", "SAMACCOUNTNAME") }))
}
