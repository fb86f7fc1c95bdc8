package ad

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A syntax is a way in which the directory writes values of an attribute.
type syntax uint8

const (
	syntaxText    syntax = iota // strings of every kind, object identifiers, times
	syntaxInteger               // 32 and 64 bits
	syntaxBoolean
	syntaxOctets // octet strings, SIDs, security descriptors, replica links
	syntaxDN
	syntaxDNWith // a DN with binary or with a string
)

// syntaxOf maps attributeSyntax and oMSyntax of the schema.
func syntaxOf(attributeSyntax string, omSyntax int) syntax {
	switch attributeSyntax {
	case "2.5.5.1":
		return syntaxDN
	case "2.5.5.7":
		return syntaxDNWith
	case "2.5.5.14":
		return syntaxDNWith
	case "2.5.5.8":
		return syntaxBoolean
	case "2.5.5.9", "2.5.5.16":
		return syntaxInteger
	case "2.5.5.10", "2.5.5.15", "2.5.5.17":
		return syntaxOctets
	}
	switch omSyntax { // should a schema hold syntaxes newer than this list
	case 1:
		return syntaxBoolean
	case 2, 10, 65:
		return syntaxInteger
	case 4, 66:
		return syntaxOctets
	}
	return syntaxText
}

func (s syntax) kind() attr.Kind {
	switch s {
	case syntaxInteger:
		return attr.KindInt
	case syntaxBoolean:
		return attr.KindBool
	case syntaxOctets:
		return attr.KindBinary
	case syntaxDN:
		return attr.KindReference
	default:
		return attr.KindString
	}
}

// Errors of values say what is wrong, never what the value is.
var (
	errNotUTF8    = errors.New("a value is not valid UTF-8")
	errNotInteger = errors.New("a value is not a 64-bit integer")
	errNotBoolean = errors.New("a value is neither TRUE nor FALSE")
	errNotDNWith  = errors.New("a value is not a DN with binary or string")
	errKind       = errors.New("a value has a kind that the attribute cannot hold")
)

// decode turns the octets of one value into a value of the syntax's kind.
func (s syntax) decode(raw string) (attr.Value, error) {
	switch s {
	case syntaxOctets:
		return attr.BinaryString(raw), nil
	case syntaxInteger:
		n, err := strconv.ParseInt(raw, 10, 64)
		if err != nil {
			return attr.Value{}, errNotInteger
		}
		return attr.Int(n), nil
	case syntaxBoolean:
		switch {
		case strings.EqualFold(raw, "TRUE"):
			return attr.Bool(true), nil
		case strings.EqualFold(raw, "FALSE"):
			return attr.Bool(false), nil
		}
		return attr.Value{}, errNotBoolean
	}
	if !utf8.ValidString(raw) {
		return attr.Value{}, errNotUTF8
	}
	switch s {
	case syntaxDN:
		return attr.Reference(plainDN(raw)), nil
	case syntaxDNWith:
		d, err := parseDNWith(raw)
		if err != nil {
			return attr.Value{}, err
		}
		return attr.String(d.String()), nil
	default:
		return attr.String(raw), nil
	}
}

// encode turns a value into the octets that the directory takes.
func (a *attribute) encode(v attr.Value) (string, error) {
	if a != nil && attr.EqualName(a.name, "unicodePwd") && v.Kind() == attr.KindString {
		return quotedUTF16(v.Str()), nil
	}
	switch v.Kind() {
	case attr.KindString, attr.KindReference:
		if a != nil && a.syntax == syntaxBoolean {
			return strings.ToUpper(v.Str()), nil
		}
		return v.Str(), nil
	case attr.KindBinary:
		return v.Str(), nil
	case attr.KindInt:
		return strconv.FormatInt(v.Int(), 10), nil
	case attr.KindBool:
		if v.Bool() {
			return "TRUE", nil
		}
		return "FALSE", nil
	default:
		return "", errKind
	}
}

// quotedUTF16 is the form in which the directory takes passwords.
func quotedUTF16(password string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(`"` + password + `"`)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

// A dnWith is a DN with binary (tag B) or with a string (tag S): B:8:0123ABCD:CN=...
type dnWith struct {
	tag     byte
	payload string // hexadecimal digits, or text
	dn      string
}

// parseDNWith takes such a value apart. The length counts hexadecimal digits of a binary,
// characters of a string.
func parseDNWith(text string) (dnWith, error) {
	if len(text) < 2 || text[1] != ':' || (text[0] != 'B' && text[0] != 'S') {
		return dnWith{}, errNotDNWith
	}
	digits, rest, ok := strings.Cut(text[2:], ":")
	if !ok {
		return dnWith{}, errNotDNWith
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return dnWith{}, errNotDNWith
	}
	size := int(n)
	if text[0] == 'S' {
		if size, ok = prefixOfRunes(rest, int(n)); !ok {
			return dnWith{}, errNotDNWith
		}
	}
	if size >= len(rest) || rest[size] != ':' {
		return dnWith{}, errNotDNWith
	}
	d := dnWith{text[0], rest[:size], plainDN(rest[size+1:])}
	if d.tag == 'B' && (size%2 != 0 || strings.Trim(d.payload, "0123456789abcdefABCDEF") != "") {
		return dnWith{}, errNotDNWith
	}
	return d, nil
}

func (d dnWith) String() string {
	n := len(d.payload)
	if d.tag == 'S' {
		n = utf8.RuneCountInString(d.payload)
	}
	return fmt.Sprintf("%c:%d:%s:%s", d.tag, n, d.payload, d.dn)
}

// prefixOfRunes returns the octets that the first n characters of s take.
func prefixOfRunes(s string, n int) (int, bool) {
	if n > len(s) {
		return 0, false
	}
	size := 0
	for ; n > 0; n-- {
		if size == len(s) {
			return 0, false
		}
		_, w := utf8.DecodeRuneInString(s[size:])
		size += w
	}
	return size, true
}
