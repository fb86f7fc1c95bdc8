package rules

import (
	"errors"
	"fmt"
	"strings"
)

// psArgs gives the parameters of one statement and notes which were asked for.
type psArgs struct {
	s  *scriptReader
	st *psStatement
}

func (a *psArgs) fail(err error) { a.s.fail(a.st.line, "%s: %w", a.st.command, err) }

// take returns the value of the parameter and marks it as used.
func (a *psArgs) take(name string) *psParam {
	for i := range a.st.params {
		if p := &a.st.params[i]; strings.EqualFold(p.name, name) {
			p.used = true
			return p
		}
	}
	return nil
}

// text returns the one text of the parameter, "" if it is not there.
func (a *psArgs) text(name string) string {
	p := a.take(name)
	if p == nil {
		return ""
	}
	texts := a.texts(p)
	if len(texts) != 1 {
		a.fail(fmt.Errorf("-%s wants one value and has %d", name, len(texts)))
		return ""
	}
	return texts[0]
}

// list returns the texts of the parameter.
func (a *psArgs) list(name string) []string {
	if p := a.take(name); p != nil {
		return a.texts(p)
	}
	return nil
}

// flag reports whether a switch is on.
func (a *psArgs) flag(name string) bool {
	p := a.take(name)
	if p == nil {
		return false
	}
	if len(p.value) == 0 {
		return true
	}
	on, err := exportBool(a.text(name))
	if err != nil {
		a.fail(fmt.Errorf("-%s: %w", name, err))
	}
	return on
}

// texts resolves variables that hold plain values.
func (a *psArgs) texts(p *psParam) []string {
	var out []string
	for _, w := range p.value {
		if !w.variable {
			out = append(out, w.text)
			continue
		}
		v, ok := a.s.vars[w.text].(psValue)
		if !ok {
			a.fail(fmt.Errorf("-%s: the value of $%s is not known without running the script", p.name, w.text))
			return []string{""}
		}
		for _, w := range v {
			out = append(out, w.text)
		}
	}
	return out
}

// objects returns what the variables of the parameter hold.
func (a *psArgs) objects(name string) (out []any) {
	p := a.take(name)
	if p == nil {
		a.fail(fmt.Errorf("-%s is missing", name))
		return nil
	}
	for _, w := range p.value {
		if !w.variable {
			a.fail(fmt.Errorf("-%s wants variables", name))
			return nil
		}
		out = append(out, a.s.vars[w.text])
	}
	return out
}

// rule returns the rule that the statement is about.
func (a *psArgs) rule() *scriptRule {
	p := a.take("SynchronizationRule")
	if p == nil || len(p.value) != 1 || !p.value[0].variable {
		a.fail(errors.New("-SynchronizationRule wants a variable"))
		return nil
	}
	r, ok := a.s.vars[p.value[0].text].(*scriptRule)
	if !ok {
		a.fail(fmt.Errorf("$%s is no rule", p.value[0].text))
		return nil
	}
	return r
}

// bind gives the statement's result to its -OutVariable.
func (a *psArgs) bind(v any) {
	if p := a.take("OutVariable"); p != nil && len(p.value) == 1 {
		a.s.vars[strings.ToLower(p.value[0].text)] = v
	}
}

// finish reports what nobody asked for.
func (a *psArgs) finish() {
	a.take("OutVariable")
	for _, p := range a.st.params {
		if !p.used {
			a.s.ignore(a.st.line, a.st.command+" -"+p.name, "this parameter is not known")
		}
	}
}
