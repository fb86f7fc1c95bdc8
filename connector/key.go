package connector

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// An Anchor identifies an object within its own directory for the object's whole life. It
// is opaque: only the connector that made it knows what is inside. Anchors are comparable
// and can be map keys. The zero Anchor is unset.
type Anchor struct{ raw string }

// NewAnchor returns an anchor holding the octets of b.
func NewAnchor(b []byte) Anchor { return Anchor{string(b)} }

// TextAnchor returns an anchor whose octets are those of s.
func TextAnchor(s string) Anchor { return Anchor{s} }

// IsZero reports whether the anchor is unset.
func (a Anchor) IsZero() bool { return a.raw == "" }

// Bytes returns a copy of the anchor's octets.
func (a Anchor) Bytes() []byte { return []byte(a.raw) }

// Raw returns the anchor's octets as a string.
func (a Anchor) Raw() string { return a.raw }

// Text returns the anchor as people read it and as reference values of connectors with
// [ReferenceByAnchor] hold it: as it is when it is printable ASCII that cannot be taken for
// the other form, otherwise "0x" and hexadecimal digits.
func (a Anchor) Text() string {
	if printable(a.raw) && !strings.HasPrefix(a.raw, "0x") {
		return a.raw
	}
	return "0x" + hex.EncodeToString([]byte(a.raw))
}

// String returns [Anchor.Text].
func (a Anchor) String() string { return a.Text() }

// ParseAnchor is the inverse of [Anchor.Text].
func ParseAnchor(text string) (Anchor, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok {
		return Anchor{text}, nil
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return Anchor{}, fmt.Errorf("connector: anchor text: %w", err)
	}
	return Anchor{string(b)}, nil
}

// MarshalText implements [encoding.TextMarshaler].
func (a Anchor) MarshalText() ([]byte, error) { return []byte(a.Text()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (a *Anchor) UnmarshalText(text []byte) error {
	p, err := ParseAnchor(string(text))
	if err != nil {
		return err
	}
	*a = p
	return nil
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// A Key names an object: by anchor where it has one, else by DN. Both may be set.
type Key struct {
	Anchor Anchor
	DN     string
}

// IsZero reports whether the key names nothing.
func (k Key) IsZero() bool { return k.Anchor.IsZero() && k.DN == "" }

// String returns the DN where there is one, else the anchor.
func (k Key) String() string {
	if k.DN != "" {
		return k.DN
	}
	return k.Anchor.Text()
}

// An Object is one object of a connected directory.
type Object struct {
	Class  string // structural class as rules name it: "user", "group", "contact"
	Anchor Anchor
	DN     string
	// Partition is the id of the [Partition] that holds the object; "" where there is
	// only one.
	Partition  string
	Attributes attr.Set
}

// Key returns the object's anchor and DN.
func (o *Object) Key() Key { return Key{o.Anchor, o.DN} }
