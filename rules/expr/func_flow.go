package expr

import (
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// given makes the attributes of an example.
type given = map[string][]attr.Value

func texts(values ...string) []attr.Value {
	out := make([]attr.Value, len(values))
	for i, v := range values {
		out[i] = attr.String(v)
	}
	return out
}

func numbers(values ...int64) []attr.Value {
	out := make([]attr.Value, len(values))
	for i, v := range values {
		out[i] = attr.Int(v)
	}
	return out
}

func flowFunctions() []Function {
	return chapter("Program flow", []Function{
		{
			Name: "IIF", form: formIIF, Result: TypeAny,
			Params: []Param{{Name: "condition", Type: TypeBool}, {Name: "yes", Type: TypeAny}, {Name: "no", Type: TypeAny}},
			Doc: "Returns yes when the condition is True and no otherwise; NULL counts as False. Only the value that is chosen is computed. " +
				"A condition over several values chooses for each of them.",
			Examples: []Example{
				{Given: given{"employeeType": texts("Intern"), "alias": texts("joe")}, Expr: `IIF([employeeType]="Intern","t-" & [alias],[alias])`, Want: `"t-joe"`},
				{Given: given{"employeeType": texts("FTE"), "alias": texts("joe")}, Expr: `IIF([employeeType]="Intern","t-" & [alias],[alias])`, Want: `"joe"`},
				{Given: given{"proxyAddresses": texts("SMTP:jd@contoso.com", "SIP:jd@contoso.com")}, Expr: `IIF(InStr([proxyAddresses],"SIP:")=1,NULL,[proxyAddresses])`, Want: `{"SMTP:jd@contoso.com"}`},
			},
		},
		{
			Name: "Switch", form: formSwitch, Result: TypeAny,
			Params: []Param{{Name: "condition", Type: TypeBool}, {Name: "value", Type: TypeAny}, {Name: "condition, value …", Optional: true}},
			Doc: "Returns the value behind the first condition that is True, from left to right, and NULL when there is none. " +
				"Nothing behind that condition is computed, and no other value.",
			Examples: []Example{
				{Given: given{"city": texts("Rome")}, Expr: `Switch([city]="London","English",[city]="Rome","Italian",True,Error("Unknown city"))`, Want: `"Italian"`},
				{Given: given{"city": texts("Oslo")}, Expr: `Switch([city]="London","English",[city]="Rome","Italian",True,Error("Unknown city"))`, Want: `error: Unknown city`},
			},
		},
		{
			Name: "Error", Volatile: true, // no result: it never returns
			Params: []Param{{Name: "message", Type: TypeString | TypeNumber, Null: true}},
			Doc:    "Fails the synchronisation of the object with the message. Do not put personal data into it: it is logged.",
			Examples: []Example{
				{Expr: `IIF(IsPresent([accountName]),[accountName],Error("AccountName is required"))`, Want: `error: AccountName is required`},
			},
			Eval: raise,
		},
		{
			Name: "Select", form: formSelect, Result: TypeAny, ResultSet: true,
			Params: []Param{{Name: "$item"}, {Name: "values", Type: TypeAny, Set: true}, {Name: "expression", Type: TypeAny}},
			Doc:    "Computes the expression for each value, which the variable stands for, and returns the results as a set. NULL leaves a value out.",
			Examples: []Example{
				{Given: given{"otherPhone": texts("425-555-1", "206-555-2")}, Expr: `Select($item,[otherPhone],Replace($item,"-",""))`, Want: `{"4255551","2065552"}`},
			},
		},
		{
			Name: "Where", form: formWhere, Result: TypeAny, ResultSet: true,
			Params: []Param{{Name: "$item"}, {Name: "values", Type: TypeAny, Set: true}, {Name: "condition", Type: TypeBool}},
			Doc:    "Returns the values for which the condition is True; NULL counts as False. The variable stands for the value.",
			Examples: []Example{
				{Given: given{"otherPhone": texts("425-555-1", "206-555-2")}, Expr: `Where($item,[otherPhone],Left($item,3)="206")`, Want: `{"206-555-2"}`},
			},
		},
		{
			Name: "With", form: formWith, Result: TypeAny,
			Params: []Param{{Name: "$variable"}, {Name: "value", Type: TypeAny, Set: true}, {Name: "expression", Type: TypeAny}},
			Doc: "Returns the expression, in which the variable stands for the value. The value is computed once, when it is first needed; " +
				"a set stays a set, which is lifted where one value is needed.",
			Examples: []Example{
				{Given: given{"mail": texts("Joe@Contoso.com")}, Expr: `With($m,LCase([mail]),Word($m,2,"@") & "/" & Word($m,1,"@"))`, Want: `"contoso.com/joe"`},
			},
		},
	})
}

// chapter marks functions as belonging to a chapter of the documentation.
func chapter(name string, functions []Function) []Function {
	for i := range functions {
		functions[i].Chapter = name
	}
	return functions
}

func raise(_ *Call, args []Value) (Value, error) {
	message := args[0].str
	if args[0].kind == TypeNumber {
		message = textOf(&args[0])
	}
	if strings.TrimSpace(message) == "" {
		message = "the rule called Error without a message"
	}
	return Value{}, &EvalError{Code: CodeErrorFunction, Message: message}
}

func sourceFunctions() []Function {
	return chapter("Attributes by name", []Function{
		{
			Name: "ImportedValue", form: formImported, Result: TypeAny &^ TypeDate, ResultSet: true,
			Params: []Param{{Name: "name in quotes", Type: TypeString}},
			Doc: "Returns the values of the attribute that an import has confirmed. [name] instead reads what the object will hold once " +
				"everything that is on its way out has arrived. The name is written in double quotes and cannot be computed.",
			Examples: []Example{
				{Given: given{"proxyAddresses": texts("SMTP:a@b ", "smtp:c@d", "smtp:c@d ")}, Expr: `RemoveDuplicates(Trim(ImportedValue("proxyAddresses")))`, Want: `{"SMTP:a@b","smtp:c@d"}`},
			},
		},
		{
			Name: "ValueCount", form: formCount, Result: TypeNumber,
			Params: []Param{{Name: "name in quotes", Type: TypeString}},
			Doc:    "Returns the number of values of the attribute without loading them: 0 when it is absent. The name is written in double quotes and cannot be computed.",
			Examples: []Example{
				{Given: given{"member": texts("a", "b", "c")}, Expr: `ValueCount("member")`, Want: `3`},
			},
		},
	})
}
