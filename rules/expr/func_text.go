package expr

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// str is a parameter for text of which NULL is treated as the function says.
func str(name string) Param { return Param{Name: name, Type: TypeString, Null: true} }

func num(name string) Param { return Param{Name: name, Type: TypeNumber} }

func textFunctions() []Function {
	return chapter("Text", append(partFunctions(), []Function{
		{
			Name: "LCase", Params: []Param{{Name: "text", Type: TypeString}}, Result: TypeString,
			Doc: "Returns the text in lower case.", Examples: []Example{{Expr: `LCase("TeSt")`, Want: `"test"`}},
			Eval: mapped(strings.ToLower),
			put:  putMapped(unicode.ToLower),
		},
		{
			Name: "UCase", Params: []Param{{Name: "text", Type: TypeString}}, Result: TypeString,
			Doc: "Returns the text in upper case.", Examples: []Example{{Expr: `UCase("TeSt")`, Want: `"TEST"`}},
			Eval: mapped(strings.ToUpper),
			put:  putMapped(unicode.ToUpper),
		},
		{
			Name: "PCase", Params: []Param{{Name: "text", Type: TypeString}}, Result: TypeString,
			Doc: "Returns the text with the first letter of each word in upper case and the others in lower case. Words end at white space. " +
				"A word that is in upper case altogether is taken for an abbreviation and stays; use PCase(LCase(x)) where it should not.",
			Examples: []Example{
				{Expr: `PCase("TEsT")`, Want: `"Test"`},
				{Expr: `PCase("britta simon")`, Want: `"Britta Simon"`},
				{Expr: `PCase("TEST")`, Want: `"TEST"`},
				{Expr: `PCase(LCase("TEST"))`, Want: `"Test"`},
			},
			Eval: mapped(properCase),
		},
		{
			Name: "Trim", Params: []Param{{Name: "text", Type: TypeString}}, Result: TypeString,
			Doc:      "Returns the text without white space at its ends. NULL stays NULL, so an absent attribute contributes nothing.",
			Examples: []Example{{Expr: `Trim(" Test ")`, Want: `"Test"`}, {Given: given{"v": texts(" a", "b ")}, Expr: `Trim([v])`, Want: `{"a","b"}`}},
			Eval:     cut(strings.TrimSpace),
			pure:     func(_ *Call, a, _, _ *Value) (Value, bool) { return Text(strings.TrimSpace(a.str)), true },
		},
		{
			Name: "LTrim", Params: []Param{{Name: "text", Type: TypeString}}, Result: TypeString,
			Doc: "Returns the text without white space at its start.", Examples: []Example{{Expr: `LTrim(" Test ")`, Want: `"Test "`}},
			Eval: cut(func(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }),
		},
		{
			Name: "RTrim", Params: []Param{{Name: "text", Type: TypeString}}, Result: TypeString,
			Doc: "Returns the text without white space at its end.", Examples: []Example{{Expr: `RTrim(" Test ")`, Want: `" Test"`}},
			Eval: cut(func(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }),
		},
		{
			Name: "PadLeft", Params: []Param{str("text"), num("length"), {Name: "character", Type: TypeString, Null: true}}, Result: TypeString,
			Doc:      "Returns the text with the character put before it until it has the length. The character is exactly one; the text is never cut. Of NULL it is the empty text.",
			Examples: []Example{{Expr: `PadLeft("User",10,"0")`, Want: `"000000User"`}},
			Eval:     func(c *Call, a []Value) (Value, error) { return padText(c, a, true) },
		},
		{
			Name: "PadRight", Params: []Param{str("text"), num("length"), {Name: "character", Type: TypeString, Null: true}}, Result: TypeString,
			Doc:      "Returns the text with the character put behind it until it has the length. The character is exactly one; the text is never cut. Of NULL it is the empty text.",
			Examples: []Example{{Expr: `PadRight("User",10,"0")`, Want: `"User000000"`}},
			Eval:     func(c *Call, a []Value) (Value, error) { return padText(c, a, false) },
		},
		{
			Name: "Replace", Params: []Param{{Name: "text", Type: TypeString}, str("old"), str("new")}, Result: TypeString,
			Doc: `Returns the text with every occurrence of old replaced by new. In both, \r, \n and \t stand for carriage return, line feed and tabulator.`,
			Examples: []Example{
				{Given: given{"streetAddress": texts("One Microsoft Way\r\nRedmond")}, Expr: `Replace([streetAddress],"\r\n",", ")`, Want: `"One Microsoft Way, Redmond"`},
			},
			Eval: replace,
		},
		{
			Name: "ReplaceChars", Params: []Param{{Name: "text", Type: TypeString}, {Name: "pattern", Type: TypeString, Null: true}}, Result: TypeString,
			Doc: "Returns the text with characters replaced as the pattern says: pairs such as å:a, separated by commas. Left stands one character, right any text, or nothing to delete it. " +
				"White space in the pattern does not count. Comma and colon cannot be replaced.",
			Examples: []Example{
				{Expr: `ReplaceChars("Räksmörgås","’:,Å:A,Ä:A,Ö:O,å:a,ä:a,ö:o")`, Want: `"Raksmorgas"`},
				{Expr: `ReplaceChars("O’Neil","’:,Å:A,Ä:A,Ö:O,å:a,ä:a,ö:o")`, Want: `"ONeil"`},
			},
			Eval: replaceChars,
		},
		{
			Name: "Word", Params: []Param{str("text"), num("number"), str("delimiters")}, Result: TypeString,
			Doc: "Returns the word with the number, from 1. Each character of the delimiters ends a word; between two of them stands an empty word. " +
				"It is the empty text when there is no such word, and of NULL.",
			Examples: []Example{
				{Expr: `Word("The quick brown fox",3," ")`, Want: `"brown"`},
				{Expr: `Word("This,string!has&many separators",3,",!&#")`, Want: `"has"`},
				{Expr: `Word("Test;;Function",2,";")`, Want: `""`},
				{Given: given{"proxyAddresses": texts("smtp:a@x.com", "smtp:b@y.com")}, Expr: `Word([proxyAddresses],1,"@") & "@contoso.com"`, Want: `{"smtp:a@contoso.com","smtp:b@contoso.com"}`},
			},
			Eval: word,
			pure: func(c *Call, a, b, d *Value) (Value, bool) {
				v, err := wordOf(c, a, b, d)
				return v, err == nil
			},
		},
		{
			Name: "Guid", Result: TypeString, Volatile: true,
			Doc:      "Returns the text of a new random GUID. It may be written GUID, too.",
			Examples: []Example{{Expr: `IsGuid(Guid())`, Want: `True`}},
			Eval:     newGUID,
		},
	}...))
}

// cut wraps a function that returns a part of its argument.
func cut(f func(string) string) func(*Call, []Value) (Value, error) {
	return func(_ *Call, a []Value) (Value, error) { return Text(f(a[0].str)), nil }
}

// mapped wraps a function that makes new text of about the same length.
func mapped(f func(string) string) func(*Call, []Value) (Value, error) {
	return func(c *Call, a []Value) (Value, error) {
		if err := c.Spend(len(a[0].str)); err != nil {
			return Value{}, err
		}
		return Text(f(a[0].str)), nil
	}
}

// putMapped is mapped by characters.
func putMapped(f func(rune) rune) func(*Call, []byte, *Value) ([]byte, error) {
	return func(c *Call, dst []byte, a *Value) ([]byte, error) {
		if err := c.Spend(len(a.str)); err != nil {
			return dst, err
		}
		for _, r := range a.str {
			dst = utf8.AppendRune(dst, f(r))
		}
		return dst, nil
	}
}

func padText(c *Call, a []Value, left bool) (Value, error) {
	text, character := a[0].str, a[2].str
	if a[0].IsNull() {
		return Text(""), nil
	}
	if runeLen(character) != 1 {
		return Value{}, Errorf(CodeValue, "one character to pad with is needed")
	}
	missing := a[1].num - int64(runeLen(text))
	if missing <= 0 {
		return a[0], nil
	}
	if missing > int64(c.output) {
		missing = int64(c.output) + 1 // and so too much, without overflow
	}
	if err := c.Spend(int(missing) * len(character)); err != nil {
		return Value{}, err
	}
	padding := strings.Repeat(character, int(missing))
	if left {
		return Text(padding + text), nil
	}
	return Text(text + padding), nil
}

var monikers = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t")

func replace(c *Call, a []Value) (Value, error) {
	text, old, with := a[0].str, a[1].str, a[2].str
	if strings.Contains(old, `\`) {
		old = monikers.Replace(old)
	}
	if strings.Contains(with, `\`) {
		with = monikers.Replace(with)
	}
	if old == "" {
		return a[0], nil
	}
	n := strings.Count(text, old)
	if n == 0 {
		return a[0], nil
	}
	if err := c.Spend(len(text) + n*max(0, len(with)-len(old))); err != nil {
		return Value{}, err
	}
	return Text(strings.ReplaceAll(text, old, with)), nil
}

func newGUID(c *Call, _ []Value) (Value, error) {
	var b [16]byte
	if _, err := io.ReadFull(c.Random(), b[:]); err != nil {
		return Value{}, &EvalError{Code: CodeSource, Message: "there is no randomness", Err: err}
	}
	// Version 4, variant 1; in Windows order the version is in byte 7.
	b[7] = b[7]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return Text(formatGUID(string(b[:]))), nil
}
