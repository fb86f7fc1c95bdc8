package expr_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

func Example() {
	p, err := expr.Compile(`IIF(IsPresent([displayName]),Trim([displayName]),[cn])`, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	object := attr.NewSet(map[string][]attr.Value{"displayName": {attr.String(" Abbie Spencer ")}})
	result, err := p.Eval(&expr.Input{Attributes: expr.FromSet(&object), Now: time.Now()})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Kind, result.Text())
	// Output: values "Abbie Spencer"
}

func ExampleCompile_mistakes() {
	_, err := expr.Compile(`IIF(IsPresnt([mail]),[mail],"none"`, nil)
	fmt.Println(err)
	// Output:
	// 1:4: error: the bracket of IIF is not closed: ")" is missing
	//     IIF(IsPresnt([mail]),[mail],"none"
	//        ^
	// 1:5: error: there is no function IsPresnt; did you mean IsPresent?
	//     IIF(IsPresnt([mail]),[mail],"none"
	//         ^
}

// A host adds a function of its own. It is checked, lifted over several values and
// reported on like the built-in ones.
func ExampleFunction() {
	domain := expr.Function{
		Name:   "MailDomain",
		Params: []expr.Param{{Name: "address", Type: expr.TypeString}},
		Result: expr.TypeString,
		Doc:    "Returns what follows the @ of an address.",
		Eval: func(_ *expr.Call, args []expr.Value) (expr.Value, error) {
			_, domain, ok := strings.Cut(args[0].Str(), "@")
			if !ok {
				return expr.Value{}, errors.New("the address has no @")
			}
			return expr.Text(domain), nil
		},
	}
	p, err := expr.Compile(`MailDomain([proxyAddresses])`, &expr.Options{Functions: []expr.Function{domain}})
	if err != nil {
		fmt.Println(err)
		return
	}
	object := attr.NewSet(map[string][]attr.Value{
		"proxyAddresses": {attr.String("SMTP:joe@contoso.com"), attr.String("smtp:joe@fabrikam.com")},
	})
	result, err := p.Eval(&expr.Input{Attributes: expr.FromSet(&object)})
	fmt.Println(result.Text(), err)
	// Output: {"contoso.com","fabrikam.com"} <nil>
}
