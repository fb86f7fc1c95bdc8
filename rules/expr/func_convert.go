package expr

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
)

func convertFunctions() []Function {
	text := []Param{{Name: "text", Type: TypeString}}
	return chapter("Conversion", []Function{
		{
			Name: "CBool", Result: TypeBool,
			Params: []Param{{Name: "value", Type: TypeBool | TypeNumber | TypeString, Null: true}},
			Doc:    "Returns a boolean: NULL and 0 are False, other numbers True; text is read as True or False in any case, or as a number.",
			Examples: []Example{
				{Given: given{"a": texts("x"), "b": texts("x")}, Expr: `CBool([a]=[b])`, Want: `True`},
				{Expr: `CBool(0)`, Want: `False`},
				{Expr: `CBool(NULL)`, Want: `False`},
			},
			Eval: toBool,
		},
		{
			Name: "CDate", Result: TypeDate,
			Params: []Param{{Name: "text", Type: TypeString | TypeDate}},
			Doc: "Returns the date that the text names: 2013-01-10, 1/10/2013 (month first), 20130110, 10 Jan 2013 or Jan 10, 2013; " +
				"then, if wanted, a time such as 16:00, 4:00:30 PM or 16:00:30.125; then, if wanted, a zone: Z, UTC, GMT or a difference such as -8, +02 or +05:30. " +
				"Without a zone it is UTC. The form 20140905081453.0Z of Active Directory is read too.",
			Examples: []Example{
				{Expr: `CDate("2013-01-10 4:00 PM -8")`, Want: `2013-01-11T00:00:00Z`},
				{Expr: `CDate("12/25/2007")`, Want: `2007-12-25T00:00:00Z`},
			},
			Eval: func(_ *Call, a []Value) (Value, error) {
				if a[0].kind == TypeDate {
					return a[0], nil
				}
				ticks, ok := parseDate(a[0].str)
				if !ok {
					return Value{}, Errorf(CodeValue, "the text is no date")
				}
				return Value{kind: TypeDate, num: ticks}, nil
			},
		},
		{
			Name: "CNum", Result: TypeNumber,
			Params: []Param{{Name: "value", Type: TypeString | TypeNumber | TypeBinary}},
			Doc: "Returns the number that the text names: decimal, with or without a sign, or hexadecimal behind &H or 0x. " +
				"Binary of 1 to 8 bytes is read with the lowest byte first.",
			Examples: []Example{
				{Expr: `CNum("42")`, Want: `42`},
				{Given: given{"key": {attr.Binary([]byte{0x20, 0x01})}}, Expr: `CNum([key])`, Want: `288`},
				{Expr: `CNum("a1")`, Want: `error: CNum at 1:1: the text is no number`},
			},
			Eval: func(_ *Call, a []Value) (Value, error) {
				n, err := toNumber(&a[0])
				return Number(n), err
			},
		},
		{
			Name: "CRef", Result: TypeReference,
			Params:   []Param{{Name: "text", Type: TypeString | TypeReference}},
			Doc:      "Returns a reference to the object that the text names.",
			Examples: []Example{{Expr: `CRef("CN=LC Services,CN=Microsoft,DC=contoso,DC=com")`, Want: `ref"CN=LC Services,CN=Microsoft,DC=contoso,DC=com"`}},
			Eval:     func(_ *Call, a []Value) (Value, error) { return Reference(a[0].str), nil },
		},
		{
			Name: "CStr", Result: TypeString,
			Params: []Param{{Name: "value", Type: TypeAny &^ TypeBinary}},
			Doc:    "Returns the value as text: numbers in decimal, True or False, the DN of a reference, and dates as 2007-12-25 14:30:00 in UTC.",
			Examples: []Example{
				{Given: given{"dn": {attr.Reference("cn=Joe,dc=contoso,dc=com")}}, Expr: `CStr([dn])`, Want: `"cn=Joe,dc=contoso,dc=com"`},
				{Expr: `CStr(True)`, Want: `"True"`},
				{Expr: `CStr(512)`, Want: `"512"`},
			},
			Eval: toText,
			put: func(_ *Call, dst []byte, a *Value) ([]byte, error) {
				if a.kind == TypeNumber {
					return strconv.AppendInt(dst, a.num, 10), nil
				}
				v, err := toText(nil, []Value{*a})
				return append(dst, v.str...), err
			},
		},
		{
			Name: "CGuid", Params: text, Result: TypeBinary,
			Doc:      "Returns the 16 bytes of a GUID, in the order in which Windows keeps them: the first three fields have their lowest byte first.",
			Examples: []Example{{Expr: `CGuid("01234567-89ab-cdef-0123-456789abcdef")`, Want: `0x67452301AB89EFCD0123456789ABCDEF`}},
			Eval: func(_ *Call, a []Value) (Value, error) {
				g, ok := parseGUID(a[0].str)
				if !ok {
					return Value{}, Errorf(CodeValue, "the text is no GUID")
				}
				return Binary(string(g[:])), nil
			},
		},
		{
			Name: "StringFromGuid", Result: TypeString,
			Params:   []Param{{Name: "bytes", Type: TypeBinary}},
			Doc:      "Returns the GUID that 16 bytes stand for, in lower case with dashes.",
			Examples: []Example{{Expr: `StringFromGuid(CGuid("{01234567-89AB-CDEF-0123-456789ABCDEF}"))`, Want: `"01234567-89ab-cdef-0123-456789abcdef"`}},
			Eval: func(_ *Call, a []Value) (Value, error) {
				if len(a[0].str) != 16 {
					return Value{}, Errorf(CodeValue, "a GUID has 16 bytes, not %d", len(a[0].str))
				}
				return Text(formatGUID(a[0].str)), nil
			},
		},
		{
			Name: "StringFromSid", Result: TypeString,
			Params: []Param{{Name: "bytes", Type: TypeBinary}},
			Doc:    "Returns a security identifier as text.",
			Examples: []Example{
				{Given: given{"objectSid": {attr.Binary([]byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0})}}, Expr: `StringFromSid([objectSid])`, Want: `"S-1-5-32-544"`},
			},
			Eval: func(_ *Call, a []Value) (Value, error) {
				s, ok := formatSID(a[0].str)
				if !ok {
					return Value{}, Errorf(CodeValue, "the bytes are no security identifier")
				}
				return Text(s), nil
			},
		},
		{
			Name: "ConvertToBase64", Result: TypeString,
			Params: []Param{{Name: "value", Type: TypeString | TypeBinary}},
			Doc:    "Returns the Base64 of binary, which is how source anchors are made. Text is encoded in UTF-16 (little-endian) first.",
			Examples: []Example{
				{Expr: `ConvertToBase64("Hello world!")`, Want: `"SABlAGwAbABvACAAdwBvAHIAbABkACEA"`},
				{Given: given{"objectGUID": {attr.Binary([]byte{1, 2, 3, 4})}}, Expr: `ConvertToBase64([objectGUID])`, Want: `"AQIDBA=="`},
			},
			Eval: made(putBase64),
			pure: func(c *Call, a, _, _ *Value) (Value, bool) { return shortBase64(c, a) },
			put:  putBase64,
		},
		{
			Name: "ConvertFromBase64", Result: TypeString,
			Params: []Param{{Name: "base64", Type: TypeString}, {Name: "encoding", Type: TypeEnum, Optional: true, Null: true, Words: []string{"Unicode", "ASCII", "UTF8"}}},
			Doc:    "Returns the text that Base64 holds in the encoding: Unicode (UTF-16, little-endian), which is the default, ASCII or UTF8. White space is ignored.",
			Examples: []Example{
				{Expr: `ConvertFromBase64("SABlAGwAbABvACAAdwBvAHIAbABkACEA")`, Want: `"Hello world!"`},
				{Expr: `ConvertFromBase64("SGVsbG8gd29ybGQh",UTF8)`, Want: `"Hello world!"`},
			},
			Eval: fromBase64,
		},
		{
			Name: "ConvertToUTF8Hex", Params: text, Result: TypeString,
			Doc:      "Returns the bytes of the text in UTF-8 as hexadecimal in upper case: the form of DNs in the connector space of Microsoft Entra ID.",
			Examples: []Example{{Expr: `ConvertToUTF8Hex("Hello world!")`, Want: `"48656C6C6F20776F726C6421"`}, {Expr: `ConvertToUTF8Hex("é😀")`, Want: `"C3A9F09F9880"`}},
			Eval:     made(putHex),
			put:      putHex,
		},
		{
			Name: "ConvertFromUTF8Hex", Params: text, Result: TypeString,
			Doc:      "Returns the text whose UTF-8 bytes are given in hexadecimal.",
			Examples: []Example{{Expr: `ConvertFromUTF8Hex("48656C6C6F20776F726C6421")`, Want: `"Hello world!"`}},
			Eval: func(c *Call, a []Value) (Value, error) {
				b, err := hex.DecodeString(a[0].str)
				if err != nil {
					return Value{}, Errorf(CodeValue, "the text is not hexadecimal")
				}
				if err := c.Spend(len(b)); err != nil {
					return Value{}, err
				}
				return Text(strings.ToValidUTF8(string(b), "\ufffd")), nil
			},
		},
		{
			Name: "CBin", Result: TypeBinary,
			Params:   []Param{{Name: "number", Type: TypeNumber}, {Name: "width", Type: TypeNumber}},
			Doc:      "Returns the number as binary of width bytes, 1 to 8, the lowest byte first. A number that does not fit is an error.",
			Examples: []Example{{Expr: `CBin(288,2) & CBin(1,1)`, Want: `0x200101`}},
			Eval:     toBinary,
		},
		{
			Name: "Thumbprint", Result: TypeBinary,
			Params:   []Param{{Name: "bytes", Type: TypeBinary}},
			Doc:      "Returns the SHA-256 of the bytes, in binary: the hash over the entries of a key credential.",
			Examples: []Example{{Expr: `Len(Thumbprint(CBin(1,1)))`, Want: `32`}},
			Eval:     thumbprint,
		},
	})
}

func toBool(_ *Call, a []Value) (Value, error) {
	v := &a[0]
	switch v.kind {
	case TypeBool:
		return *v, nil
	case TypeNumber:
		return Boolean(v.num != 0), nil
	case TypeString:
		if b, ok := parseBool(v.str); ok {
			return Boolean(b), nil
		}
		if n, ok := parseNumber(v.str); ok {
			return Boolean(n != 0), nil
		}
		return Value{}, Errorf(CodeValue, "the text is neither True nor False")
	default:
		return Boolean(false), nil
	}
}

func toNumber(v *Value) (int64, error) {
	switch v.kind {
	case TypeNumber:
		return v.num, nil
	case TypeString:
		if n, ok := parseNumber(v.str); ok {
			return n, nil
		}
		return 0, Errorf(CodeValue, "the text is no number")
	case TypeBinary:
		if len(v.str) == 0 || len(v.str) > 8 {
			return 0, Errorf(CodeValue, "binary of 1 to 8 bytes is needed, not of %d", len(v.str))
		}
		var n uint64
		for i := len(v.str) - 1; i >= 0; i-- {
			n = n<<8 | uint64(v.str[i])
		}
		return int64(n), nil
	default:
		return 0, Errorf(CodeType, "a number cannot be made of %s", v.kind)
	}
}

func toText(c *Call, a []Value) (Value, error) {
	v := &a[0]
	switch v.kind {
	case TypeNumber, TypeBool:
		return Text(textOf(v)), nil
	case TypeDate:
		return Text(formatDate(v.num, "yyyy-MM-dd HH:mm:ss")), nil
	default:
		return Text(v.str), nil
	}
}

// made returns the Eval of a function whose put is given.
func made(put func(*Call, []byte, *Value) ([]byte, error)) func(*Call, []Value) (Value, error) {
	return func(c *Call, a []Value) (Value, error) {
		from := len(c.buf)
		out, err := put(c, c.buf, &a[0])
		if err != nil {
			return Value{}, err
		}
		c.buf = out[:from]
		return Text(string(out[from:])), nil
	}
}

func putHex(c *Call, dst []byte, a *Value) ([]byte, error) {
	if err := c.Spend(2 * len(a.str)); err != nil {
		return dst, err
	}
	return appendHex(dst, a.str), nil
}

func putBase64(c *Call, dst []byte, a *Value) ([]byte, error) {
	if err := c.Spend(3 * len(a.str)); err != nil {
		return dst, err
	}
	from := len(dst)
	if a.kind == TypeString {
		dst = appendUTF16(dst, a.str)
	} else {
		dst = append(dst, a.str...)
	}
	raw := dst[from:]
	dst = base64.StdEncoding.AppendEncode(dst, raw)
	return append(dst[:from], dst[from+len(raw):]...), nil
}

// shortBase64 is for binary of the size of GUIDs and SIDs.
func shortBase64(c *Call, v *Value) (Value, bool) {
	var in [48]byte
	var out [64]byte
	if v.kind != TypeBinary || len(v.str) > len(in) || c.Spend(3*len(v.str)) != nil {
		return Value{}, false
	}
	n := copy(in[:], v.str)
	base64.StdEncoding.Encode(out[:], in[:n])
	return Text(string(out[:base64.StdEncoding.EncodedLen(n)])), true
}

func fromBase64(c *Call, a []Value) (Value, error) {
	b, ok := decodeBase64(a[0].str)
	if !ok {
		return Value{}, Errorf(CodeValue, "the text is not Base64")
	}
	if err := c.Spend(2 * len(b)); err != nil {
		return Value{}, err
	}
	switch a[1].str {
	case "UTF8":
		return Text(strings.ToValidUTF8(string(b), "\ufffd")), nil
	case "ASCII":
		for i := range b {
			if b[i] >= 0x80 {
				b[i] = '?'
			}
		}
		return Text(string(b)), nil
	default:
		if len(b)%2 != 0 {
			return Value{}, Errorf(CodeValue, "text in UTF-16 has an even number of bytes, not %d", len(b))
		}
		return Text(decodeUTF16(b)), nil
	}
}

func toBinary(_ *Call, a []Value) (Value, error) {
	n, width := a[0].num, a[1].num
	if width < 1 || width > 8 {
		return Value{}, Errorf(CodeRange, "the width is 1 to 8 bytes, not %d", width)
	}
	b := make([]byte, width)
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
	if width < 8 && (n < 0 || n>>(8*width) != 0) {
		return Value{}, Errorf(CodeRange, "the number does not fit into %d bytes", width)
	}
	return Binary(string(b)), nil
}
