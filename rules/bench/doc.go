// Package bench measures the expression language of package rules/expr beside CEL
// (cel.dev/cel-go) and Expr (github.com/expr-lang/expr), on expressions that the standard
// rules are made of. It is a module of its own so that nobody else depends on those.
//
//	go test -bench . -benchmem ./...
//
// Each expression is written in all three languages, compiled once, and evaluated with the
// same values; a test holds the results equal. The peers get what makes them fast: typed
// declarations, CEL's constant folding and list optimisation, a virtual machine that is used
// again for Expr.
package bench
