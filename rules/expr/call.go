package expr

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"
)

// A Call is one evaluation, as functions see it. It must not be used after the function
// has returned.
type Call struct {
	program *Program
	in      Input
	attrs   []Value // by attribute slot; kind 0 is not loaded yet
	picks   bool    // picked was used
	picked  []Value // by attribute slot, for the current row
	slots   []Value // sets and variables of the nodes that need a place
	stack   []Value // arguments
	buf     []byte  // text that is being made
	row     int     // index of the value while lifting, -1 otherwise
	steps   int     // left
	output  int     // left
	err     *EvalError
}

// Now returns the time of the evaluation.
func (c *Call) Now() time.Time { return c.in.Now }

// Random returns the source of randomness.
func (c *Call) Random() io.Reader {
	if c.in.Random != nil {
		return c.in.Random
	}
	return rand.Reader
}

// Spend counts output that a function is about to make, in bytes, and fails when it is
// more than the evaluation may use. Call it before making large texts.
func (c *Call) Spend(bytes int) error {
	if c.output -= bytes; c.output < 0 || bytes < 0 {
		c.output = 0
		return &EvalError{Code: CodeLimit, Message: "the evaluation makes more output than it may"}
	}
	return nil
}

// Work counts steps for functions that take long, and fails when there are more than the
// evaluation may use. Each call counts as one already.
func (c *Call) Work(steps int) error {
	if c.steps -= steps; c.steps < 0 || steps < 0 {
		c.steps = 0
		return &EvalError{Code: CodeLimit, Message: "the evaluation takes more steps than it may"}
	}
	return nil
}

// Errorf returns an error for a function to return. Do not put values into the message.
func Errorf(code, format string, args ...any) error {
	return &EvalError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// A site is a place in the source that errors refer to.
type site struct {
	name string // of the function or operator
	pos  int
}

var failed = Value{kind: typeFail}

// fail records an error and returns the value that carries it up.
func (c *Call) fail(at *site, err error) Value {
	if c.err != nil {
		return failed
	}
	var e *EvalError
	if !errors.As(err, &e) || e.Function != "" {
		e = &EvalError{Code: CodeValue, Message: "failed", Err: err}
	}
	own := *e
	own.Function = at.name
	own.Line, own.Column = locate(c.program.source, at.pos)
	c.err = &own
	return failed
}

func (c *Call) failf(at *site, code, format string, args ...any) Value {
	return c.fail(at, Errorf(code, format, args...))
}

// step counts one step.
func (c *Call) step(at *site) bool {
	if c.steps--; c.steps >= 0 {
		return true
	}
	return c.exhausted(at)
}

//go:noinline // so that step is inlined
func (c *Call) exhausted(at *site) bool {
	c.steps = 0
	c.failf(at, CodeLimit, "the evaluation takes more steps than it may")
	return false
}

// attribute returns the values in an attribute slot, loading them at first use.
func (c *Call) attribute(slot int, at *site) Value { return *c.loaded(slot, at) }

// loaded is attribute without a copy. The result must not be changed.
func (c *Call) loaded(slot int, at *site) *Value {
	v := &c.attrs[slot]
	if v.kind == 0 {
		return c.load(v, slot, at)
	}
	return v
}

func (c *Call) load(v *Value, slot int, at *site) *Value {
	ref := &c.program.slots[slot]
	source := c.in.source(ref)
	if source == nil {
		v.load(nil)
		return v
	}
	values, err := source.Values(ref.name)
	if err != nil {
		c.fail(at, &EvalError{Code: CodeSource, Message: "attribute " + ref.name + " cannot be read", Err: err})
		return &Value{kind: typeFail}
	}
	v.load(values)
	return v
}
