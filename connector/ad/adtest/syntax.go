package adtest

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A syntax is one of AD's attribute syntaxes.
type syntax uint8

const (
	synUnicode syntax = iota
	synDN
	synOID
	synCaseString
	synTeletex
	synIA5
	synPrintable
	synNumeric
	synDNBinary
	synBool
	synInt
	synEnum
	synOctet
	synUTCTime
	synTime
	synDNString
	synSD
	synInt64
	synSID
)

// syntaxIDs are the attributeSyntax and oMSyntax of each syntax.
var syntaxIDs = [...]struct {
	id string
	om int
}{
	synUnicode: {"2.5.5.12", 64}, synDN: {"2.5.5.1", 127}, synOID: {"2.5.5.2", 6}, synCaseString: {"2.5.5.3", 27},
	synTeletex: {"2.5.5.4", 20}, synIA5: {"2.5.5.5", 22}, synPrintable: {"2.5.5.5", 19}, synNumeric: {"2.5.5.6", 18},
	synDNBinary: {"2.5.5.7", 127}, synBool: {"2.5.5.8", 1}, synInt: {"2.5.5.9", 2}, synEnum: {"2.5.5.9", 10},
	synOctet: {"2.5.5.10", 4}, synUTCTime: {"2.5.5.11", 23}, synTime: {"2.5.5.11", 24}, synDNString: {"2.5.5.14", 127},
	synSD: {"2.5.5.15", 66}, synInt64: {"2.5.5.16", 65}, synSID: {"2.5.5.17", 4},
}

// isDN reports whether values hold the name of an object.
func (s syntax) isDN() bool { return s == synDN || s == synDNBinary || s == synDNString }

// number reports whether values are ordered as numbers.
func (s syntax) number() bool { return s == synInt || s == synEnum || s == synInt64 }

// text reports whether substring searches work.
func (s syntax) text() bool {
	switch s {
	case synUnicode, synCaseString, synTeletex, synIA5, synPrintable, synNumeric, synOID, synOctet:
		return true
	}
	return false
}

// key returns the form in which two values are equal exactly when AD takes them as equal.
// Values of DN syntaxes have their own way, see [directory.resolveValue].
func (s syntax) key(v string) string {
	switch s {
	case synUnicode, synTeletex, synOID:
		return fold(v)
	case synInt, synEnum, synInt64:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return strconv.FormatInt(n, 10)
		}
	}
	return v
}

// valid reports whether v may be written to an attribute of this syntax.
func (s syntax) valid(v string) bool {
	switch s {
	case synUnicode, synTeletex, synCaseString:
		return v != "" && utf8.ValidString(v)
	case synOID:
		return v != ""
	case synIA5, synPrintable, synNumeric:
		return v != "" && isASCII(v)
	case synBool:
		return v == "TRUE" || v == "FALSE"
	case synInt, synEnum:
		_, err := strconv.ParseInt(v, 10, 32)
		return err == nil
	case synInt64:
		_, err := strconv.ParseInt(v, 10, 64)
		return err == nil
	case synTime, synUTCTime:
		return len(v) >= 13 && strings.HasSuffix(v, "Z")
	case synSID:
		return sidString(v) != ""
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// fold removes differences of case. ASCII, the common case, costs one pass.
func fold(s string) string { return strings.ToLower(s) }

// splitDNData separates the data of a DN-with-binary or DN-with-string value from its name:
// "B:4:00FF:CN=x" gives "B:4:00FF:" and "CN=x".
func splitDNData(s syntax, v string) (data, name string, ok bool) {
	if s == synDN {
		return "", v, true
	}
	letter := byte('B')
	if s == synDNString {
		letter = 'S'
	}
	if len(v) < 2 || v[0] != letter || v[1] != ':' {
		return "", "", false
	}
	digits, rest, found := strings.Cut(v[2:], ":")
	n, err := strconv.Atoi(digits)
	if !found || err != nil || n < 0 || n >= len(rest) || rest[n] != ':' {
		return "", "", false
	}
	if s == synDNBinary {
		if _, err := hex.DecodeString(rest[:n]); err != nil {
			return "", "", false
		}
		return strings.ToUpper(v[:len(v)-len(rest)+n+1]), rest[n+1:], true
	}
	return v[:len(v)-len(rest)+n+1], rest[n+1:], true
}
