package attr

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// Kind is the type of a [Value].
type Kind uint8

// The kinds of values. The numbers are part of stored records and never change.
const (
	Invalid       Kind = 0 // the zero Value, no value at all
	KindString    Kind = 1 // Unicode text
	KindInt       Kind = 2 // signed 64-bit integer
	KindBool      Kind = 3 // true or false
	KindBinary    Kind = 4 // octets
	KindReference Kind = 5 // names another object of the same directory
)

var kindNames = [...]string{"invalid", "string", "integer", "boolean", "binary", "reference"}

// String returns the kind's name: string, integer, boolean, binary, reference or invalid.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// ParseKind returns the kind with the given name, as [Kind.String] prints it.
func ParseKind(name string) (Kind, error) {
	for k, n := range kindNames {
		if k > 0 && n == name {
			return Kind(k), nil
		}
	}
	return Invalid, fmt.Errorf("attr: unknown kind %q", name)
}

// A Value is one immutable attribute value. Values are comparable: two values are equal
// (==) when kind and content are the same, with regard to case. The zero Value is no value.
type Value struct {
	kind Kind
	num  int64
	str  string // text, or the octets of a binary
}

// String returns a string value.
func String(s string) Value { return Value{kind: KindString, str: s} }

// Int returns an integer value.
func Int(n int64) Value { return Value{kind: KindInt, num: n} }

// Bool returns a boolean value.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// Binary returns a binary value holding a copy of b.
func Binary(b []byte) Value { return Value{kind: KindBinary, str: string(b)} }

// BinaryString returns a binary value whose octets are those of s, without a copy.
func BinaryString(s string) Value { return Value{kind: KindBinary, str: s} }

// Reference returns a reference to the object that the text names in its directory.
func Reference(target string) Value { return Value{kind: KindReference, str: target} }

// Kind returns the value's kind, Invalid for the zero Value.
func (v Value) Kind() Kind { return v.kind }

// IsZero reports whether v is the zero Value, that is, no value.
func (v Value) IsZero() bool { return v.kind == Invalid }

// Str returns the content of a string or reference, the raw octets of a binary as a
// string, and "" for the other kinds. It never allocates.
func (v Value) Str() string { return v.str }

// Int returns the number of an integer, 1 or 0 for a boolean, and 0 for the other kinds.
func (v Value) Int() int64 { return v.num }

// Bool reports whether v is the boolean true.
func (v Value) Bool() bool { return v.kind == KindBool && v.num != 0 }

// Bytes returns a copy of the octets of a binary or of the text of a string or reference.
func (v Value) Bytes() []byte { return []byte(v.str) }

// Text returns the content in the form that people read: text as it is, numbers in
// decimal, True or False, and binaries in standard Base64.
func (v Value) Text() string {
	switch v.kind {
	case KindInt:
		return strconv.FormatInt(v.num, 10)
	case KindBool:
		if v.num != 0 {
			return "True"
		}
		return "False"
	case KindBinary:
		return base64.StdEncoding.EncodeToString([]byte(v.str))
	default:
		return v.str
	}
}

// String describes the value by kind and size and does not show its content: values are
// personal data. [Value.Text] shows it.
func (v Value) String() string {
	switch v.kind {
	case KindString, KindBinary, KindReference:
		return v.kind.String() + "(" + strconv.Itoa(len(v.str)) + ")"
	default:
		return v.kind.String()
	}
}

// GoString shows the content, for test failures and debuggers.
func (v Value) GoString() string {
	switch v.kind {
	case KindString:
		return fmt.Sprintf("attr.String(%q)", v.str)
	case KindInt:
		return fmt.Sprintf("attr.Int(%d)", v.num)
	case KindBool:
		return fmt.Sprintf("attr.Bool(%t)", v.num != 0)
	case KindBinary:
		return fmt.Sprintf("attr.BinaryString(%q)", v.str)
	case KindReference:
		return fmt.Sprintf("attr.Reference(%q)", v.str)
	default:
		return "attr.Value{}"
	}
}

// LogValue is what [log/slog] prints: kind and size, never content.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.String()) }

// Compare orders values by kind, then by content: numbers by size, all others by octets.
// It returns -1, 0 or 1 and gives any collection of values one stable order.
func Compare(a, b Value) int {
	if c := cmp.Compare(a.kind, b.kind); c != 0 {
		return c
	}
	if c := cmp.Compare(a.num, b.num); c != 0 {
		return c
	}
	return strings.Compare(a.str, b.str)
}
