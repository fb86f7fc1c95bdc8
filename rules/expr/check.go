package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A static type is what is known about a node before evaluation: the kinds that it may
// have, and whether it may be several values.
type static struct {
	kinds Type
	many  bool
}

// A binding is a $variable.
type binding struct {
	name string
	typ  static
	next *binding // the enclosing one
	slot int      // given by the compiler
	lazy bool     // of With: computed at first use
}

// A checker finds what is wrong with a tree, and what the compiler needs to know.
type checker struct {
	reporter  *reporter
	opts      *Options
	functions map[string]*Function
	scope     *binding

	calls     map[*call]*Function
	variables map[*variableRef]*binding
	bindings  map[*call]*binding

	attributes, imported, counted, parameters nameSet
}

func newChecker(r *reporter, opts *Options, functions map[string]*Function) *checker {
	return &checker{
		reporter: r, opts: opts, functions: functions,
		calls: map[*call]*Function{}, variables: map[*variableRef]*binding{}, bindings: map[*call]*binding{},
	}
}

// anything is the type of what is wrong already.
var anything = static{kinds: TypeAny | typeNull, many: true}

func (c *checker) check(n node) static {
	switch n := n.(type) {
	case *literal:
		return static{kinds: n.value.kind}
	case *enumWord:
		return static{kinds: TypeEnum}
	case *attributeRef:
		c.attributes.add(n.name)
		return c.attribute(n.pos, n.name, func(s string) string { return "[" + s + "]" })
	case *parameterRef:
		return c.parameter(n)
	case *variableRef:
		return c.variable(n)
	case *call:
		return c.call(n)
	case *chain:
		return c.chain(n)
	default:
		return anything
	}
}

func (c *checker) attribute(pos int, name string, notation func(string) string) static {
	unknown := static{kinds: typeStored | typeNull, many: true}
	if c.opts.Attributes == nil {
		return unknown
	}
	t, ok := c.opts.Attributes(name)
	if !ok {
		suggestion := ""
		if c.opts.AttributeNames != nil {
			if suggestion = closest(name, c.opts.AttributeNames()); suggestion != "" {
				suggestion = notation(suggestion)
			}
		}
		c.reporter.add(c.opts.UnknownAttribute, pos, fmt.Sprintf("there is no attribute %q", name), suggestion)
		return unknown
	}
	if t.Kind == attr.Invalid {
		return static{typeStored | typeNull, t.Multi}
	}
	return static{typeOf[t.Kind] | typeNull, t.Multi}
}

func (c *checker) parameter(n *parameterRef) static {
	c.parameters.add(n.name)
	if c.opts.Parameters != nil && !c.opts.Parameters(n.name) {
		suggestion := ""
		if c.opts.ParameterNames != nil {
			if suggestion = closest(n.name, c.opts.ParameterNames()); suggestion != "" {
				suggestion = "%" + suggestion + "%"
			}
		}
		c.reporter.mistake(n.pos, fmt.Sprintf("there is no parameter %q", n.name), suggestion)
	}
	// Parameters are text that stands for a number or a boolean where one is needed.
	return static{kinds: TypeString | TypeNumber | TypeBool}
}

func (c *checker) variable(n *variableRef) static {
	var names []string
	for b := c.scope; b != nil; b = b.next {
		if b.name == n.name {
			c.variables[n] = b
			return b.typ
		}
		names = append(names, b.name)
	}
	suggestion := closest(n.name, names)
	if suggestion != "" {
		suggestion = "$" + suggestion
	}
	c.reporter.mistake(n.pos, fmt.Sprintf("there is no variable $%s here: Select, Where and With make them", n.name), suggestion)
	return anything
}

func (c *checker) call(n *call) static {
	f := c.functions[n.name]
	if f == nil {
		names := make([]string, 0, len(c.functions))
		for name := range c.functions {
			names = append(names, name)
		}
		slices.Sort(names)
		message := fmt.Sprintf("there is no function %s", n.name)
		suggestion := closest(n.name, names)
		if strings.EqualFold(suggestion, n.name) {
			message += ": upper and lower case matter"
		}
		c.reporter.mistake(n.pos, message, suggestion)
		for _, a := range n.args {
			if _, ok := a.(*variableRef); !ok {
				c.check(a)
			}
		}
		return anything
	}
	n.name = f.Name
	c.calls[n] = f
	switch f.form {
	case formIIF:
		return c.iif(n, f)
	case formSwitch:
		return c.switchForm(n, f)
	case formSelect, formWhere:
		return c.lambda(n, f)
	case formWith:
		return c.with(n, f)
	case formImported:
		return c.named(n, f, &c.imported)
	case formCount:
		c.named(n, f, &c.counted)
		return static{kinds: TypeNumber}
	default:
		return c.plain(n, f)
	}
}

// count checks the number of arguments.
func (c *checker) count(n *call, f *Function, least, most int) bool {
	switch {
	case n.broken:
		// How many arguments were meant is anybody's guess.
	case len(n.args) < least:
		c.reporter.mistake(n.pos, fmt.Sprintf("%s needs %s: %s", f.Name, arguments(least), f.Signature()), "")
	case len(n.args) > most:
		limit := "no more than " + arguments(most)
		if most == 0 {
			limit = arguments(most)
		}
		c.reporter.mistake(n.args[most].position(), fmt.Sprintf("%s takes %s: %s", f.Name, limit, f.Signature()), "")
	default:
		return true
	}
	for _, a := range n.args {
		if _, ok := a.(*variableRef); !ok {
			c.check(a)
		}
	}
	return false
}

func arguments(n int) string {
	switch n {
	case 0:
		return "no arguments"
	case 1:
		return "1 argument"
	default:
		return fmt.Sprintf("%d arguments", n)
	}
}

func (c *checker) plain(n *call, f *Function) static {
	result := static{f.Result, f.ResultSet}
	if !c.count(n, f, f.required(), len(f.Params)) {
		return static{result.kinds | typeNull, true}
	}
	for i, a := range n.args {
		p := &f.Params[i]
		t := c.check(a)
		c.fits(a, t, f.Name, p)
		if !p.Set && t.many {
			result.many = true
		}
		if t.kinds&typeNull != 0 && !p.Null {
			result.kinds |= typeNull
		}
	}
	if f.Result&TypeAny == TypeAny || f.ResultSet {
		result.kinds |= typeNull
	}
	return result
}

// fits checks an argument or operand against what is taken.
func (c *checker) fits(n node, t static, function string, p *Param) {
	pos := n.position()
	if word, ok := n.(*enumWord); ok {
		switch {
		case p.Type&TypeEnum == 0:
			c.reporter.mistake(pos, fmt.Sprintf("%s takes %s here, not the word %s", function, p.Type, word.name), "")
		case !slices.Contains(p.Words, word.name):
			c.reporter.mistake(pos, fmt.Sprintf("%s takes one of %s here", function, strings.Join(p.Words, ", ")), closest(word.name, p.Words))
		}
		return
	}
	if l, ok := n.(*literal); ok && p.Words != nil && l.value.kind == TypeString {
		if findWord(p.Words, l.value.str) == "" {
			c.reporter.mistake(pos, fmt.Sprintf("%s takes one of %s here", function, strings.Join(p.Words, ", ")), closest(l.value.str, p.Words))
		}
		return
	}
	accepted := p.Type
	if p.Type&TypeEnum != 0 {
		accepted |= TypeString
	}
	kinds := t.kinds
	switch {
	case kinds == 0: // Error, which never returns
	case kinds&typeLiteral != 0 && kinds&(TypeAny|typeNull) == 0:
		c.reporter.mistake(pos, fmt.Sprintf("%s is what a flow results in and nothing that %s takes", kinds&typeLiteral, function), "")
	case kinds&typeLiteral != 0:
		c.reporter.add(SeverityWarning, pos, fmt.Sprintf("this may be %s, with which %s fails", kinds&typeLiteral, function), "")
	case kinds&typeNull == 0 && kinds&accepted == 0,
		kinds&TypeAny != 0 && kinds&accepted == 0:
		c.reporter.mistake(pos, fmt.Sprintf("%s takes %s here, not %s", function, p.Type, kinds&^typeNull), conversion(kinds, accepted))
	}
}

// conversion names the function that makes what is needed of what there is.
func conversion(have, want Type) string {
	switch {
	case want&TypeString != 0 && have&(TypeNumber|TypeBool|TypeReference|TypeDate) != 0:
		return "CStr(…)"
	case want&TypeNumber != 0 && have&TypeString != 0:
		return "CNum(…)"
	case want&TypeDate != 0 && have&TypeString != 0:
		return "CDate(…)"
	case want&TypeDate != 0 && have&TypeNumber != 0:
		return "DateFromNum(…)"
	case want&TypeBool != 0 && have&TypeNumber != 0:
		return "CBool(…)"
	case want&TypeReference != 0 && have&TypeString != 0:
		return "CRef(…)"
	default:
		return ""
	}
}

// findWord returns the word of the list, in any case; "" if it is none.
func findWord(words []string, s string) string {
	for _, w := range words {
		if strings.EqualFold(w, s) {
			return w
		}
	}
	return ""
}

// nameSet collects names.
type nameSet map[string]bool

func (s *nameSet) add(name string) {
	if *s == nil {
		*s = nameSet{}
	}
	(*s)[name] = true
}

func (s nameSet) sorted() []string {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
