package expr

import "github.com/hybridsync/hybridsync/connector/attr"

func testFunctions() []Function {
	all := []Param{{Name: "value", Type: TypeAny, Set: true, Null: true}}
	one := []Param{{Name: "value", Type: TypeAny, Null: true}}
	return chapter("Tests", []Function{
		{
			Name: "IsPresent", Params: all, Result: TypeBool,
			Doc:      "Returns True when there is a value that is not the empty text.",
			Examples: []Example{{Expr: `IsPresent([displayName])`, Want: `False`}, {Given: given{"displayName": texts("x")}, Expr: `IsPresent([displayName])`, Want: `True`}},
			Eval:     func(_ *Call, a []Value) (Value, error) { return Boolean(present(&a[0])), nil },
			test:     present,
		},
		{
			Name: "IsNull", Params: all, Result: TypeBool,
			Doc:      "Returns True when there is no value. The empty text is a value.",
			Examples: []Example{{Expr: `IsNull([displayName])`, Want: `True`}, {Expr: `IsNull("")`, Want: `False`}},
			Eval:     func(_ *Call, a []Value) (Value, error) { return Boolean(a[0].IsNull()), nil },
			test:     (*Value).IsNull,
		},
		{
			Name: "IsEmpty", Params: all, Result: TypeBool,
			Doc:      "Returns True when there is a value and it is the empty text.",
			Examples: []Example{{Expr: `IsEmpty("")`, Want: `True`}, {Expr: `IsEmpty([displayName])`, Want: `False`}},
			Eval:     func(_ *Call, a []Value) (Value, error) { return Boolean(!a[0].IsNull() && !present(&a[0])), nil },
		},
		{
			Name: "IsNullOrEmpty", Params: all, Result: TypeBool,
			Doc:      "Returns True when there is no value but, possibly, the empty text: the opposite of IsPresent.",
			Examples: []Example{{Expr: `IsNullOrEmpty([displayName])`, Want: `True`}, {Expr: `IsNullOrEmpty("")`, Want: `True`}},
			Eval:     func(_ *Call, a []Value) (Value, error) { return Boolean(!present(&a[0])), nil },
			test:     func(v *Value) bool { return !present(v) },
		},
		{
			Name: "IsString", Params: one, Result: TypeBool,
			Doc: "Returns True when CStr would make text of the value. It is False for binary, which is how rules tell a source anchor in text from one in binary, and for NULL.",
			Examples: []Example{
				{Given: given{"objectGUID": {attr.Binary([]byte{1, 2, 3, 4})}}, Expr: `IsString([objectGUID])`, Want: `False`},
				{Expr: `IsString("x")`, Want: `True`},
			},
			Eval: func(_ *Call, a []Value) (Value, error) {
				return Boolean(a[0].kind&(TypeAny&^TypeBinary) != 0), nil
			},
		},
		{
			Name: "IsNumeric", Params: one, Result: TypeBool,
			Doc:      "Returns True when CNum would make a number of the value.",
			Examples: []Example{{Expr: `IsNumeric("12")`, Want: `True`}, {Expr: `IsNumeric("a1")`, Want: `False`}},
			Eval: func(_ *Call, a []Value) (Value, error) {
				_, err := toNumber(&a[0])
				return Boolean(err == nil), nil
			},
		},
		{
			Name: "IsDate", Params: one, Result: TypeBool,
			Doc:      "Returns True when CDate would make a date of the value.",
			Examples: []Example{{Expr: `IsDate("2013-01-10 4:00 PM -8")`, Want: `True`}, {Expr: `IsDate("abc")`, Want: `False`}},
			Eval: func(_ *Call, a []Value) (Value, error) {
				_, ok := parseDate(a[0].str)
				return Boolean(a[0].kind == TypeDate || a[0].kind == TypeString && ok), nil
			},
		},
		{
			Name: "IsGuid", Result: TypeBool,
			Params: []Param{{Name: "value", Type: TypeString, Null: true}},
			Doc:    "Returns True when the text is a GUID with dashes, in braces or without. NULL is none.",
			Examples: []Example{
				{Expr: `IsGuid("00001111-aaaa-2222-bbbb-3333cccc4444")`, Want: `True`},
				{Expr: `IsGuid("{00001111-aaaa-2222-bbbb-3333cccc4444}")`, Want: `True`},
				{Expr: `IsGuid("00001111aaaa")`, Want: `False`},
			},
			Eval: func(_ *Call, a []Value) (Value, error) {
				_, ok := parseGUID(a[0].str)
				return Boolean(ok), nil
			},
		},
		{
			Name: "IsCert", Result: TypeBool,
			Params: []Param{{Name: "value", Type: TypeBinary | TypeString, Null: true}},
			Doc:    "Returns True when the value is an X.509 certificate: DER in binary, or Base64 of it in text. NULL is none.",
			Examples: []Example{
				{Given: given{"userCertificate": exampleCertificate()}, Expr: `IsCert([userCertificate])`, Want: `True`},
				{Expr: `IsCert("AAAA")`, Want: `False`},
			},
			Eval: func(_ *Call, a []Value) (Value, error) {
				_, err := certificateOf(&a[0])
				return Boolean(err == nil), nil
			},
		},
		{
			Name: "IsBitSet", Result: TypeBool,
			Params: []Param{{Name: "value", Type: TypeNumber, Null: true}, {Name: "mask", Type: TypeNumber, Null: true}},
			Doc:    "Returns True when value and mask have a bit in common. The mask is a number, not the index of a bit. NULL has no bits.",
			Examples: []Example{
				{Expr: `IsBitSet(&HF,4)`, Want: `True`},
				{Expr: `IsBitSet(514,2)`, Want: `True`},
				{Expr: `IsBitSet(512,2)`, Want: `False`},
			},
			Eval: func(_ *Call, a []Value) (Value, error) { return Boolean(a[0].num&a[1].num != 0), nil },
		},
	})
}

// present reports whether there is a value that is not the empty text.
func present(v *Value) bool {
	switch v.kind {
	case typeNull, 0:
		return false
	case TypeString:
		return v.str != ""
	case typeList:
		for _, e := range v.list {
			if e.Kind() != attr.KindString || e.Str() != "" {
				return true
			}
		}
		return false
	default:
		return true
	}
}
