package sourceanchor

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An Anchor is a source anchor: opaque text that identifies one object across directories.
// Anchors are comparable; they are equal only when they agree in case. The zero Anchor is
// unset.
type Anchor struct{ text string }

// FromGUID returns the anchor made of a GUID's sixteen bytes in directory order, as
// objectGUID and mS-DS-ConsistencyGuid hold them. They are never re-ordered.
func FromGUID(guid [16]byte) Anchor { return FromBytes(guid[:]) }

// FromBytes returns the anchor made of a binary attribute: its Base64 text. No bytes give
// the zero Anchor.
func FromBytes(b []byte) Anchor { return Anchor{base64.StdEncoding.EncodeToString(b)} }

// FromInt returns the anchor made of an integer attribute, such as an employee number.
func FromInt(n int64) Anchor { return Anchor{strconv.FormatInt(n, 10)} }

// FromString returns the anchor made of a string attribute, which is taken as it is. It
// fails with a [*ParseError] when the value cannot be a source anchor, see [CheckValue].
func FromString(s string) (Anchor, error) {
	if err := CheckValue(s); err != nil {
		return Anchor{}, err
	}
	return Anchor{s}, nil
}

// Parse reads an immutableID as the cloud holds it. Any text that Entra ID accepts is an
// anchor, Base64 or not; what cannot be one gives a [*ParseError].
func Parse(immutableID string) (Anchor, error) {
	switch {
	case immutableID == "":
		return Anchor{}, parseError("immutableID", immutableID, "is empty")
	case !utf8.ValidString(immutableID):
		return Anchor{}, parseError("immutableID", immutableID, "is not valid UTF-8")
	case strings.TrimSpace(immutableID) != immutableID:
		return Anchor{}, parseError("immutableID", immutableID, "begins or ends with white space")
	case strings.ContainsAny(immutableID, "$_"):
		return Anchor{}, parseError("immutableID", immutableID, "contains $ or _, which Entra ID does not take")
	case len(immutableID) > maxImmutableID:
		return Anchor{}, parseError("immutableID", immutableID, fmt.Sprintf("is longer than %d characters", maxImmutableID))
	}
	return Anchor{immutableID}, nil
}

// maxImmutableID bounds what Parse takes, far above what a directory would hold.
const maxImmutableID = 256

// ParseGUIDAnchor reads an immutableID that must stand for a GUID: Base64 of sixteen bytes.
func ParseGUIDAnchor(immutableID string) (Anchor, error) {
	a, err := Parse(immutableID)
	if err != nil {
		return Anchor{}, err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(immutableID)
	if err != nil {
		if _, rawErr := base64.RawStdEncoding.DecodeString(immutableID); rawErr == nil {
			return Anchor{}, parseError("immutableID", immutableID, "lacks the padding (==) of Base64")
		}
		if _, urlErr := base64.URLEncoding.DecodeString(immutableID); urlErr == nil {
			return Anchor{}, parseError("immutableID", immutableID, "is URL-safe Base64 (- and _ instead of + and /)")
		}
		return Anchor{}, parseError("immutableID", immutableID, "is not Base64")
	}
	if len(b) != 16 {
		return Anchor{}, parseError("immutableID", immutableID, fmt.Sprintf("holds %d bytes; a GUID has 16", len(b)))
	}
	return a, nil
}

// ImmutableID returns the anchor as the cloud holds it, "" for the zero Anchor.
func (a Anchor) ImmutableID() string { return a.text }

// String returns [Anchor.ImmutableID].
func (a Anchor) String() string { return a.text }

// IsZero reports whether the anchor is unset.
func (a Anchor) IsZero() bool { return a.text == "" }

// Bytes returns the bytes that the anchor is the Base64 text of, and whether it is that.
func (a Anchor) Bytes() ([]byte, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(a.text)
	return b, err == nil && a.text != ""
}

// GUID returns the sixteen bytes in directory order of an anchor made of a GUID, and
// whether it is one.
func (a Anchor) GUID() (guid [16]byte, ok bool) {
	b, ok := a.Bytes()
	if !ok || len(b) != len(guid) {
		return guid, false
	}
	return [16]byte(b), true
}

// SuspectBigEndian reports whether the anchor looks like a GUID whose bytes were taken in
// the order in which it is printed. It knows random GUIDs (version 4) by their version
// digit: it is evidence, not proof.
func (a Anchor) SuspectBigEndian() bool {
	g, ok := a.GUID()
	if !ok || g[8]&0xc0 != 0x80 {
		return false
	}
	return g[6]>>4 == 4 && g[7]>>4 != 4
}

// SwapByteOrder returns the anchor that a GUID anchor would be if its bytes had been taken
// in the other order, to repair what [Anchor.SuspectBigEndian] found. Other anchors are
// returned as they are.
func (a Anchor) SwapByteOrder() Anchor {
	g, ok := a.GUID()
	if !ok {
		return a
	}
	return FromGUID(swap(g))
}

// DN returns the DN of the object in the connector space of Entra ID, as Microsoft Entra
// Connect forms it: CN={ upper-case hexadecimal of the immutableID's UTF-8 }. It is "" for
// the zero Anchor.
func (a Anchor) DN() string {
	if a.IsZero() {
		return ""
	}
	return "CN={" + strings.ToUpper(hex.EncodeToString([]byte(a.text))) + "}"
}

// ParseDN is the inverse of [Anchor.DN]. Letters may be of either case.
func ParseDN(dn string) (Anchor, error) {
	digits, ok := strings.CutPrefix(strings.ToUpper(dn), "CN={")
	if ok {
		digits, ok = strings.CutSuffix(digits, "}")
	}
	if !ok {
		return Anchor{}, parseError("DN", dn, "is not of the form CN={hexadecimal}")
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return Anchor{}, parseError("DN", dn, "does not hold hexadecimal digits between its braces")
	}
	return Parse(string(b))
}

// MarshalText implements [encoding.TextMarshaler] with the immutableID.
func (a Anchor) MarshalText() ([]byte, error) { return []byte(a.text), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. Empty text is the zero Anchor.
func (a *Anchor) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Anchor{}
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// ErrInvalid is matched by every [*ParseError].
var ErrInvalid = errors.New("not a source anchor")

// A ParseError says why a text is not what it should be.
type ParseError struct {
	What    string // "immutableID", "DN", "GUID", "cloud anchor", "value"
	Input   string // the text; anchors are identifiers, not secrets
	Problem string
}

// Error names the text, cut to a reasonable length, and the problem.
func (e *ParseError) Error() string {
	in := e.Input
	if len(in) > 80 {
		in = in[:80] + "…"
	}
	return fmt.Sprintf("sourceanchor: %s %q %s", e.What, in, e.Problem)
}

// Unwrap returns [ErrInvalid].
func (e *ParseError) Unwrap() error { return ErrInvalid }

func parseError(what, input, problem string) error {
	return &ParseError{What: what, Input: input, Problem: problem}
}
