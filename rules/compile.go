package rules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// anyType is the target type of inbound rules that join to objects of any class.
const anyType = "*"

// CompileOptions are the options of [Compile]. The zero value, or nil, is good.
type CompileOptions struct {
	// Metaverse is the metaverse's schema. Nil means [DefaultMetaverse].
	Metaverse *MetaverseSchema

	// Connectors lists the connectors that rules may name. Nil means that connectors are
	// not checked. What it tells about their attributes makes the checks sharper: constants
	// get the kind that the directory wants, and unknown attributes are reported.
	Connectors []ConnectorSchema

	// Parameters names what %Name% may be besides [StandardParameters].
	Parameters []string

	// AllowUnknown makes a warning of each metaverse attribute, metaverse class, parameter
	// and attribute of a connected directory that is not known, and of direct flows that do
	// not fit what is known. They are errors by default, except attributes of connected
	// directories, which always are warnings.
	AllowUnknown bool

	// Functions are the host's own, in addition to those of the expression language.
	Functions []expr.Function

	// Limits bounds what one expression may cost.
	Limits expr.Limits
}

// Compile checks and compiles rules. It reports every problem that it finds at once, in a
// *[CompileError]. Disabled rules are checked, too, but problems with them are warnings.
// The rules are copied; the set does not change when the caller's slices do.
func Compile(rs []Rule, opts *CompileOptions) (*Set, error) {
	c := newCompiler(opts)
	names := make(map[*CompiledRule]int)
	for i := range rs {
		r := &CompiledRule{Rule: cloneRule(&rs[i])}
		names[r] = i
		c.rule = r
		c.checkRule()
		c.all = append(c.all, r)
		if r.Disabled {
			c.set.disabled = append(c.set.disabled, r)
		} else {
			c.set.rules = append(c.set.rules, r)
		}
	}
	slices.SortFunc(c.set.rules, byPrecedence)
	for i, r := range c.set.rules {
		r.index = i
		c.compileRule(r)
	}
	for _, r := range c.set.disabled {
		c.compileRule(r)
	}
	c.rule = nil
	c.checkSet()
	c.finishSpaces()
	slices.SortStableFunc(c.found, func(a, b finding) int { return names[a.rule] - names[b.rule] })
	return c.result()
}

func cloneRule(r *Rule) Rule {
	out := *r
	out.Scope = slices.Clone(r.Scope)
	out.Join = slices.Clone(r.Join)
	out.Flows = slices.Clone(r.Flows)
	for i := range out.Flows {
		f := &out.Flows[i]
		if f.Merge == 0 {
			f.Merge = Update
		}
		f.Source = slices.Clone(f.Source)
	}
	return out
}

// A compiler holds what one Compile needs.
type compiler struct {
	opts       CompileOptions
	set        *Set
	all        []*CompiledRule
	rule       *CompiledRule // the one at work
	flow       string        // target of the flow at work
	found      []finding
	connectors map[string]*ConnectorSchema // by folded name, nil when not checked
	parameters map[string]bool
	mvNames    []string
	broken     bool
}

type finding struct {
	rule *CompiledRule
	Diagnostic
}

func newCompiler(opts *CompileOptions) *compiler {
	c := &compiler{set: &Set{spaces: make(map[spaceKey]*space)}, parameters: make(map[string]bool)}
	if opts != nil {
		c.opts = *opts
	}
	if c.opts.Metaverse == nil {
		c.opts.Metaverse = DefaultMetaverse()
	}
	// With nothing to add it is a copy, in order.
	c.set.metaverse = (&MetaverseSchema{Classes: c.opts.Metaverse.Classes}).With(c.opts.Metaverse.Attributes...)
	for i := range c.set.metaverse.Attributes {
		c.mvNames = append(c.mvNames, c.set.metaverse.Attributes[i].Name)
	}
	if c.opts.Connectors != nil {
		c.connectors = make(map[string]*ConnectorSchema)
		for i := range c.opts.Connectors {
			c.connectors[attr.Fold(c.opts.Connectors[i].Name)] = &c.opts.Connectors[i]
		}
	}
	for _, name := range append(StandardParameters(), c.opts.Parameters...) {
		c.parameters[name] = true
	}
	return c
}

// report adds a finding about the rule and flow at work.
func (c *compiler) report(severity Severity, code, suggestion, format string, args ...any) {
	c.add(Diagnostic{Severity: severity, Code: code, Suggestion: suggestion, Message: fmt.Sprintf(format, args...)})
}

func (c *compiler) add(d Diagnostic) {
	d.Flow = c.flow
	if c.rule != nil {
		d.Rule = c.rule.Name
		if d.Rule == "" {
			d.Rule = c.rule.ID
		}
		if c.rule.Disabled {
			d.Severity = SeverityWarning
		}
	}
	c.broken = c.broken || d.Severity == SeverityError
	c.found = append(c.found, finding{c.rule, d})
}

// unknown is the severity of names that are not known.
func (c *compiler) unknown() Severity {
	if c.opts.AllowUnknown {
		return SeverityWarning
	}
	return SeverityError
}

func (c *compiler) result() (*Set, error) {
	diagnostics := make([]Diagnostic, len(c.found))
	for i, f := range c.found {
		diagnostics[i] = f.Diagnostic
	}
	if c.broken {
		return nil, &CompileError{Diagnostics: diagnostics}
	}
	c.set.warnings = diagnostics
	c.set.hash = c.hash()
	return c.set, nil
}

// schema returns what is known about the rule's connector, nil for nothing.
func (c *compiler) schema(r *CompiledRule) *ConnectorSchema {
	return c.connectors[attr.Fold(r.Connector)]
}

func (c *compiler) space(r *CompiledRule) *space {
	key := spaceKey{r.Direction, attr.Fold(r.Connector)}
	sp := c.set.spaces[key]
	if sp == nil {
		sp = &space{classes: make(map[string][]*CompiledRule), dnSlot: -1}
		c.set.spaces[key] = sp
	}
	return sp
}

// compileRule compiles scope and flows. Disabled rules are compiled for their findings.
func (c *compiler) compileRule(r *CompiledRule) {
	c.rule = r
	sp := c.space(r)
	if r.Disabled {
		sp = &space{}
	} else {
		class := attr.Fold(r.SourceType)
		sp.classes[class] = append(sp.classes[class], r)
	}
	r.space = sp
	for _, group := range r.Scope {
		compiled := make([]condition, 0, len(group))
		for _, cond := range group {
			compiled = append(compiled, c.condition(sp, cond))
		}
		if len(compiled) > 0 {
			r.scope = append(r.scope, compiled)
		}
	}
	if r.Direction == Inbound {
		for _, group := range r.Join {
			for _, j := range group {
				sp.table.add(j.CS)
			}
		}
	}
	for i := range r.Flows {
		c.flow = r.Flows[i].Target
		if f := c.compileFlow(r, &r.Flows[i]); f != nil {
			r.flows = append(r.flows, f)
		}
	}
	c.flow = ""
}

func (c *compiler) condition(sp *space, cond ScopeCondition) condition {
	op, err := ParseOperator(string(cond.Operator))
	if err != nil {
		return condition{} // checkRule reports it
	}
	known := operators[op]
	out := condition{
		compare: known.compare, negated: known.negated, source: cond,
		operand: newOperand(cond.Value), dynamic: len(parametersIn(cond.Value)) > 0,
	}
	if known.compare == cmpMemberOf {
		sp.table.add("member") // it is the group that an import shows it of
	} else {
		out.slot = sp.table.add(cond.Attribute)
	}
	return out
}

func (c *compiler) compileFlow(r *CompiledRule, src *Flow) *flow {
	f := &flow{rule: r, source: src, target: src.Target, inbound: r.Direction == Inbound, once: src.ExecuteOnce}
	f.kind = c.targetKind(r, src.Target)
	if f.inbound && f.kind != nil {
		f.target = f.kind.Name
	}
	switch src.Type {
	case Direct:
		if len(src.Source) != 1 || src.Source[0] == "" {
			return nil // checkRule reports it
		}
		c.compileDirect(r, f)
	case Constant:
		c.compileConstant(f)
	case Expression:
		if !c.compileExpression(r, f) {
			return nil
		}
	default:
		return nil
	}
	return f
}

// targetKind returns what the target of a flow takes, nil if that is not known.
func (c *compiler) targetKind(r *CompiledRule, name string) *MetaverseAttribute {
	if r.Direction == Outbound {
		return c.schema(r).attribute(name)
	}
	if a, ok := c.set.metaverse.Attribute(name); ok {
		return a
	}
	return nil
}

func (c *compiler) compileDirect(r *CompiledRule, f *flow) {
	name := f.source.Source[0]
	f.slot = r.space.table.add(name)
	if attr.EqualName(name, dnName) {
		return
	}
	source := c.sourceKind(r, name)
	if f.inbound {
		f.copies = f.kind != nil && f.kind.Kind == attr.KindReference
	} else {
		f.copies = source != nil && source.Kind == attr.KindReference
	}
	if source == nil || f.kind == nil {
		return
	}
	if source.MultiValued && !f.kind.MultiValued {
		// Active Directory declares attributes multi-valued that hold one value in
		// practice, so that only outbound flows can be known to be wrong.
		severity := SeverityWarning
		if !f.inbound {
			severity = c.unknown()
		}
		c.report(severity, "multi-to-single", "", "%s has several values and %s takes one; use Item(%s,1)", source.Name, f.kind.Name, "["+source.Name+"]")
	}
	textOfReference := source.Kind == attr.KindReference && f.kind.Kind == attr.KindString
	if source.Kind != f.kind.Kind && !textOfReference {
		c.report(c.unknown(), "kind-mismatch", "", "%s is of kind %s and %s of kind %s", source.Name, source.Kind, f.kind.Name, f.kind.Kind)
	}
}

// sourceKind returns what is known about an attribute that the rule reads.
func (c *compiler) sourceKind(r *CompiledRule, name string) *MetaverseAttribute {
	if r.Direction == Inbound {
		return c.schema(r).attribute(name)
	}
	if a, ok := c.set.metaverse.Attribute(name); ok {
		return a
	}
	return nil
}

func (c *compiler) compileConstant(f *flow) {
	kind := attr.KindString
	if f.kind != nil {
		kind = f.kind.Kind
	}
	v, ok := constantValue(f.source.Constant, kind)
	if !ok {
		c.report(SeverityError, "constant", "", "%q cannot be converted to kind %s", f.source.Constant, kind)
		v = attr.String(f.source.Constant)
	}
	if _, err := f.fitValue(v); err != nil && ok {
		c.report(SeverityError, "constant", "", "the text is too long for an indexed attribute")
	}
	f.constant = []attr.Value{v}
}

// constantValue converts the text of a constant flow.
func constantValue(text string, kind attr.Kind) (attr.Value, bool) {
	switch kind {
	case attr.KindString:
		return attr.String(text), text != ""
	case attr.KindBool:
		o := newOperand(strings.TrimSpace(text))
		return attr.Bool(o.truth), o.isTruth
	case attr.KindInt:
		n, ok := parseInt(text)
		return attr.Int(n), ok
	case attr.KindBinary:
		return decodeBinary(text)
	case attr.KindReference:
		return attr.Reference(text), text != ""
	default:
		return attr.Value{}, false
	}
}

// compileExpression reports whether the expression can be used.
func (c *compiler) compileExpression(r *CompiledRule, f *flow) bool {
	options := c.exprOptions(r)
	p, err := expr.Compile(f.source.Expression, options)
	var bad *expr.Error
	if errors.As(err, &bad) {
		p, err = c.compileUntyped(f, options, bad)
	}
	switch {
	case errors.As(err, &bad):
		c.addExpr(bad.Diagnostics)
		return false
	case err != nil:
		c.report(SeverityError, "expression", "", "%v", err)
		return false
	}
	c.addExpr(p.Warnings())
	f.program = p
	reads := slices.Concat(p.Attributes(), p.Imported(), p.Counted())
	for _, name := range reads {
		r.space.table.add(name)
	}
	return true
}

// kindTest finds expressions that treat values by their kind.
var kindTest = regexp.MustCompile(`\bIs(String|Numeric|Date|Guid|Cert)\s*\(`)

// compileUntyped compiles an expression again without the kinds of its attributes. When
// that works, what was found may be right, because the schema is not always what the
// directory does, or be in a branch that is never taken: it becomes a warning, and none at
// all where the expression itself looks at kinds.
func (c *compiler) compileUntyped(f *flow, options *expr.Options, typed *expr.Error) (*expr.Program, error) {
	if options.Attributes == nil {
		return nil, typed
	}
	untyped := *options
	untyped.Attributes = func(name string) (expr.AttributeType, bool) {
		_, ok := options.Attributes(name)
		return expr.AttributeType{Multi: true}, ok
	}
	p, err := expr.Compile(f.source.Expression, &untyped)
	if err != nil {
		return nil, typed
	}
	if !kindTest.MatchString(f.source.Expression) {
		for _, d := range typed.Diagnostics {
			d.Severity = SeverityWarning
			c.addExpr([]expr.Diagnostic{d})
		}
	}
	return p, nil
}

func (c *compiler) addExpr(found []expr.Diagnostic) {
	for _, d := range found {
		c.add(Diagnostic{
			Severity: d.Severity, Code: "expression", Line: d.Line, Column: d.Column,
			Snippet: d.Snippet, Message: d.Message, Suggestion: d.Suggestion,
		})
	}
}

// exprOptions tells the expression compiler what the rule may read.
func (c *compiler) exprOptions(r *CompiledRule) *expr.Options {
	o := &expr.Options{
		Functions:  c.opts.Functions,
		Limits:     c.opts.Limits,
		Parameters: func(name string) bool { return c.opts.AllowUnknown || c.parameters[name] },
		ParameterNames: func() []string {
			return append(StandardParameters(), c.opts.Parameters...)
		},
	}
	known := c.mvNames
	if r.Direction == Outbound {
		o.UnknownAttribute = c.unknown()
	} else {
		s := c.schema(r)
		if s == nil || s.Attributes == nil {
			return o
		}
		known = nil
		for i := range s.Attributes {
			known = append(known, s.Attributes[i].Name)
		}
	}
	o.AttributeNames = func() []string { return known }
	o.Attributes = func(name string) (expr.AttributeType, bool) {
		if name == dnName {
			return expr.AttributeType{Kind: attr.KindReference}, true
		}
		a := c.sourceKind(r, name)
		if a == nil || a.Name != name {
			return expr.AttributeType{}, false
		}
		// What Active Directory declares multi-valued often holds one value.
		return expr.AttributeType{Kind: a.Kind, Multi: a.MultiValued}, true
	}
	return o
}
