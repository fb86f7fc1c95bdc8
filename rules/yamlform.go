package rules

import (
	"fmt"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// The structures of a YAML file. rules.schema.json describes the same for editors.
type (
	yamlFile struct {
		Version    int            `yaml:"version"`
		Metaverse  *yamlMetaverse `yaml:"metaverse,omitempty"`
		Parameters []string       `yaml:"parameters,omitempty"`
		Rules      []yamlRule     `yaml:"rules"`
	}
	yamlMetaverse struct {
		Classes    []string        `yaml:"classes"`
		Attributes []yamlAttribute `yaml:"attributes"`
	}
	yamlAttribute struct {
		Name        string   `yaml:"name"`
		Kind        yamlWord `yaml:"kind"`
		MultiValued bool     `yaml:"multiValued,omitempty"`
		Indexed     bool     `yaml:"indexed,omitempty"`
	}
	yamlRule struct {
		ID               string      `yaml:"id"`
		Name             yamlWord    `yaml:"name"`
		Description      string      `yaml:"description,omitempty"`
		Tag              string      `yaml:"tag,omitempty"`
		Direction        yamlWord    `yaml:"direction"`
		Connector        string      `yaml:"connector"`
		Source           string      `yaml:"source"`
		Target           string      `yaml:"target"`
		Link             yamlWord    `yaml:"link"`
		Precedence       int         `yaml:"precedence"`
		Disabled         bool        `yaml:"disabled,omitempty"`
		PasswordSync     bool        `yaml:"passwordSync,omitempty"`
		SoftDeleteExpiry *yamlWord   `yaml:"softDeleteExpiry,omitempty"`
		Scope            []yamlScope `yaml:"scope,omitempty"`
		Join             []yamlJoin  `yaml:"join,omitempty"`
		Flows            []yamlFlow  `yaml:"flows,omitempty"`
	}
	yamlScope struct {
		All []yamlCondition `yaml:"all"`
	}
	yamlCondition struct {
		Attribute string   `yaml:"attribute"`
		Operator  yamlWord `yaml:"operator"`
		Value     string   `yaml:"value,omitempty"`
	}
	yamlJoin struct {
		All []yamlEquality `yaml:"all"`
	}
	yamlEquality struct {
		CS            string `yaml:"cs"`
		MV            string `yaml:"mv"`
		CaseSensitive bool   `yaml:"caseSensitive,omitempty"`
	}
	yamlFlow struct {
		Target     yamlWord  `yaml:"target"`
		Source     *string   `yaml:"source,omitempty"`
		Constant   *string   `yaml:"constant,omitempty"`
		Expression *string   `yaml:"expression,omitempty"`
		Reads      []string  `yaml:"reads,omitempty"`
		Once       bool      `yaml:"once,omitempty"`
		Merge      *yamlWord `yaml:"merge,omitempty"`
	}
)

// A yamlWord is text that knows where it stood, for errors that only its meaning shows.
type yamlWord struct {
	text         string
	line, column int
}

// UnmarshalYAML implements the YAML library's interface for nodes.
func (w *yamlWord) UnmarshalYAML(n ast.Node) error {
	if t := n.GetToken(); t != nil && t.Position != nil {
		w.line, w.column = t.Position.Line, t.Position.Column
	}
	switch n := n.(type) {
	case *ast.StringNode:
		w.text = n.Value
	case *ast.LiteralNode:
		w.text = n.Value.Value
	case *ast.NullNode:
		return fmt.Errorf("%d:%d: text is wanted here", w.line, w.column)
	case ast.ScalarNode:
		w.text = fmt.Sprint(n.GetValue())
	default:
		return fmt.Errorf("%d:%d: text is wanted here", w.line, w.column)
	}
	return nil
}

// MarshalYAML implements the YAML library's interface.
func (w yamlWord) MarshalYAML() (any, error) { return w.text, nil }

func (w *yamlWord) errorf(format string, args ...any) error {
	return fmt.Errorf("yaml: %d:%d: %w", w.line, w.column, fmt.Errorf(format, args...))
}

// file converts what was read.
func (y *yamlFile) file() (*File, error) {
	if y.Version != fileVersion {
		return nil, fmt.Errorf("yaml: version is %d, this program reads version %d", y.Version, fileVersion)
	}
	f := &File{Parameters: y.Parameters}
	if y.Metaverse != nil {
		m := &MetaverseSchema{Classes: y.Metaverse.Classes}
		for i := range y.Metaverse.Attributes {
			a := &y.Metaverse.Attributes[i]
			kind, err := attr.ParseKind(a.Kind.text)
			if err != nil {
				return nil, a.Kind.errorf("attribute %s: %w", a.Name, err)
			}
			m = m.With(MetaverseAttribute{Name: a.Name, Kind: kind, MultiValued: a.MultiValued, Indexed: a.Indexed})
		}
		f.Metaverse = m
	}
	for i := range y.Rules {
		r, err := y.Rules[i].rule()
		if err != nil {
			return nil, err
		}
		f.Rules = append(f.Rules, r)
	}
	return f, nil
}

func (y *yamlRule) rule() (Rule, error) {
	r := Rule{
		ID: y.ID, Name: y.Name.text, Description: y.Description, Tag: y.Tag, Connector: y.Connector, SourceType: y.Source,
		TargetType: y.Target, Precedence: y.Precedence, Disabled: y.Disabled, PasswordSync: y.PasswordSync,
	}
	var err error
	if r.Direction, err = ParseDirection(y.Direction.text); err != nil {
		return r, y.where(&y.Direction).errorf("rule %q: %w", r.Name, err)
	}
	if r.LinkType, err = ParseLinkType(y.Link.text); err != nil {
		return r, y.where(&y.Link).errorf("rule %q: %w", r.Name, err)
	}
	if y.SoftDeleteExpiry != nil {
		if r.SoftDeleteExpiry, err = time.ParseDuration(y.SoftDeleteExpiry.text); err != nil {
			return r, y.SoftDeleteExpiry.errorf("rule %q: softDeleteExpiry wants a duration such as 24h", r.Name)
		}
	}
	for _, g := range y.Scope {
		group := ScopeGroup{}
		for _, c := range g.All {
			op, err := ParseOperator(c.Operator.text)
			if err != nil {
				return r, y.where(&c.Operator).errorf("rule %q: scope on %s: %w", r.Name, c.Attribute, err)
			}
			group = append(group, ScopeCondition{Attribute: c.Attribute, Operator: op, Value: c.Value})
		}
		r.Scope = append(r.Scope, group)
	}
	for _, g := range y.Join {
		group := JoinGroup{}
		for _, c := range g.All {
			group = append(group, JoinCondition(c))
		}
		r.Join = append(r.Join, group)
	}
	for i := range y.Flows {
		f, err := y.Flows[i].flow()
		if err != nil {
			return r, y.where(&y.Flows[i].Target).errorf("rule %q, flow %s: %w", r.Name, y.Flows[i].Target.text, err)
		}
		r.Flows = append(r.Flows, f)
	}
	return r, nil
}

// where returns the word if it was there, else the rule's name.
func (y *yamlRule) where(w *yamlWord) *yamlWord {
	if w.line > 0 {
		return w
	}
	return &y.Name
}

func (y *yamlFlow) flow() (Flow, error) {
	f := Flow{Target: y.Target.text, ExecuteOnce: y.Once, Merge: Update}
	kinds := 0
	if y.Source != nil {
		kinds++
		f.Type, f.Source = Direct, []string{*y.Source}
	}
	if y.Constant != nil {
		kinds++
		f.Type, f.Constant = Constant, *y.Constant
	}
	if y.Expression != nil {
		kinds++
		f.Type, f.Expression, f.Source = Expression, *y.Expression, y.Reads
	}
	if kinds != 1 {
		return f, fmt.Errorf("wants one of source, constant and expression, and has %d of them", kinds)
	}
	if y.Reads != nil && f.Type != Expression {
		return f, fmt.Errorf("reads goes with expression only")
	}
	if y.Merge != nil {
		m, err := ParseMergeType(y.Merge.text)
		if err != nil {
			return f, err
		}
		f.Merge = m
	}
	return f, nil
}

// newYAMLFile converts what is to be written.
func newYAMLFile(f *File) (*yamlFile, error) {
	y := &yamlFile{Version: fileVersion, Parameters: f.Parameters}
	if f.Metaverse != nil {
		y.Metaverse = &yamlMetaverse{Classes: f.Metaverse.Classes}
		for i := range f.Metaverse.Attributes {
			a := &f.Metaverse.Attributes[i]
			y.Metaverse.Attributes = append(y.Metaverse.Attributes, yamlAttribute{
				Name: a.Name, Kind: yamlWord{text: a.Kind.String()}, MultiValued: a.MultiValued, Indexed: a.Indexed,
			})
		}
	}
	for i := range f.Rules {
		r, err := newYAMLRule(&f.Rules[i])
		if err != nil {
			return nil, err
		}
		y.Rules = append(y.Rules, r)
	}
	return y, nil
}

func newYAMLRule(r *Rule) (yamlRule, error) {
	y := yamlRule{
		ID: r.ID, Name: yamlWord{text: r.Name}, Description: r.Description, Tag: r.Tag, Direction: yamlWord{text: r.Direction.String()},
		Connector: r.Connector, Source: r.SourceType, Target: r.TargetType, Link: yamlWord{text: r.LinkType.String()},
		Precedence: r.Precedence, Disabled: r.Disabled, PasswordSync: r.PasswordSync,
	}
	if r.SoftDeleteExpiry != 0 {
		y.SoftDeleteExpiry = &yamlWord{text: r.SoftDeleteExpiry.String()}
	}
	for _, g := range r.Scope {
		group := yamlScope{All: []yamlCondition{}}
		for _, c := range g {
			group.All = append(group.All, yamlCondition{Attribute: c.Attribute, Operator: yamlWord{text: string(c.Operator)}, Value: c.Value})
		}
		y.Scope = append(y.Scope, group)
	}
	for _, g := range r.Join {
		group := yamlJoin{All: []yamlEquality{}}
		for _, c := range g {
			group.All = append(group.All, yamlEquality(c))
		}
		y.Join = append(y.Join, group)
	}
	for i := range r.Flows {
		f, err := newYAMLFlow(&r.Flows[i])
		if err != nil {
			return y, fmt.Errorf("yaml: rule %q, flow %s: %w", r.Name, r.Flows[i].Target, err)
		}
		y.Flows = append(y.Flows, f)
	}
	return y, nil
}

func newYAMLFlow(f *Flow) (yamlFlow, error) {
	y := yamlFlow{Target: yamlWord{text: f.Target}, Once: f.ExecuteOnce}
	switch {
	case f.Type == Direct && len(f.Source) == 1:
		y.Source = &f.Source[0]
	case f.Type == Direct:
		return y, fmt.Errorf("a direct flow has one source, not %d", len(f.Source))
	case f.Type == Constant:
		y.Constant = &f.Constant
	case f.Type == Expression:
		y.Expression, y.Reads = &f.Expression, f.Source
	default:
		return y, fmt.Errorf("the flow has no type")
	}
	if f.Merge > Update {
		y.Merge = &yamlWord{text: f.Merge.String()}
	}
	return y, nil
}
