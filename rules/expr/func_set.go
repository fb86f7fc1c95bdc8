package expr

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hybridsync/hybridsync/connector/attr"
)

func setFunctions() []Function {
	p := given{"proxyAddresses": texts("smtp:jd@contoso.com", "SMTP:john.doe@contoso.com")}
	values := Param{Name: "values", Type: TypeAny, Set: true, Null: true}
	return chapter("Multi-valued attributes", []Function{
		{
			Name: "Contains", Result: TypeNumber,
			Params: []Param{
				{Name: "values", Type: TypeString | TypeReference, Set: true, Null: true},
				{Name: "item", Type: TypeString | TypeReference, Null: true},
				{Name: "case", Type: TypeEnum, Words: []string{"CaseSensitive", "CaseInsensitive"}, Optional: true, Null: true},
			},
			Doc: "Returns the number of the first value that has the item in it, from 1, and 0 when there is none. Text is searched for the item, upper and lower case " +
				"matter unless CaseInsensitive is given; references have to be the item.",
			Examples: []Example{
				{Given: p, Expr: `Contains([proxyAddresses],"SMTP:")`, Want: `2`},
				{Given: p, Expr: `Contains([proxyAddresses],"SMTP:",CaseInsensitive)`, Want: `1`},
				{Given: p, Expr: `Contains([proxyAddresses],"x")`, Want: `0`},
			},
			Eval: containsItem,
			pure: containsText,
		},
		{
			Name: "Count", Params: []Param{values}, Result: TypeNumber,
			Doc:      "Returns the number of values: 0 for NULL.",
			Examples: []Example{{Given: p, Expr: `Count([proxyAddresses])`, Want: `2`}},
			Eval:     func(_ *Call, a []Value) (Value, error) { return Number(int64(a[0].Len())), nil },
		},
		{
			Name: "Item", Result: TypeAny,
			Params: []Param{values, {Name: "number", Type: TypeNumber}},
			Doc:    "Returns the value with the number, from 1. That there is none is an error; see ItemOrNull. Values are in the order of the directory.",
			Examples: []Example{
				{Given: p, Expr: `Mid(Item([proxyAddresses],Contains([proxyAddresses],"SMTP:")),6)`, Want: `"john.doe@contoso.com"`},
				{Given: p, Expr: `Item([proxyAddresses],3)`, Want: `error: Item at 1:1: there is no value with that number: there are 2`},
			},
			Eval: func(_ *Call, a []Value) (Value, error) {
				if n := a[0].Len(); a[1].num < 1 || a[1].num > int64(n) {
					return Value{}, Errorf(CodeRange, "there is no value with that number: there are %d", n)
				}
				return a[0].At(int(a[1].num - 1)), nil
			},
			pure: func(_ *Call, a, b, _ *Value) (Value, bool) {
				return a.At(int(b.num - 1)), b.num >= 1 && b.num <= int64(a.Len())
			},
		},
		{
			Name: "ItemOrNull", Result: TypeAny,
			Params:   []Param{values, {Name: "number", Type: TypeNumber}},
			Doc:      "Returns the value with the number, from 1, and NULL when there is none.",
			Examples: []Example{{Given: p, Expr: `ItemOrNull([proxyAddresses],9)`, Want: `NULL`}},
			Eval: func(_ *Call, a []Value) (Value, error) {
				if a[1].num < 1 || a[1].num > int64(a[0].Len()) {
					return Value{kind: typeNull}, nil
				}
				return a[0].At(int(a[1].num - 1)), nil
			},
		},
		{
			Name: "Join", Result: TypeString,
			Params: []Param{{Name: "values", Type: TypeString | TypeReference | TypeNumber | TypeBool, Set: true}, {Name: "delimiter", Type: TypeString, Optional: true, Null: true}},
			Doc:    "Returns the values as one text with the delimiter between them: a space when none is given, nothing when it is NULL or the empty text.",
			Examples: []Example{
				{Given: given{"v": texts("a", "b")}, Expr: `Join([v],",")`, Want: `"a,b"`},
				{Given: given{"v": texts("a", "b")}, Expr: `Join([v])`, Want: `"a b"`},
			},
			Eval: joinValues,
		},
		{
			Name: "Split", Result: TypeString, ResultSet: true,
			Params: []Param{{Name: "text", Type: TypeString}, {Name: "delimiter", Type: TypeString}, {Name: "limit", Type: TypeNumber, Optional: true, Null: true}},
			Doc: "Returns the parts of the text between the delimiters, which is one character. With a limit above 0 there are at most so many and the last holds the rest. " +
				"Parts may be empty; of the empty text there are none.",
			Examples: []Example{
				{Expr: `Split("SMTP:john.doe@contoso.com,smtp:jd@contoso.com",",")`, Want: `{"SMTP:john.doe@contoso.com","smtp:jd@contoso.com"}`},
				{Expr: `Split("a,b,c",",",2)`, Want: `{"a","b,c"}`},
			},
			Eval: split,
		},
		{
			Name: "RemoveDuplicates", Result: TypeAny, ResultSet: true,
			Params:   []Param{{Name: "values", Type: TypeAny, Set: true}},
			Doc:      "Returns the values without those that are there already. Upper and lower case matter.",
			Examples: []Example{{Given: given{"v": texts("a", "b", "a", "A")}, Expr: `RemoveDuplicates([v])`, Want: `{"a","b","A"}`}},
			Eval:     func(c *Call, a []Value) (Value, error) { return removeDuplicates(c, a[0], false) },
			reuse:    func(c *Call, a []Value) (Value, error) { return removeDuplicates(c, a[0], true) },
		},
	})
}

func containsItem(c *Call, a []Value) (Value, error) {
	if a[1].IsNull() {
		return Number(0), nil
	}
	item, fold := a[1].str, a[2].str == "CaseInsensitive"
	for i := range a[0].Len() {
		v := a[0].At(i)
		if err := c.Work(1 + searchCost(v.str, item, fold)); err != nil {
			return Value{}, err
		}
		found := false
		switch v.kind {
		case TypeReference:
			found = v.str == item || fold && strings.EqualFold(v.str, item)
		case TypeString:
			if fold {
				found = indexFold(v.str, item) >= 0
			} else {
				found = strings.Contains(v.str, item)
			}
		default:
			return Value{}, Errorf(CodeType, "text or references are searched, not %s", v.kind)
		}
		if found {
			return Number(int64(i + 1)), nil
		}
	}
	return Number(0), nil
}

// containsText is containsItem for text.
func containsText(c *Call, a, item, how *Value) (Value, bool) {
	if a.kind != typeList || how != nil {
		return Value{}, false
	}
	for i := range a.list {
		v := &a.list[i]
		if v.Kind() != attr.KindString || c.Work(1+len(v.Str())/64) != nil {
			return Value{}, false
		}
		if strings.Contains(v.Str(), item.str) {
			return Number(int64(i + 1)), true
		}
	}
	return Number(0), true
}

func joinValues(c *Call, a []Value) (Value, error) {
	delimiter := " "
	if len(a) > 1 && a[1].given() {
		delimiter = a[1].str
	}
	size := 0
	for i := range a[0].Len() {
		v := a[0].At(i)
		if v.kind&(TypeBinary|TypeDate) != 0 {
			return Value{}, Errorf(CodeType, "text is joined, not %s", v.kind)
		}
		size += len(v.str) + len(delimiter)
	}
	if err := c.Spend(size); err != nil {
		return Value{}, err
	}
	var b strings.Builder
	b.Grow(size)
	for i := range a[0].Len() {
		if i > 0 {
			b.WriteString(delimiter)
		}
		if v := a[0].At(i); v.kind&(TypeNumber|TypeBool) != 0 {
			b.WriteString(textOf(&v))
		} else {
			b.WriteString(v.str)
		}
	}
	return Text(b.String()), nil
}

func split(c *Call, a []Value) (Value, error) {
	text, delimiter := a[0].str, a[1].str
	if utf8.RuneCountInString(delimiter) != 1 {
		return Value{}, Errorf(CodeValue, "the delimiter is one character")
	}
	if text == "" {
		return Value{kind: typeNull}, nil
	}
	limit := -1
	if a[2].num > 0 && a[2].num < int64(len(text)) {
		limit = int(a[2].num)
	}
	n := strings.Count(text, delimiter) + 1
	if limit > 0 {
		n = min(n, limit)
	}
	if err := c.Spend(n * valueSize); err != nil {
		return Value{}, err
	}
	out := make([]attr.Value, 0, n)
	for len(out) < n-1 {
		part, rest, _ := strings.Cut(text, delimiter)
		out = append(out, attr.String(part))
		text = rest
	}
	return Set(append(out, attr.String(text))), nil
}

func removeDuplicates(c *Call, v Value, reuse bool) (Value, error) {
	if v.kind != typeList {
		return v, nil
	}
	const few = 16
	if len(v.list) <= few && !duplicates(v.list) {
		return v, nil
	}
	if err := c.Spend(2 * len(v.list) * valueSize); err != nil {
		return Value{}, err
	}
	out := v.list[:0]
	if !reuse {
		out = make([]attr.Value, 0, len(v.list))
	}
	if len(v.list) <= few {
		for _, e := range v.list {
			if !slices.Contains(out, e) {
				out = append(out, e)
			}
		}
	} else {
		seen := make(map[attr.Value]bool, len(v.list))
		for _, e := range v.list {
			if !seen[e] {
				seen[e] = true
				out = append(out, e)
			}
		}
	}
	v.list = out
	return v, nil
}

// duplicates reports whether a short list has a value twice.
func duplicates(list []attr.Value) bool {
	for i := range list {
		for j := range i {
			if list[i] == list[j] {
				return true
			}
		}
	}
	return false
}
