package rules_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// in returns an inbound rule of connector ad with the flows, whose precedence it is.
func in(precedence int, flows ...rules.Flow) rules.Rule {
	return rules.Rule{
		ID: "in" + string(rune('a'+precedence)), Name: "in" + string(rune('a'+precedence)), Direction: rules.Inbound, Connector: "ad",
		SourceType: "user", TargetType: "person", LinkType: rules.Join, Precedence: precedence, Flows: flows,
	}
}

// out returns the same, outbound.
func out(precedence int, flows ...rules.Flow) rules.Rule {
	r := in(precedence, flows...)
	r.ID, r.Name = "out"+r.ID, "out"+r.Name
	r.Direction, r.SourceType, r.TargetType = rules.Outbound, "person", "user"
	return r
}

func formula(target, source string) rules.Flow {
	return rules.Flow{Target: target, Type: rules.Expression, Expression: source, Merge: rules.Update}
}

func direct(target, source string) rules.Flow {
	return rules.Flow{Target: target, Type: rules.Direct, Source: []string{source}}
}

func once(f rules.Flow) rules.Flow {
	f.ExecuteOnce = true
	return f
}

func merged(m rules.MergeType, f rules.Flow) rules.Flow {
	f.Merge = m
	return f
}

func object(values ...string) *attr.Set {
	s := &attr.Set{}
	for _, v := range values {
		name, value, _ := strings.Cut(v, "=")
		s.Append(name, attr.String(value))
	}
	return s
}

// evaluate runs all rules of the direction on one object.
func evaluate(t *testing.T, set *rules.Set, d rules.Direction, s *rules.Subject, prior *attr.Set) *rules.Decision {
	t.Helper()
	if d == rules.Inbound {
		s.Class = "user"
		scope, err := set.InScope(t.Context(), d, "ad", s)
		require.NoError(t, err)
		return set.Inbound(t.Context(), "person", []rules.Contribution{{Connector: "ad", Subject: s, Rules: scope}}, prior, now)
	}
	s.Class = "person"
	scope, err := set.InScope(t.Context(), d, "ad", s)
	require.NoError(t, err)
	return set.Outbound(t.Context(), "ad", "user", scope, s, prior, now)
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	const null, ignore, stop = "NULL", "IgnoreThisFlow", "AuthoritativeNull"
	tests := []struct {
		name        string
		expressions []string // by precedence
		inbound     string   // the value, with a prior value of "prior"
		outbound    string
		managed     bool // outbound
	}{
		{"first wins", []string{`"a"`, `"b"`}, "a", "a", true},
		{"null falls through", []string{null, `"b"`}, "b", "b", true},
		{"empty text falls through", []string{`""`, `"b"`}, "b", "b", true},
		{"only null", []string{null, null}, "", "", true},
		{"authoritative null stops", []string{stop, `"b"`}, "", "", true},
		{"null then authoritative", []string{null, stop, `"b"`}, "", "", true},
		{"ignored is skipped", []string{ignore, `"b"`}, "b", "b", true},
		{"only ignored", []string{ignore, ignore}, "prior", "", false},
		{"ignored and null", []string{ignore, null}, "", "", true},
		{"null and ignored", []string{null, ignore}, "", "", true},
		{"losers are not evaluated", []string{`"a"`, `Error("never")`}, "a", "a", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var rs []rules.Rule
			for i, e := range tt.expressions {
				rs = append(rs, in(i, formula("title", e)), out(i, formula("title", e)))
			}
			set := compile(t, rs...)
			d := evaluate(t, set, rules.Inbound, &rules.Subject{}, object("title=prior"))
			require.Empty(t, d.Errors)
			require.Equal(t, tt.inbound, d.Values.Text("title"))
			require.Equal(t, tt.inbound != "", len(d.Origins) == 1)
			d = evaluate(t, set, rules.Outbound, &rules.Subject{}, object("title=prior"))
			require.Empty(t, d.Errors)
			require.Equal(t, tt.outbound, d.Values.Text("title"))
			require.Equal(t, tt.managed, len(d.Managed) == 1)
		})
	}
}

func TestPrecedenceBetweenContributions(t *testing.T) {
	t.Parallel()
	low, high := in(1, direct("title", "title")), in(2, direct("title", "title"), direct("sn", "sn"))
	high.Connector = "other"
	set := compile(t, low, high)
	a := rules.Contribution{Connector: "ad", Subject: &rules.Subject{Attributes: object("title=a")}, Rules: set.Rules()[:1]}
	b := rules.Contribution{Connector: "other", Subject: &rules.Subject{Attributes: object("title=b", "sn=b")}, Rules: set.Rules()[1:]}
	d := set.Inbound(t.Context(), "person", []rules.Contribution{b, a}, nil, now)
	require.Equal(t, "a", d.Values.Text("title"))
	require.Equal(t, "b", d.Values.Text("sn"))
	require.Equal(t, []rules.Origin{{Attribute: "sn", Rule: set.Rules()[1]}, {Attribute: "title", Rule: set.Rules()[0], Contribution: 1}}, d.Origins)
	// Withdrawn values leave the field to the next.
	a.Subject.Attributes = &attr.Set{}
	d = set.Inbound(t.Context(), "person", []rules.Contribution{b, a}, nil, now)
	require.Equal(t, "b", d.Values.Text("title"))
}

func TestTargetTypeMustMatch(t *testing.T) {
	t.Parallel()
	any := in(1, direct("title", "title"))
	any.TargetType = "*"
	group := in(2, direct("sn", "sn"))
	group.TargetType = "group"
	set := compile(t, any, group)
	d := evaluate(t, set, rules.Inbound, &rules.Subject{Attributes: object("title=a", "sn=b")}, nil)
	require.Equal(t, []string{"title"}, d.Managed)
	require.Equal(t, "a", d.Values.Text("title"))
}

func TestExecuteOnce(t *testing.T) {
	t.Parallel()
	set := compile(t, in(1, once(formula("title", `"x"`))), out(2, once(formula("title", `"x"`))))
	d := evaluate(t, set, rules.Inbound, &rules.Subject{New: true}, nil)
	require.Equal(t, "x", d.Values.Text("title"))
	d = evaluate(t, set, rules.Inbound, &rules.Subject{}, object("title=kept"))
	require.Equal(t, "kept", d.Values.Text("title"))
	d = evaluate(t, set, rules.Outbound, &rules.Subject{New: true}, nil)
	require.Equal(t, "x", d.Values.Text("title"))
	d = evaluate(t, set, rules.Outbound, &rules.Subject{}, object("title=kept"))
	require.Empty(t, d.Managed)
	require.Zero(t, d.Values.Len())
}

func TestMerge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		merge rules.MergeType
		want  []attr.Value
	}{
		{"merge", rules.Merge, text("SMTP:a", "b", "smtp:A", "c")},
		{"without regard to case", rules.MergeCaseInsensitive, text("SMTP:a", "b", "c")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := compile(t, in(1, merged(tt.merge, direct("proxyAddresses", "one"))), in(2, merged(tt.merge, direct("proxyAddresses", "two"))),
				in(3, merged(tt.merge, formula("proxyAddresses", "AuthoritativeNull"))), in(4, merged(tt.merge, direct("proxyAddresses", "never"))))
			d := evaluate(t, set, rules.Inbound, &rules.Subject{
				Attributes: object("one=SMTP:a", "one=b", "two=smtp:A", "two=b", "two=c", "never=x"),
			}, nil)
			require.Equal(t, tt.want, d.Values.Values("proxyAddresses"))
			require.Len(t, d.Origins, 2)
		})
	}
}

func TestOutboundMergeAdds(t *testing.T) {
	t.Parallel()
	x500 := merged(rules.MergeCaseInsensitive, formula("proxyAddresses", `IIF(IsPresent([legacyExchangeDN]),"x500:" & [legacyExchangeDN],NULL)`))
	set := compile(t, out(1, x500))
	prior := object("proxyAddresses=SMTP:a@x", "proxyAddresses=smtp:b@x")
	d := evaluate(t, set, rules.Outbound, &rules.Subject{Attributes: object("legacyExchangeDN=/o=x")}, prior)
	require.Equal(t, text("SMTP:a@x", "smtp:b@x", "x500:/o=x"), d.Values.Values("proxyAddresses"))
	require.Equal(t, []string{"proxyAddresses"}, d.Managed)
	require.Len(t, prior.Values("proxyAddresses"), 2)
	// Nothing to add: what the directory holds is left alone.
	d = evaluate(t, set, rules.Outbound, &rules.Subject{Attributes: &attr.Set{}}, prior)
	require.Empty(t, d.Managed)
	require.False(t, d.Values.Has("proxyAddresses"))
	// Added already: the same again.
	prior.Append("proxyAddresses", attr.String("X500:/o=x"))
	d = evaluate(t, set, rules.Outbound, &rules.Subject{Attributes: object("legacyExchangeDN=/o=x")}, prior)
	require.Empty(t, d.Managed)
}

// counting are references that record what is asked for.
type counting struct {
	values map[string][]attr.Value
	loaded []string
	failed error
}

func (c *counting) Count(name string) (int64, error) { return int64(len(c.values[name])), c.failed }
func (c *counting) MemberOf(string) (bool, error)    { return false, c.failed }
func (c *counting) Values(name string) ([]attr.Value, error) {
	c.loaded = append(c.loaded, name)
	return c.values[name], c.failed
}

func TestReferencesAreCopied(t *testing.T) {
	t.Parallel()
	set := compile(t,
		in(1, direct("manager", "manager"), formula("memberCount", `ValueCount("member")`)),
		in(2, direct("manager", "altManager")),
		out(3, direct("boss", "manager"), formula("title", `IIF([memberCount] > 1,"big",NULL)`)),
		out(4, formula("manager", "[manager]")))
	refs := &counting{values: map[string][]attr.Value{"manager": {attr.Reference("CN=m")}, "member": {attr.Reference("a"), attr.Reference("b")}}}
	d := evaluate(t, set, rules.Inbound, &rules.Subject{References: refs}, nil)
	require.Empty(t, d.Errors)
	require.Equal(t, []rules.Copy{{Target: "manager", Source: "manager", Rule: set.Rules()[0]}}, d.Copies)
	require.Equal(t, int64(2), d.Values.Values("memberCount")[0].Int())
	require.Empty(t, refs.loaded)
	require.Equal(t, []string{"manager", "memberCount"}, d.Managed)
	// Without values the next rule's source is copied.
	refs.values["manager"] = nil
	d = evaluate(t, set, rules.Inbound, &rules.Subject{References: refs}, nil)
	require.Equal(t, "altManager", d.Copies[0].Source)
	// Outbound, and through an expression.
	refs = &counting{values: map[string][]attr.Value{"manager": {attr.Reference("7")}}}
	d = evaluate(t, set, rules.Outbound, &rules.Subject{References: refs}, nil)
	require.Equal(t, "boss", d.Copies[0].Target)
	require.Equal(t, []attr.Value{attr.Reference("7")}, d.Values.Values("manager"))
	require.Equal(t, []string{"manager"}, refs.loaded)
	// A store that fails is no rule's fault.
	refs.failed = errors.New("store is gone")
	d = evaluate(t, set, rules.Outbound, &rules.Subject{References: refs}, nil)
	require.Len(t, d.Errors, 1)
	require.Equal(t, rules.CodeSource, d.Errors[0].Code)
	require.ErrorIs(t, d.Errors[0], refs.failed)
}

func TestGroupMemberLimitPattern(t *testing.T) {
	t.Parallel()
	limit := formula("member", `IIF([memberCount] > 2,Error("too many"),IgnoreThisFlow)`)
	set := compile(t, out(1, limit), out(2, direct("member", "member")), out(3, direct("member", "member")))
	refs := &counting{}
	small := &attr.Set{}
	small.Put("memberCount", attr.Int(2))
	d := evaluate(t, set, rules.Outbound, &rules.Subject{Attributes: small, References: refs}, nil)
	require.Len(t, d.Copies, 1)
	require.Equal(t, "outinc", d.Copies[0].Rule.Name)
	small.Put("memberCount", attr.Int(3))
	d = evaluate(t, set, rules.Outbound, &rules.Subject{Attributes: small, References: refs}, nil)
	require.Len(t, d.Errors, 1)
	require.Equal(t, rules.CodeFunction, d.Errors[0].Code)
	require.Contains(t, d.Errors[0].Error(), "too many")
	require.Equal(t, "member", d.Errors[0].Attribute)
}

func TestFlowErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 447)
	tests := []struct {
		name, code string
		flow       rules.Flow
		values     []attr.Value
	}{
		{"several into one", rules.CodeMultiToSingle, direct("title", "x"), text("a", "b")},
		{"kind", rules.CodeTypeMismatch, direct("title", "x"), number(1)},
		{"kind of many", rules.CodeTypeMismatch, direct("proxyAddresses", "x"), number(1)},
		{"too long", rules.CodeConstraint, direct("title", "x"), text(long + "xx")},
		{"long in characters", "", direct("title", "x"), text(long + "é")},
		{"long beyond the plane", rules.CodeConstraint, direct("title", "x"), text(long + "😀")},
		{"expression", rules.CodeFunction, formula("title", `Item([x],5)`), text("a")},
		{"date", rules.CodeTypeMismatch, formula("title", `Now()`), nil},
		{"reference as text", "", formula("title", `CRef([x])`), text("CN=a")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := compile(t, in(1, tt.flow))
			object := &attr.Set{}
			object.Put("x", tt.values...)
			d := evaluate(t, set, rules.Inbound, &rules.Subject{Attributes: object}, nil)
			if tt.code == "" {
				require.Empty(t, d.Errors)
				require.Equal(t, attr.KindString, d.Values.Values("title")[0].Kind())
				return
			}
			require.Len(t, d.Errors, 1)
			require.Equal(t, tt.code, d.Errors[0].Code)
			require.Equal(t, "inb", d.Errors[0].Rule.Name)
			require.NotContains(t, d.Errors[0].Error(), "xxxx")
		})
	}
}

func TestImportedValueSeesTheImageOnly(t *testing.T) {
	t.Parallel()
	set := compile(t, in(1, formula("mail", `ImportedValue("mail")`), direct("title", "mail")))
	d := evaluate(t, set, rules.Inbound, &rules.Subject{Attributes: object("mail=new"), Imported: object("mail=old")}, nil)
	require.Equal(t, "old", d.Values.Text("mail"))
	require.Equal(t, "new", d.Values.Text("title"))
	d = evaluate(t, set, rules.Inbound, &rules.Subject{Attributes: &attr.Set{}, Imported: object("mail=old")}, nil)
	require.Equal(t, "old", d.Values.Text("mail"))
	require.False(t, d.Values.Has("title"))
}

func TestConstants(t *testing.T) {
	t.Parallel()
	constant := func(target, v string) rules.Flow {
		return rules.Flow{Target: target, Type: rules.Constant, Constant: v}
	}
	set := compile(t, in(1, constant("accountEnabled", "true"), constant("countryCode", "39"), constant("title", "x"), constant("deviceId", "AAE=")))
	d := evaluate(t, set, rules.Inbound, &rules.Subject{}, nil)
	require.Equal(t, attr.Bool(true), d.Values.Values("accountEnabled")[0])
	require.Equal(t, attr.Int(39), d.Values.Values("countryCode")[0])
	require.Equal(t, attr.BinaryString("\x00\x01"), d.Values.Values("deviceId")[0])
}

func TestEvaluationIsRepeatableAndConcurrent(t *testing.T) {
	t.Parallel()
	set := compileStandard(t, standardVariants["everything"])
	want := inbound(t, set, "corp", "person", adUser(nil))
	for range 8 {
		t.Run("again", func(t *testing.T) {
			t.Parallel()
			for range 50 {
				require.Equal(t, want, inbound(t, set, "corp", "person", adUser(nil)))
			}
		})
	}
}
