package expr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// TestRealExpressions checks the expressions that the benchmarks measure, over the objects
// that rules are there to tell apart.
func TestRealExpressions(t *testing.T) {
	t.Parallel()
	src := map[string]string{}
	for _, e := range realExpressions {
		src[e.name] = e.src
	}
	user := values{"sAMAccountName": strs("joe"), "dn": ref("CN=Joe,DC=x"), "cn": strs(" Joe ")}
	with := func(name string, v ...attr.Value) values {
		out := values{name: v}
		for n, o := range user {
			if n != name {
				out[n] = o
			}
		}
		return out
	}
	guid := bin(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
	tests := []struct {
		name  string
		given values
		want  string
	}{
		{"cloudFiltered", user, `NULL`},
		{"cloudFiltered", with("isCriticalSystemObject", attr.Bool(true)), `True`},
		{"cloudFiltered", values{"dn": ref("CN=x,DC=x")}, `True`},
		{"cloudFiltered", with("sAMAccountName", attr.String("SUPPORT_388945a0")), `True`},
		{"cloudFiltered", with("sAMAccountName", attr.String("AAD_1")), `True`},
		{"cloudFiltered", with("sAMAccountName", attr.String("MSOL_1")), `True`},
		{"cloudFiltered", with("sAMAccountName", attr.String("CAS_{1}")), `True`},
		{"cloudFiltered", with("sAMAccountName", attr.String("CAS_1")), `NULL`},
		{"cloudFiltered", with("mailNickname", attr.String("SystemMailbox{1}")), `True`},
		{"cloudFiltered", with("mailNickname", attr.String("CAS_{1}")), `True`},
		{"cloudFiltered", with("msExchRecipientTypeDetails", attr.Int(0x1000)), `True`},
		{"cloudFiltered", with("msExchRecipientTypeDetails", attr.Int(0x20000000)), `True`},
		{"cloudFiltered", with("msExchRecipientTypeDetails", attr.Int(1)), `NULL`},
		{"cloudFiltered", with("dn", attr.Reference(`CN=Joe\0ACNF:4a1e,DC=x`)), `True`},
		{"sourceAnchor", values{"objectGUID": guid}, `"AQIDBAUGBwgJCgsMDQ4PEA=="`},
		{"sourceAnchor", values{"objectGUID": guid, "mS-DS-ConsistencyGuid": bin(1)}, `"AQ=="`},
		{"sourceAnchor", values{"objectGUID": guid, "mS-DS-ConsistencyGuid": strs("text")}, `"text"`},
		{"sourceAnchor", values{"objectGUID": guid, "msExchRecipientTypeDetails": nums(2)}, `NULL`},
		{"userPrincipalName", values{"userPrincipalName": strs("a@b")}, `"a@b"`},
		{"userPrincipalName", user, `"joe@sales.contoso.com"`},
		{"userPrincipalName", nil, `error: AccountName is not present`},
		{"accountEnabled", values{"userAccountControl": nums(512)}, `True`},
		{"accountEnabled", values{"userAccountControl": nums(514)}, `False`},
		{"accountEnabled", nil, `NULL`},
		{"displayName", user, `"Joe"`},
		{"displayName", values{"displayName": strs(" x ")}, `"x"`},
		{"displayName", nil, `NULL`},
		{"pwdLastSet", values{"pwdLastSet": nums(130543784930000000)}, `"20140905081453.0Z"`},
		{"pwdLastSet", values{"pwdLastSet": nums(0)}, `"16010101000000.0Z"`},
		{"pwdLastSet", nil, `NULL`},
		{"mailEnabled", values{"proxyAddresses": strs("smtp:a@b", "SMTP:c@d")}, `True`},
		{"mailEnabled", values{"proxyAddresses": strs("smtp:a@b")}, `False`},
		{"mailEnabled", values{"proxyAddresses": strs("X500:/o=x"), "mail": strs("a@b")}, `True`},
		{"mailEnabled", values{"mail": strs("nothing")}, `False`},
		{"mailEnabled", nil, `False`},
		{"proxyAddresses", values{"proxyAddresses": strs("SMTP:a@b ", "SMTP:a@b")}, `{"SMTP:a@b"}`},
		{"proxyAddresses", nil, `NULL`},
		{"entraDN", values{"sourceAnchor": strs("AQ==")}, `"CN={41513D3D}"`},
	}
	for _, tt := range tests {
		p, err := expr.Compile(src[tt.name], nil)
		require.NoError(t, err, tt.name)
		require.Empty(t, p.Warnings(), tt.name)
		got := evalText(p, tt.given, map[string]string{"Domain.FQDN": "sales.contoso.com"})
		require.Equal(t, tt.want, got, "%s of %v", tt.name, tt.given)
	}
}
