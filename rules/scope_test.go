package rules_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// compile compiles rules that are meant to be good.
func compile(t testing.TB, rs ...rules.Rule) *rules.Set {
	t.Helper()
	set, err := rules.Compile(rs, nil)
	require.NoError(t, err)
	return set
}

// scoped is an inbound rule with one condition.
func scoped(groups ...rules.ScopeGroup) rules.Rule {
	return rules.Rule{
		ID: "r", Name: "r", Direction: rules.Inbound, Connector: "ad", SourceType: "user", TargetType: "person",
		LinkType: rules.Provision, Precedence: 1, Scope: groups,
		Flows: []rules.Flow{{Target: "cn", Type: rules.Direct, Source: []string{"cn"}}},
	}
}

type memberships map[string]bool

func (m memberships) Count(string) (int64, error)      { return int64(len(m)), nil }
func (m memberships) MemberOf(dn string) (bool, error) { return m[dn], nil }
func (m memberships) Values(name string) ([]attr.Value, error) {
	if name == "broken" {
		return nil, errors.New("broken")
	}
	var out []attr.Value
	for dn := range m {
		out = append(out, attr.Reference(dn))
	}
	return out, nil
}

func TestOperators(t *testing.T) {
	t.Parallel()
	object := attr.NewSet(map[string][]attr.Value{
		"text": text("Straße"), "many": text("one", "Two"), "num": number(514), "digits": text("0100"), "neg": number(-2147483646),
		"yes": {attr.Bool(true)}, "no": {attr.Bool(false)}, "bin": {attr.BinaryString("0123456789abcdef")},
	})
	tests := []struct {
		attribute, op, value string
		want                 bool
	}{
		{"text", "EQUAL", "straße", true},
		{"text", "EQUAL", "str", false},
		{"text", "NOTEQUAL", "STRAßE", false},
		{"absent", "EQUAL", "", false},
		{"absent", "NOTEQUAL", "x", true},
		{"many", "EQUAL", "two", true},
		{"yes", "EQUAL", "TRUE", true},
		{"yes", "EQUAL", "1", true},
		{"no", "EQUAL", "false", true},
		{"no", "NOTEQUAL", "True", true},
		{"yes", "NOTEQUAL", "True", false},
		{"yes", "EQUAL", "maybe", false},
		{"num", "EQUAL", "514", true},
		{"num", "EQUAL", "0514", true},
		{"num", "EQUAL", "x", false},
		{"num", "NOTEQUAL", "x", true},
		{"digits", "EQUAL", "100", false},
		{"bin", "EQUAL", "MDEyMzQ1Njc4OWFiY2RlZg==", true},
		{"bin", "EQUAL", "{33323130-3534-3736-3839-616263646566}", true},
		{"bin", "EQUAL", "33323130-3534-3736-3839-616263646567", false},
		{"num", "LESSTHAN", "1000", true},
		{"digits", "LESSTHAN", "99", false},
		{"digits", "GREATERTHAN", "99", true},
		{"num", "LESSTHAN_OR_EQUAL", "514", true},
		{"num", "GREATERTHAN", "514", false},
		{"num", "GREATERTHAN_OR_EQUAL", "514", true},
		{"num", "GREATERTHAN", "-1", true},
		{"text", "GREATERTHAN", "S", true},
		{"yes", "LESSTHAN", "x", false},
		{"absent", "LESSTHAN", "5", false},
		{"absent", "GREATERTHAN_OR_EQUAL", "0", false},
		{"text", "CONTAINS", "RAß", true},
		{"text", "NOTCONTAINS", "RAß", false},
		{"absent", "CONTAINS", "x", false},
		{"absent", "NOTCONTAINS", "x", true},
		{"text", "STARTSWITH", "sTR", true},
		{"text", "STARTSWITH", "straßen", false},
		{"text", "NOTSTARTSWITH", "x", true},
		{"absent", "NOTSTARTSWITH", "x", true},
		{"text", "ENDSWITH", "ßE", true},
		{"text", "NOTENDSWITH", "ßE", false},
		{"absent", "ENDSWITH", "x", false},
		{"many", "ENDSWITH", "wo", true},
		{"many", "NOTENDSWITH", "wo", false},
		{"text", "ISNULL", "", false},
		{"absent", "ISNULL", "", true},
		{"text", "ISNOTNULL", "", true},
		{"absent", "ISNOTNULL", "", false},
		{"many", "ISIN", "TWO", true},
		{"many", "ISIN", "three", false},
		{"many", "ISNOTIN", "three", true},
		{"absent", "ISNOTIN", "three", true},
		{"num", "ISBITSET", "2", true},
		{"num", "ISBITNOTSET", "2", false},
		{"num", "ISNOTBITSET", "4", true},
		{"num", "ISBITSET", "%ADS_UF_ACCOUNTDISABLE%", true},
		{"neg", "ISBITSET", "2147483648", true},
		{"neg", "ISBITSET", "-2147483648", true},
		{"absent", "ISBITSET", "2", false},
		{"absent", "ISBITNOTSET", "2", true},
		{"memberOf", "ISMEMBEROF", "CN=g", true},
		{"memberOf", "ISMEMBEROF", "CN=h", false},
		{"memberOf", "ISNOTMEMBEROF", "CN=h", true},
		{"memberOf", "ISNOTNULL", "", true},
		{"memberOf", "EQUAL", "cn=G", true},
		{"dn", "ENDSWITH", ",dc=X", true},
		{"text", "EQUAL", "%Domain.Netbios%aße", true},
	}
	for _, tt := range tests {
		t.Run(tt.attribute+" "+tt.op+" "+tt.value, func(t *testing.T) {
			t.Parallel()
			set := compile(t, scoped(rules.ScopeGroup{{Attribute: tt.attribute, Operator: rules.Operator(tt.op), Value: tt.value}}))
			s := &rules.Subject{
				Class: "User", Attributes: &object, DN: "CN=u,DC=x", References: memberships{"CN=g": true},
				Parameters: rules.MapParameters{"ADS_UF_ACCOUNTDISABLE": "0x2", "Domain.Netbios": "STR"},
			}
			in, err := set.InScope(t.Context(), rules.Inbound, "AD", s)
			require.NoError(t, err)
			require.Equal(t, tt.want, len(in) == 1)
		})
	}
}

func TestScopeGroups(t *testing.T) {
	t.Parallel()
	isA := rules.ScopeCondition{Attribute: "a", Operator: rules.Equal, Value: "1"}
	isB := rules.ScopeCondition{Attribute: "b", Operator: rules.Equal, Value: "1"}
	isC := rules.ScopeCondition{Attribute: "c", Operator: rules.Equal, Value: "1"}
	set := compile(t, scoped(rules.ScopeGroup{isA, isB}, rules.ScopeGroup{isC}))
	for values, want := range map[string]bool{"ab": true, "a": false, "b": false, "c": true, "": false, "ac": true} {
		var object attr.Set
		for _, name := range values {
			object.Put(string(name), text("1")...)
		}
		in, err := set.InScope(t.Context(), rules.Inbound, "ad", &rules.Subject{Class: "user", Attributes: &object})
		require.NoError(t, err)
		require.Equal(t, want, len(in) == 1, values)
	}
	in, err := set.InScope(t.Context(), rules.Inbound, "ad", &rules.Subject{Class: "group", Attributes: &attr.Set{}})
	require.NoError(t, err)
	require.Empty(t, in)
}

func TestScopeErrors(t *testing.T) {
	t.Parallel()
	set := compile(t, scoped(rules.ScopeGroup{{Attribute: "cn", Operator: rules.Equal, Value: "%Connector.ID%"}}))
	_, err := set.InScope(t.Context(), rules.Inbound, "ad", &rules.Subject{Class: "user"})
	var fe *rules.FlowError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, rules.CodeParameter, fe.Code)
	require.Equal(t, "r", fe.Rule.Name)
	require.Equal(t, "cn", fe.Attribute)
}

func TestDisabledRulesAreOut(t *testing.T) {
	t.Parallel()
	r := scoped()
	r.Disabled = true
	set := compile(t, r)
	require.Empty(t, set.Rules())
	in, err := set.InScope(t.Context(), rules.Inbound, "ad", &rules.Subject{Class: "user"})
	require.NoError(t, err)
	require.Empty(t, in)
}
