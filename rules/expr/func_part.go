package expr

// partFunctions are the text functions that count characters.
func partFunctions() []Function {
	compare := Param{Name: "compare", Type: TypeEnum, Words: []string{"vbBinaryCompare", "vbTextCompare"}, Optional: true, Null: true}
	find := []Param{str("text"), str("match"), {Name: "start", Type: TypeNumber, Optional: true, Null: true}, compare}
	return []Function{
		{
			Name: "Left", Params: []Param{str("text"), num("count")}, Result: TypeString,
			Doc:      "Returns the first characters of the text: none for 0, the whole text for a negative count or one that is larger than the text. Of NULL it is the empty text.",
			Examples: []Example{{Expr: `Left("John Doe",3)`, Want: `"Joh"`}, {Expr: `Left("😀 Joe",1)`, Want: `"😀"`}},
			Eval: func(_ *Call, a []Value) (Value, error) {
				if a[1].num < 0 {
					return Text(a[0].str), nil
				}
				return Text(a[0].str[:runeOffset(a[0].str, a[1].num)]), nil
			},
			pure: func(_ *Call, a, b, _ *Value) (Value, bool) {
				return Text(a.str[:runeOffset(a.str, b.num)]), b.num >= 0
			},
		},
		{
			Name: "Right", Params: []Param{str("text"), num("count")}, Result: TypeString,
			Doc:      "Returns the last characters of the text: none for 0, the whole text for a negative count or one that is larger than the text. Of NULL it is the empty text.",
			Examples: []Example{{Expr: `Right("John Doe",3)`, Want: `"Doe"`}},
			Eval: func(_ *Call, a []Value) (Value, error) {
				s := a[0].str
				skip := int64(runeLen(s)) - a[1].num
				if a[1].num < 0 || skip <= 0 {
					return Text(s), nil
				}
				return Text(s[runeOffset(s, skip):]), nil
			},
		},
		{
			Name: "Mid", Result: TypeString | TypeBinary,
			Params: []Param{{Name: "text", Type: TypeString | TypeBinary, Null: true}, num("start"), {Name: "count", Type: TypeNumber, Optional: true, Null: true}},
			Doc: "Returns count characters of the text from the one with the number start, from 1; all that follow when count is left out. It is the empty text for a count of 0, " +
				"and the text as it is when count is negative, start is below 1 or start is behind the end. Of binary it returns bytes. Of NULL it is the empty text.",
			Examples: []Example{
				{Expr: `Mid("John Doe",3,5)`, Want: `"hn Do"`},
				{Expr: `Mid("John Doe",6,999)`, Want: `"Doe"`},
				{Expr: `Mid("abc",9,1)`, Want: `"abc"`},
				{Expr: `Mid("SMTP:a@b",6)`, Want: `"a@b"`},
				{Expr: `Mid(CBin(&H040302,3),2,1)`, Want: `0x03`},
			},
			Eval: mid,
		},
		{
			Name: "Len", Params: []Param{{Name: "text", Type: TypeString | TypeBinary | TypeReference, Null: true}}, Result: TypeNumber,
			Doc:      "Returns the number of characters of the text, or of bytes of binary. Of NULL it is 0.",
			Examples: []Example{{Expr: `Len("John Doe")`, Want: `8`}, {Expr: `Len("😀")`, Want: `1`}},
			Eval: func(_ *Call, a []Value) (Value, error) {
				if a[0].kind == TypeBinary {
					return Number(int64(len(a[0].str))), nil
				}
				return Number(int64(runeLen(a[0].str))), nil
			},
		},
		{
			Name: "InStr", Params: find, Result: TypeNumber,
			Doc: "Returns where match first stands in the text, counted in characters from 1, and 0 when it does not, or one of them is NULL. The search begins at start. " +
				"Upper and lower case matter unless vbTextCompare is given. The empty text stands at start.",
			Examples: []Example{
				{Expr: `InStr("The quick brown fox","quick")`, Want: `5`},
				{Expr: `InStr("repEated","e",3,vbBinaryCompare)`, Want: `7`},
				{Expr: `InStr("repEated","e",3,vbTextCompare)`, Want: `4`},
			},
			Eval: inStr,
		},
		{
			Name: "InStrRev", Params: find, Result: TypeNumber,
			Doc:      "Returns where match last stands in the text, counted in characters from 1 and from the left, and 0 when it does not. With a start only the text up to that character is searched. Otherwise as InStr.",
			Examples: []Example{{Expr: `InStrRev("abbcdbbbef","bb")`, Want: `7`}},
			Eval:     inStrRev,
		},
	}
}

func mid(_ *Call, a []Value) (Value, error) {
	v, start := a[0], a[1].num
	if v.IsNull() {
		return Text(""), nil
	}
	s := v.str
	count := int64(len(s))
	if a[2].given() {
		if a[2].IsNull() {
			return Value{kind: typeNull}, nil
		}
		count = a[2].num
	}
	switch {
	case count == 0:
		return Value{kind: v.kind}, nil
	case count < 0 || start <= 0:
		return v, nil
	}
	if v.kind == TypeBinary {
		if start > int64(len(s)) {
			return v, nil
		}
		s = s[start-1:]
		return Binary(s[:min(count, int64(len(s)))]), nil
	}
	if start > int64(runeLen(s)) {
		return v, nil
	}
	s = s[runeOffset(s, start-1):]
	return Text(s[:runeOffset(s, count)]), nil
}

func inStr(c *Call, a []Value) (Value, error) {
	text, match := a[0].str, a[1].str
	if a[0].IsNull() || a[1].IsNull() || text == "" {
		return Number(0), nil
	}
	if err := c.Work(searchCost(text, match, a[3].str == "vbTextCompare")); err != nil {
		return Value{}, err
	}
	start := int64(1)
	if a[2].num > 1 {
		start = a[2].num
	}
	if start > int64(runeLen(text)) {
		return Number(0), nil
	}
	offset := runeOffset(text, start-1)
	at := indexText(text[offset:], match, a[3].str == "vbTextCompare")
	if at < 0 {
		return Number(0), nil
	}
	return Number(start + int64(runeLen(text[offset:offset+at]))), nil
}

func inStrRev(c *Call, a []Value) (Value, error) {
	text, match := a[0].str, a[1].str
	if a[0].IsNull() || a[1].IsNull() || text == "" {
		return Number(0), nil
	}
	if err := c.Work(searchCost(text, match, a[3].str == "vbTextCompare")); err != nil {
		return Value{}, err
	}
	if a[2].num > 0 {
		text = text[:runeOffset(text, a[2].num)]
	}
	if match == "" {
		return Number(int64(runeLen(text))), nil
	}
	at := lastIndexText(text, match, a[3].str == "vbTextCompare")
	if at < 0 {
		return Number(0), nil
	}
	return Number(int64(runeLen(text[:at])) + 1), nil
}
