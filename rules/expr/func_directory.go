package expr

import "github.com/hybridsync/hybridsync/connector/attr"

func directoryFunctions() []Function {
	dn := Param{Name: "dn", Type: TypeReference | TypeString}
	joe := given{"dn": {attr.Reference("cn=Joe,ou=Atlanta,ou=GA,ou=US,dc=contoso,dc=com")}}
	return chapter("Directory", []Function{
		{
			Name: "DNComponent", Result: TypeString,
			Params: []Param{dn, {Name: "number", Type: TypeNumber}},
			Doc: "Returns the value of a component of the DN, counted from the left; NULL when there is none with that number. " +
				"Escapes are resolved but for control characters: a replication conflict keeps its \\0A.",
			Examples: []Example{
				{Given: joe, Expr: `DNComponent(CRef([dn]),1)`, Want: `"Joe"`},
				{Given: given{"dn": texts(`CN=Joe\0ACNF:4a1e,OU=x,DC=y`)}, Expr: `InStr(DNComponent(CRef([dn]),1),"\\0ACNF:") > 0`, Want: `True`},
			},
			Eval: func(_ *Call, a []Value) (Value, error) { return componentOf(a[0].str, a[1].num, false, false) },
		},
		{
			Name: "DNComponentRev", Result: TypeString,
			Params: []Param{dn, {Name: "number", Type: TypeNumber}, {Name: "option", Type: TypeEnum, Words: []string{"DC"}, Optional: true, Null: true}},
			Doc:    "Returns the value of a component of the DN, counted from the right; NULL when there is none with that number. With DC the components of the domain are not counted.",
			Examples: []Example{
				{Given: joe, Expr: `DNComponentRev(CRef([dn]),3)`, Want: `"US"`},
				{Given: joe, Expr: `DNComponentRev(CRef([dn]),1,"DC")`, Want: `"US"`},
			},
			Eval: func(_ *Call, a []Value) (Value, error) {
				return componentOf(a[0].str, a[1].num, true, a[2].str == "DC")
			},
		},
		{
			Name: "EscapeDNComponent", Result: TypeString,
			Params: []Param{{Name: "component", Type: TypeString}},
			Doc: "Returns the component of a DN with everything escaped that has a meaning there. The component is either a value or a name and a value, " +
				"as in cn=Doe, John, of which the first = stays.",
			Examples: []Example{
				{Given: given{"displayName": texts("Doe, John")}, Expr: `EscapeDNComponent("cn=" & [displayName]) & ",DC=contoso,DC=com"`, Want: `"cn=Doe\\, John,DC=contoso,DC=com"`},
			},
			Eval: func(c *Call, a []Value) (Value, error) {
				if err := c.Spend(3 * len(a[0].str)); err != nil {
					return Value{}, err
				}
				return Text(escapeComponent(a[0].str)), nil
			},
		},
	})
}

func componentOf(dn string, number int64, fromRight, skipDomain bool) (Value, error) {
	raw, found, ok := findComponent(dn, number, fromRight, skipDomain)
	switch {
	case !ok:
		return Value{}, Errorf(CodeValue, "the text is no DN")
	case !found:
		return Value{kind: typeNull}, nil
	default:
		return Text(unescapeComponent(raw)), nil
	}
}
