package expr_test

import (
	"testing"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// realExpressions are expressions of the kind that the standard rules are made of.
var realExpressions = []struct{ name, src string }{
	{"cloudFiltered", `IIF(IsPresent([isCriticalSystemObject]) || IsPresent([sAMAccountName]) = False || [sAMAccountName] = "SUPPORT_388945a0" || Left([mailNickname],14) = "SystemMailbox{" || Left([sAMAccountName],4) = "AAD_" || (Left([mailNickname],4) = "CAS_" && (InStr([mailNickname],"}") > 0)) || (Left([sAMAccountName],4) = "CAS_" && (InStr([sAMAccountName],"}") > 0)) || Left([sAMAccountName],5) = "MSOL_" || CBool(IIF(IsPresent([msExchRecipientTypeDetails]),BitAnd([msExchRecipientTypeDetails],&H21C07000) > 0,NULL)) || CBool(InStr(DNComponent(CRef([dn]),1),"\\0ACNF:")>0), True, NULL)`},
	{"sourceAnchor", `IIF([msExchRecipientTypeDetails]=2,NULL,IIF(IsPresent([mS-DS-ConsistencyGuid]),IIF(IsString([mS-DS-ConsistencyGuid]),CStr([mS-DS-ConsistencyGuid]),ConvertToBase64([mS-DS-ConsistencyGuid])),ConvertToBase64([objectGUID])))`},
	{"userPrincipalName", `IIF(IsPresent([userPrincipalName]),[userPrincipalName],IIF(IsPresent([sAMAccountName]),([sAMAccountName] & "@" & %Domain.FQDN%),Error("AccountName is not present")))`},
	{"accountEnabled", `IIF(IsPresent([userAccountControl]),IIF(BitAnd([userAccountControl],2)=0,True,False),NULL)`},
	{"displayName", `IIF(IsNullOrEmpty([displayName]),Trim([cn]),Left(Trim([displayName]),448))`},
	{"pwdLastSet", `IIF(IsPresent([pwdLastSet]),CStr(FormatDateTime(DateFromNum([pwdLastSet]),"yyyyMMddHHmmss.0Z")),NULL)`},
	{"mailEnabled", `IIF(((IsPresent([proxyAddresses]) = True) && (Contains([proxyAddresses],"SMTP:") > 0) && (InStr(Item([proxyAddresses],Contains([proxyAddresses],"SMTP:")),"@") > 0)) || (IsPresent([mail]) = True && (InStr([mail],"@") > 0)),True,False)`},
	{"proxyAddresses", `RemoveDuplicates(Trim(ImportedValue("proxyAddresses")))`},
	{"entraDN", `"CN={" & ConvertToUTF8Hex([sourceAnchor]) & "}"`},
}

func benchmarkInput() *expr.Input {
	set := attr.NewSet(values{
		"dn":                         ref("CN=Abbie Spencer,OU=Users,OU=Sales,DC=sales,DC=contoso,DC=com"),
		"cn":                         strs("Abbie Spencer"),
		"displayName":                strs("Abbie Spencer "),
		"sAMAccountName":             strs("aspencer"),
		"mailNickname":               strs("abbie.spencer"),
		"mail":                       strs("abbie.spencer@contoso.com"),
		"userPrincipalName":          strs("abbie.spencer@contoso.com"),
		"userAccountControl":         nums(512),
		"msExchRecipientTypeDetails": nums(1),
		"objectGUID":                 bin(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16),
		"pwdLastSet":                 nums(130543784930000000),
		"proxyAddresses":             strs("smtp:as@contoso.com", "SMTP:abbie.spencer@contoso.com", "x500:/o=contoso/cn=abbie"),
		"sourceAnchor":               strs("AQIDBAUGBwgJCgsMDQ4PEA=="),
	})
	return &expr.Input{
		Attributes: expr.FromSet(&set), Now: noon,
		Parameters: func(string) (string, bool) { return "sales.contoso.com", true },
	}
}

func BenchmarkEval(b *testing.B) {
	for _, e := range realExpressions {
		b.Run(e.name, func(b *testing.B) {
			p, err := expr.Compile(e.src, nil)
			if err != nil {
				b.Fatal(err)
			}
			in := benchmarkInput()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, e := range realExpressions[:2] {
		b.Run(e.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := expr.Compile(e.src, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
