package secdesc

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// A GUID names a class, an attribute, a property set or an extended right, in the
// directory's order of octets: that of schemaIDGUID.
type GUID [16]byte

var errGUID = errors.New("secdesc: not a GUID")

// ParseGUID reads the text form, bf967aba-0de6-11d0-a285-00aa003049e2, with or without
// braces.
func ParseGUID(text string) (GUID, error) {
	var g GUID
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return g, errGUID
	}
	b, err := hex.DecodeString(text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:])
	if err != nil {
		return g, errGUID
	}
	g = GUID(b)
	g.swap()
	return g, nil
}

// MustGUID is [ParseGUID] for constants. It panics on anything else.
func MustGUID(text string) GUID {
	g, err := ParseGUID(text)
	if err != nil {
		panic(err)
	}
	return g
}

// swap turns the order of octets of the text into that of the directory and back.
func (g *GUID) swap() {
	g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
	g[4], g[5] = g[5], g[4]
	g[6], g[7] = g[7], g[6]
}

// IsZero reports whether g names nothing.
func (g GUID) IsZero() bool { return g == GUID{} }

// String returns the text form in lower case.
func (g GUID) String() string {
	g.swap()
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:])
}
