package ad

import (
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
)

func TestEverySyntax(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attributeSyntax string
		omSyntax        int
		raw             string
		want            attr.Value
	}{
		"DN":                  {"2.5.5.1", 127, "CN=a,DC=x", attr.Reference("CN=a,DC=x")},
		"DN, extended":        {"2.5.5.1", 127, "<GUID=00>;<SID=S-1>;CN=a,DC=x", attr.Reference("CN=a,DC=x")},
		"object identifier":   {"2.5.5.2", 6, "1.2.840", attr.String("1.2.840")},
		"case-exact":          {"2.5.5.3", 27, "Text", attr.String("Text")},
		"teletex":             {"2.5.5.4", 20, "/o=Org", attr.String("/o=Org")},
		"IA5":                 {"2.5.5.5", 22, "a", attr.String("a")},
		"printable":           {"2.5.5.5", 19, "a", attr.String("a")},
		"numeric":             {"2.5.5.6", 18, "0042", attr.String("0042")},
		"DN with binary":      {"2.5.5.7", 127, "B:4:00fF:<GUID=00>;CN=a", attr.String("B:4:00fF:CN=a")},
		"boolean, true":       {"2.5.5.8", 1, "TRUE", attr.Bool(true)},
		"boolean, false":      {"2.5.5.8", 1, "FALSE", attr.Bool(false)},
		"integer":             {"2.5.5.9", 2, "-2147483646", attr.Int(-2147483646)},
		"enumeration":         {"2.5.5.9", 10, "3", attr.Int(3)},
		"octets":              {"2.5.5.10", 4, "\x00\xff", attr.BinaryString("\x00\xff")},
		"replica link":        {"2.5.5.10", 127, "\x00", attr.BinaryString("\x00")},
		"UTC time":            {"2.5.5.11", 23, "260701123456Z", attr.String("260701123456Z")},
		"generalized time":    {"2.5.5.11", 24, "20260701123456.0Z", attr.String("20260701123456.0Z")},
		"unicode":             {"2.5.5.12", 64, "Bjørn 😀", attr.String("Bjørn 😀")},
		"presentation":        {"2.5.5.13", 127, "x", attr.String("x")},
		"DN with string":      {"2.5.5.14", 127, "S:5:ø:é,b:CN=a", attr.String("S:5:ø:é,b:CN=a")},
		"security descriptor": {"2.5.5.15", 66, "\x01\x00\x04\x80", attr.BinaryString("\x01\x00\x04\x80")},
		"large integer":       {"2.5.5.16", 65, "9223372036854775807", attr.Int(1<<63 - 1)},
		"SID":                 {"2.5.5.17", 4, "\x01\x01", attr.BinaryString("\x01\x01")},
		"unknown, octets":     {"9.9", 4, "\xff", attr.BinaryString("\xff")},
		"unknown, integer":    {"9.9", 65, "1", attr.Int(1)},
		"unknown, boolean":    {"9.9", 1, "true", attr.Bool(true)},
		"unknown":             {"9.9", 0, "x", attr.String("x")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := syntaxOf(c.attributeSyntax, c.omSyntax)
			got, err := s.decode(c.raw)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.want.Kind(), s.kind())
			a := &attribute{name: "x", syntax: s}
			back, err := a.encode(got)
			require.NoError(t, err)
			again, err := s.decode(back)
			require.NoError(t, err)
			require.Equal(t, got, again)
		})
	}
}

func TestBadValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		syntax syntax
		raw    string
		want   error
	}{
		{syntaxInteger, "secret", errNotInteger}, {syntaxInteger, "9223372036854775808", errNotInteger}, {syntaxInteger, "", errNotInteger},
		{syntaxBoolean, "secret", errNotBoolean}, {syntaxText, "secret\xff", errNotUTF8}, {syntaxDN, "CN=\xc3", errNotUTF8},
		{syntaxDNWith, "secret", errNotDNWith}, {syntaxDNWith, "B:3:00f:CN=a", errNotDNWith}, {syntaxDNWith, "B:4:00xx:CN=a", errNotDNWith},
		{syntaxDNWith, "S:9:a:CN=a", errNotDNWith}, {syntaxDNWith, "B:99999999999:00:CN=a", errNotDNWith}, {syntaxDNWith, "B:2", errNotDNWith},
	} {
		_, err := c.syntax.decode(c.raw)
		require.ErrorIs(t, err, c.want)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestPasswordsAreQuoted(t *testing.T) {
	t.Parallel()
	a := &attribute{name: "unicodePwd", syntax: syntaxOctets}
	got, err := a.encode(attr.String("P@ss"))
	require.NoError(t, err)
	require.Equal(t, "220050004000730073002200", hex.EncodeToString([]byte(got)))
	raw, err := a.encode(attr.BinaryString("as it is"))
	require.NoError(t, err)
	require.Equal(t, "as it is", raw)
}

func TestGUID(t *testing.T) {
	t.Parallel()
	raw, err := hex.DecodeString("33221100554477668899aabbccddeeff")
	require.NoError(t, err)
	g, ok := parseGUID(string(raw))
	require.True(t, ok)
	require.Equal(t, "00112233-4455-6677-8899-aabbccddeeff", g.String())
	require.Equal(t, "<GUID=33221100554477668899aabbccddeeff>", g.dn())
	require.Equal(t, `(objectGUID=\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff)`, g.filter())
	_, err = ldap.CompileFilter(g.filter())
	require.NoError(t, err)
	_, ok = parseGUID("short")
	require.False(t, ok)
}

func TestDNs(t *testing.T) {
	t.Parallel()
	rdn, parent := splitDN(`CN=a\,b\\,OU=c, DC=d`)
	require.Equal(t, `CN=a\,b\\`, rdn)
	require.Equal(t, `OU=c, DC=d`, parent)
	rdn, parent = splitDN(`DC=d`)
	require.Equal(t, `DC=d`, rdn)
	require.Empty(t, parent)
	require.Equal(t, "OU", rdnType(" OU =x,DC=d"))
	for _, c := range []struct {
		dn, base string
		want     bool
	}{
		{"CN=a,OU=b,DC=c", "ou=B,dc=C", true}, {"OU=b,DC=c", "OU=b,DC=c", true}, {"OU=ab,DC=c", "OU=b,DC=c", false}, {"DC=c", "OU=b,DC=c", false},
		{`CN=a\,OU=b,DC=c`, "OU=b,DC=c", false}, {`CN=a\\,OU=b,DC=c`, "OU=b,DC=c", true}, {"CN=a,OU=Ü,DC=c", "OU=ü,DC=c", true}, {"CN=a", "", false},
	} {
		require.Equalf(t, c.want, within(c.dn, c.base), "%s in %s", c.dn, c.base)
	}
	require.True(t, sameDN(`cn=a\2cb, ou=c`, `CN=a\,b,OU=c`))
	require.False(t, sameDN(`CN=a,OU=c`, `CN=b,OU=c`))
	require.False(t, sameDN(`CN=a,OU=c`, `not a dn`))
	require.Equal(t, "CN=a", plainDN("<GUID=1>;<SID=2>;CN=a"))
	require.Equal(t, "<GUID=1>", plainDN("<GUID=1>"))
}

func TestRanges(t *testing.T) {
	t.Parallel()
	name, r, ranged, ok := parseDescription("member;Range=0-1499")
	require.True(t, ok && ranged)
	require.Equal(t, "member", name)
	require.Equal(t, "range=1500-*", r.next(0))
	require.Equal(t, "range=1500-1599", r.next(100))
	_, r, _, ok = parseDescription("member;x-y;range=1500-*")
	require.True(t, ok && r.last)
	_, r, _, _ = parseDescription("member;range=1-1")
	require.True(t, r.added() && !r.removed())
	_, r, _, _ = parseDescription("member;range=0-0")
	require.True(t, r.removed() && !r.added())
	name, _, ranged, ok = parseDescription("userCertificate;binary")
	require.True(t, ok && !ranged)
	require.Equal(t, "userCertificate", name)
	for _, bad := range []string{"m;range=", "m;range=1", "m;range=2-1", "m;range=-1-2", "m;range=*-2", "m;range=0-1;range=0-1", "m;range=0-99999999999"} {
		_, _, _, ok := parseDescription(bad)
		require.False(t, ok, bad)
	}
}

func FuzzDNWith(f *testing.F) {
	for _, s := range []string{"B:4:00ff:CN=a", "S:3:abc:CN=a", "S:1:ø:CN=a", "B:0::CN=a", "B:-1::", "S:2:\xff:CN"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseDNWith(s)
		if err != nil || !utf8.ValidString(s) || strings.HasPrefix(d.dn, "<") {
			return
		}
		again, err := parseDNWith(d.String())
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

func FuzzDescription(f *testing.F) {
	for _, s := range []string{"member;range=0-1499", "member;range=0-*", "a;b;c", ";", "member;RANGE=1-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, r, ranged, ok := parseDescription(s)
		require.True(t, strings.HasPrefix(s, name))
		if ok && ranged && !r.last {
			require.LessOrEqual(t, r.from, r.to)
			next, ok := parseRange(strings.TrimPrefix(r.next(7), "range="))
			require.True(t, ok || r.to > 1<<30)
			if ok {
				require.Equal(t, r.to+1, next.from)
			}
		}
	})
}
