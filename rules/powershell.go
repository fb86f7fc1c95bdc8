package rules

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Script is what the PowerShell text that the Sync Rules Editor exports says.
type Script struct {
	Rules []Rule // in the order in which the script adds them; Connector is a GUID
	// Ignored lists the statements and parameters that were not used, with the reason.
	Ignored []Ignored
}

// maxScript is the largest script, in octets.
const maxScript = 8 << 20

// ParsePowerShell reads the text that the Sync Rules Editor exports for a rule, or several
// such texts one after another. The text is data: it is read, never run. What needs a
// PowerShell to know its value is an error, with the line; statements that are no part of
// such a text are listed in [Script].Ignored. name is the file's, for errors.
func ParsePowerShell(r io.Reader, name string) (*Script, error) {
	src, err := readLimited(r, maxScript)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	src, err = toUTF8(src)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, err)
	}
	statements, err := scanScript(string(src))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, err)
	}
	s := &scriptReader{out: &Script{}, file: name, vars: make(map[string]any)}
	for i := range statements {
		s.run(&statements[i])
	}
	for _, r := range s.started {
		if !r.added {
			s.fail(r.line, "rule %q is never added with Add-ADSyncRule", r.Name)
		}
	}
	if len(s.errs) == 0 && len(s.out.Rules) == 0 {
		return nil, fmt.Errorf("%s: the script adds no rules", name)
	}
	if len(s.errs) > 0 {
		return nil, errors.Join(s.errs...)
	}
	return s.out, nil
}

// A scriptReader keeps what the statements of a script have made so far.
type scriptReader struct {
	out     *Script
	file    string
	errs    []error
	vars    map[string]any // by lower-case name: psValue, *scriptRule, ScopeCondition, JoinCondition
	started []*scriptRule
}

type scriptRule struct {
	Rule
	line  int
	added bool
}

func (s *scriptReader) fail(line int, format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf("%s:%d: %w", s.file, line, fmt.Errorf(format, args...)))
}

func (s *scriptReader) ignore(line int, path, reason string) {
	s.out.Ignored = append(s.out.Ignored, Ignored{File: s.file, Line: line, Path: path, Count: 1, Reason: reason})
}

// run takes in one statement.
func (s *scriptReader) run(st *psStatement) {
	if st.assign != "" {
		s.vars[st.assign] = st.value
		return
	}
	a := &psArgs{s: s, st: st}
	switch strings.ToLower(st.command) {
	case "new-adsyncrule":
		s.newRule(a)
	case "add-adsyncattributeflowmapping":
		s.addFlow(a)
	case "new-object":
		s.newObject(a)
	case "add-adsyncscopeconditiongroup":
		s.addScope(a)
	case "add-adsyncjoinconditiongroup":
		s.addJoin(a)
	case "add-adsyncrule":
		if r := a.rule(); r != nil && !r.added {
			r.added = true
			s.out.Rules = append(s.out.Rules, r.Rule)
		}
	default:
		s.ignore(st.line, st.command, "this statement defines no rule")
		return
	}
	a.finish()
}

func (s *scriptReader) newRule(a *psArgs) {
	r := &scriptRule{line: a.st.line, Rule: Rule{
		Name: a.text("Name"), ID: plainGUID(a.text("Identifier")), Description: a.text("Description"), Connector: plainGUID(a.text("Connector")),
		SourceType: a.text("SourceObjectType"), TargetType: a.text("TargetObjectType"), Tag: a.text("ImmutableTag"),
		Disabled: a.flag("Disabled"), PasswordSync: a.flag("EnablePasswordSync"),
	}}
	var err error
	if r.Direction, err = ParseDirection(a.text("Direction")); err != nil {
		a.fail(err)
	}
	if r.LinkType, err = ParseLinkType(a.text("LinkType")); err != nil {
		a.fail(err)
	}
	if p := a.text("Precedence"); p != "" {
		if r.Precedence, err = strconv.Atoi(p); err != nil {
			a.fail(errors.New("the precedence is no number"))
		}
	}
	if r.SoftDeleteExpiry, err = exportInterval(a.text("SoftDeleteExpiryInterval")); err != nil {
		a.fail(err)
	}
	for _, name := range []string{"PrecedenceAfter", "PrecedenceBefore"} {
		if v := plainGUID(a.text(name)); v != "" && v != noGUID {
			s.ignore(a.st.line, a.st.command+" -"+name, "precedence is a number here: give the rule one below or above that of rule "+v)
		}
	}
	if r.Name == "" {
		a.fail(errors.New("the rule has no name"))
	}
	if r.ID == "" {
		// The server makes one; the same rule gets the same here.
		h := sha256.Sum256([]byte(strings.Join([]string{"script", r.Direction.String(), r.Connector, r.Name}, "\x00")))
		h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
		r.ID = fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
	}
	s.started = append(s.started, r)
	a.bind(r)
}

func (s *scriptReader) addFlow(a *psArgs) {
	r := a.rule()
	f := Flow{Target: a.text("Destination"), Merge: Update, ExecuteOnce: a.flag("ExecuteOnce")}
	sources := a.list("Source")
	expression := a.text("Expression")
	kind, err := ParseFlowType(a.text("FlowType"))
	if err != nil {
		a.fail(err)
		return
	}
	if m := a.text("ValueMergeType"); m != "" {
		if f.Merge, err = ParseMergeType(m); err != nil {
			a.fail(err)
			return
		}
	}
	f.Type = kind
	switch kind {
	case Constant:
		f.Constant = strings.Join(sources, ",")
	case Direct:
		f.Source = sources
	case Expression:
		f.Source, f.Expression = sources, strings.TrimSpace(strings.ReplaceAll(expression, "\r\n", "\n"))
	}
	if kind != Expression && expression != "" {
		a.fail(fmt.Errorf("flow %s has an expression and is of type %s", f.Target, kind))
	}
	if r != nil {
		r.Flows = append(r.Flows, f)
		a.bind(r)
	}
}

// newObject makes conditions, the only objects that such scripts have.
func (s *scriptReader) newObject(a *psArgs) {
	name := a.text("TypeName")
	args := a.list("ArgumentList")
	kind := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	switch {
	case kind == "scopecondition" && len(args) == 3:
		op, err := ParseOperator(args[2])
		if err != nil {
			a.fail(err)
			return
		}
		a.bind(ScopeCondition{Attribute: args[0], Value: args[1], Operator: op})
	case kind == "joincondition" && (len(args) == 2 || len(args) == 3):
		c := JoinCondition{CS: args[0], MV: args[1]}
		if len(args) == 3 {
			var err error
			if c.CaseSensitive, err = exportBool(args[2]); err != nil {
				a.fail(err)
				return
			}
		}
		a.bind(c)
	default:
		a.fail(fmt.Errorf("object of type %q with %d arguments is not known", name, len(args)))
	}
}

func (s *scriptReader) addScope(a *psArgs) {
	r := a.rule()
	var g ScopeGroup
	for _, v := range a.objects("ScopeConditions") {
		if c, ok := v.(ScopeCondition); ok {
			g = append(g, c)
		} else {
			a.fail(errors.New("a scope condition is not known"))
		}
	}
	if r != nil && g != nil {
		r.Scope = append(r.Scope, g)
		a.bind(r)
	}
}

func (s *scriptReader) addJoin(a *psArgs) {
	r := a.rule()
	var g JoinGroup
	for _, v := range a.objects("JoinConditions") {
		if c, ok := v.(JoinCondition); ok {
			g = append(g, c)
		} else {
			a.fail(errors.New("a join condition is not known"))
		}
	}
	if r != nil && g != nil {
		r.Join = append(r.Join, g)
		a.bind(r)
	}
}
