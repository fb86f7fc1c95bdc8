package expr

import (
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Type is a set of kinds of values. Parameters of functions take any kind of the set;
// a [Value] has exactly one.
type Type uint16

// The kinds of values.
const (
	TypeString    Type = 1 << iota // text
	TypeNumber                     // signed 64-bit integer
	TypeBool                       // True or False
	TypeBinary                     // octets
	TypeReference                  // names another object of the directory
	TypeDate                       // a point in time, UTC; only an intermediate
	TypeEnum                       // a bare word such as CaseInsensitive; arguments only

	typeNull
	typeIgnore        // IgnoreThisFlow
	typeAuthoritative // AuthoritativeNull
	typeList          // several values
	typeLift          // signal: a list stands where one value is needed
	typeFail          // signal: the evaluation failed, see Call.err

	// TypeAny is any kind that an attribute can have, and dates.
	TypeAny = TypeString | TypeNumber | TypeBool | TypeBinary | TypeReference | TypeDate

	typeStored  = TypeAny &^ TypeDate
	typeLiteral = typeIgnore | typeAuthoritative
	typeSignal  = typeLift | typeFail
)

var typeNames = [...]struct {
	t    Type
	name string
}{
	{TypeString, "text"},
	{TypeNumber, "number"},
	{TypeBool, "boolean"},
	{TypeBinary, "binary"},
	{TypeReference, "reference"},
	{TypeDate, "date"},
	{TypeEnum, "word"},
	{typeNull, "NULL"},
	{typeIgnore, "IgnoreThisFlow"},
	{typeAuthoritative, "AuthoritativeNull"},
	{typeList, "several values"},
}

// String returns the names of the kinds, such as "text or binary".
func (t Type) String() string {
	if t&TypeAny == TypeAny {
		return "any value"
	}
	var names []string
	for _, n := range typeNames {
		if t&n.t != 0 {
			names = append(names, n.name)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, " or ")
}

// typeOf maps attr's kinds to ours.
var typeOf = [...]Type{
	attr.Invalid:       typeNull,
	attr.KindString:    TypeString,
	attr.KindInt:       TypeNumber,
	attr.KindBool:      TypeBool,
	attr.KindBinary:    TypeBinary,
	attr.KindReference: TypeReference,
}

// A Value is what expressions compute with: NULL, one value, or a set of values. It is
// immutable. The zero Value is NULL.
type Value struct {
	kind Type
	// untyped marks text of a %parameter%, which stands for a number or boolean where one
	// is needed; in a list it says that the numbers are dates.
	untyped bool
	num     int64 // number; boolean; date in ticks
	str     string
	list    []attr.Value
}

// Text returns a string value.
func Text(s string) Value { return Value{kind: TypeString, str: s} }

// Number returns a number.
func Number(n int64) Value { return Value{kind: TypeNumber, num: n} }

// Boolean returns True or False.
func Boolean(b bool) Value {
	if b {
		return Value{kind: TypeBool, num: 1}
	}
	return Value{kind: TypeBool}
}

// Binary returns a binary value whose octets are those of s.
func Binary(s string) Value { return Value{kind: TypeBinary, str: s} }

// Reference returns a reference to the object that the text names.
func Reference(s string) Value { return Value{kind: TypeReference, str: s} }

// Date returns a point in time, cut to 100 nanoseconds.
func Date(t time.Time) Value { return Value{kind: TypeDate, num: ticksOf(t)} }

// FromAttr returns the value of an attribute.
func FromAttr(v attr.Value) Value {
	switch v.Kind() {
	case attr.KindString, attr.KindBinary, attr.KindReference:
		return Value{kind: typeOf[v.Kind()], str: v.Str()}
	case attr.KindInt, attr.KindBool:
		return Value{kind: typeOf[v.Kind()], num: v.Int()}
	default:
		return Value{kind: typeNull}
	}
}

// Set returns a set of values; without values it is NULL. The slice is kept.
func Set(values []attr.Value) Value {
	if len(values) == 0 {
		return Value{kind: typeNull}
	}
	return Value{kind: typeList, list: values}
}

// load makes v the values of an attribute: one is a single value. Like the other methods
// that fill a Value in place it writes field by field: a Value that is made elsewhere and
// copied costs more than finding the attribute.
func (v *Value) load(values []attr.Value) {
	if len(values) == 1 {
		v.loadOne(&values[0])
		return
	}
	v.untyped, v.num, v.str, v.list = false, 0, "", nil
	v.kind = typeNull
	if len(values) > 0 {
		v.kind, v.list = typeList, values
	}
}

// loadOne makes v the value of an attribute.
func (v *Value) loadOne(a *attr.Value) {
	v.untyped, v.num, v.str, v.list = false, 0, "", nil
	switch a.Kind() {
	case attr.KindString:
		v.kind, v.str = TypeString, a.Str()
	case attr.KindInt:
		v.kind, v.num = TypeNumber, a.Int()
	case attr.KindBool:
		v.kind, v.num = TypeBool, a.Int()
	case attr.KindBinary:
		v.kind, v.str = TypeBinary, a.Str()
	case attr.KindReference:
		v.kind, v.str = TypeReference, a.Str()
	default:
		v.kind = typeNull
	}
}

// IsNull reports whether the value is NULL.
func (v *Value) IsNull() bool { return v.kind == typeNull || v.kind == 0 }

// given reports whether an optional argument is there at all, be it NULL.
func (v *Value) given() bool { return v.kind != 0 }

// Type returns the kind of a single value. It is 0 for NULL and for a set of values.
func (v *Value) Type() Type { return v.kind & (TypeAny | TypeEnum) }

// Str returns the content of text, binary, reference or word.
func (v *Value) Str() string { return v.str }

// Num returns a number.
func (v *Value) Num() int64 { return v.num }

// Bool reports whether the value is True.
func (v *Value) Bool() bool { return v.kind == TypeBool && v.num != 0 }

// Time returns a date, in UTC.
func (v *Value) Time() time.Time { return timeOf(v.num) }

// Len returns the number of values: 0 for NULL, 1 for a single value.
func (v *Value) Len() int {
	switch v.kind {
	case typeList:
		return len(v.list)
	case typeNull, 0:
		return 0
	default:
		return 1
	}
}

// At returns the value with the 0-based index, NULL when there is none.
func (v *Value) At(i int) Value {
	switch {
	case i < 0 || i >= v.Len():
		return Value{kind: typeNull}
	case v.kind != typeList:
		return *v
	case v.untyped:
		return Value{kind: TypeDate, num: v.list[i].Int()}
	default:
		return FromAttr(v.list[i])
	}
}

// Attr returns a single value as an attribute stores it, the zero attr.Value for NULL and
// for what attributes cannot store: dates, words and sets.
func (v *Value) Attr() attr.Value {
	switch v.kind {
	case TypeString:
		return attr.String(v.str)
	case TypeNumber:
		return attr.Int(v.num)
	case TypeBool:
		return attr.Bool(v.num != 0)
	case TypeBinary:
		return attr.BinaryString(v.str)
	case TypeReference:
		return attr.Reference(v.str)
	default:
		return attr.Value{}
	}
}

// dates reports whether the value is a date or a set of dates.
func (v *Value) dates() bool {
	return v.kind == TypeDate || v.kind == typeList && v.untyped
}

// String tells the kind, never the content: values are personal data.
func (v Value) String() string {
	if v.kind == 0 {
		return typeNull.String()
	}
	return v.kind.String()
}
