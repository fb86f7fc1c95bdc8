package expr

import (
	"crypto/rand"
	"math/big"
)

func mathFunctions() []Function {
	two := []Param{{Name: "a", Type: TypeNumber, Null: true}, {Name: "b", Type: TypeNumber, Null: true}}
	return chapter("Mathematics", []Function{
		{
			Name: "BitAnd", Params: two, Result: TypeNumber,
			Doc: "Returns the bits that both numbers have. NULL is an error, for a rule that takes a missing userAccountControl for 0 enables accounts: guard it with IsPresent.",
			Examples: []Example{
				{Expr: `BitAnd(&HF,&HF7)`, Want: `7`},
				{Given: given{"groupType": numbers(-2147483646)}, Expr: `BitAnd([groupType],-2147483648) <> 0`, Want: `True`},
			},
			Eval: func(_ *Call, a []Value) (Value, error) {
				if err := notNull(a); err != nil {
					return Value{}, err
				}
				return Number(a[0].num & a[1].num), nil
			},
			pure: func(_ *Call, a, b, _ *Value) (Value, bool) { return Number(a.num & b.num), true },
		},
		{
			Name: "BitOr", Params: two, Result: TypeNumber,
			Doc:      "Returns the bits that one of the numbers has, or both. NULL is an error.",
			Examples: []Example{{Expr: `BitOr(5,2)`, Want: `7`}},
			Eval: func(_ *Call, a []Value) (Value, error) {
				if err := notNull(a); err != nil {
					return Value{}, err
				}
				return Number(a[0].num | a[1].num), nil
			},
			pure: func(_ *Call, a, b, _ *Value) (Value, bool) { return Number(a.num | b.num), true },
		},
		{
			Name: "RandomNum", Result: TypeNumber, Volatile: true,
			Params:   []Param{{Name: "start", Type: TypeNumber}, {Name: "end", Type: TypeNumber}},
			Doc:      "Returns a random number from start to end, both included.",
			Examples: []Example{{Expr: `RandomNum(7,7)`, Want: `7`}},
			Eval:     randomNumber,
		},
	})
}

// notNull fails when an argument is NULL.
func notNull(args []Value) error {
	for i := range args {
		if args[i].IsNull() {
			return Errorf(CodeNull, "a number is needed and there is none; guard it with IsPresent")
		}
	}
	return nil
}

func randomNumber(c *Call, a []Value) (Value, error) {
	start, end := big.NewInt(a[0].num), big.NewInt(a[1].num)
	span := end.Sub(end, start)
	if span.Sign() < 0 {
		return Value{}, Errorf(CodeRange, "the end is below the start")
	}
	n, err := rand.Int(c.Random(), span.Add(span, big.NewInt(1)))
	if err != nil {
		return Value{}, &EvalError{Code: CodeSource, Message: "there is no randomness", Err: err}
	}
	return Number(n.Add(n, start).Int64()), nil
}
