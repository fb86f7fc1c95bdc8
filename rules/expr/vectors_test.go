package expr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

type values = map[string][]attr.Value

func strs(s ...string) []attr.Value {
	out := make([]attr.Value, len(s))
	for i := range s {
		out[i] = attr.String(s[i])
	}
	return out
}

func nums(n ...int64) []attr.Value {
	out := make([]attr.Value, len(n))
	for i := range n {
		out[i] = attr.Int(n[i])
	}
	return out
}

func bin(b ...byte) []attr.Value { return []attr.Value{attr.Binary(b)} }

func ref(s string) []attr.Value { return []attr.Value{attr.Reference(s)} }

// subject is the object that most tests look at.
func subject() values {
	return values{
		"alias":           strs("joe"),
		"displayName":     strs("Doe, John"),
		"empty":           strs(""),
		"proxyAddresses":  strs("smtp:jd@contoso.com", "SMTP:john.doe@contoso.com"),
		"mixed":           strs("SMTP:a@b", "SIP:a@b", "smtp:c@d"),
		"three":           strs("a", "b", "c"),
		"numbers":         nums(1, 2, 3),
		"texts":           strs("1", "2", "x"),
		"one":             strs("single"),
		"n":               nums(512),
		"flag":            {attr.Bool(true)},
		"off":             {attr.Bool(false)},
		"objectGUID":      bin(0x67, 0x45, 0x23, 0x01, 0xab, 0x89, 0xef, 0xcd, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef),
		"objectSid":       bin(1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 0xC7, 0xF7, 0xFE, 0xD7, 0x7C, 0x77, 0x55, 0xC8, 0x94, 0x5A, 0xCE, 0x01, 0xF5, 0x03, 0, 0),
		"dn":              ref("cn=Joe,ou=Atlanta,ou=GA,ou=US,dc=contoso,dc=com"),
		"manager":         ref("cn=Boss,dc=contoso,dc=com"),
		"member":          {attr.Reference("cn=a"), attr.Reference("cn=b")},
		"description":     strs("first", "second"),
		"groupType":       nums(-2147483646),
		"distribution":    nums(2),
		"userCertificate": expr.Functions()[indexOf("CertVersion")].Examples[0].Given["userCertificate"],
	}
}

func indexOf(name string) int {
	for i, f := range expr.Functions() {
		if f.Name == name {
			return i
		}
	}
	panic(name)
}

// TestLanguageVectors holds the vectors of the language: operators, lifting, nulls,
// laziness and literals.
func TestLanguageVectors(t *testing.T) {
	t.Parallel()
	tests := []struct{ expr, want string }{
		// Priorities: arithmetic and &, then comparisons, then && and ||, each from left to right.
		{`2+3*4`, `20`},
		{`2*(5+3)`, `16`},
		{`2*5+3`, `13`},
		{`10-2-3`, `5`},
		{`10-(2-3)`, `11`},
		{`3 - -5`, `8`},
		{`"a" & "b" = "ab"`, `True`},
		{`True || False && False`, `False`},
		{`True || (False && False)`, `True`},
		{`1 < 2 && 2 < 3`, `True`},
		{`InStr([alias],"p") > 0 || InStr([alias],"j") > 0`, `True`},
		{`[off] || [flag] = False || [alias] = "x" || Left([displayName],3) = "Doe"`, `True`},
		{`2 <> 3`, `True`}, {`2 <= 2`, `True`}, {`2 >= 3`, `False`}, {`"b" > "a"`, `True`}, {`"a" = "A"`, `False`},

		// Tokens.
		{`98052`, `98052`},
		{`&HFF`, `255`}, {`&h10`, `16`}, {`&H40000000`, `1073741824`},
		{`"a"&"b"`, `"ab"`},
		{`BitAnd(&HF,&HF)&"x"`, `"15x"`},
		{`True&&True`, `True`},
		{`[flag]&&&HF=15`, `True`},
		{`-2147483648`, `-2147483648`},
		{`-9223372036854775808`, `-9223372036854775808`},
		{`9223372036854775807`, `9223372036854775807`},
		{`"say ""hi"""`, `"say ""hi"""`},
		{`Len("a\\b")`, `3`},
		{`Len("a\b")`, `3`},
		{`Len(CRLF)`, `2`},
		{"\r\n\tTrim(\r\n\t\t\" x \"\r\n\t)\r\n", `"x"`},
		{`[one] & ""`, `"single"`},

		// Literals.
		{`NULL`, `NULL`}, {`IgnoreThisFlow`, `IgnoreThisFlow`}, {`AuthoritativeNull`, `AuthoritativeNull`},
		{`True`, `True`}, {`False`, `False`},
		{`IIF(Count([three])>2,AuthoritativeNull,[three])`, `AuthoritativeNull`},
		{`IIF(IsPresent([absent]),[absent],IgnoreThisFlow)`, `IgnoreThisFlow`},

		// Nulls.
		{`[absent]`, `NULL`},
		{`[absent] = "y"`, `False`}, {`[absent] <> "y"`, `False`}, {`[absent] > 50000`, `False`},
		{`CBool(NULL)`, `False`}, {`CBool([absent]) || [flag]`, `True`},
		{`CBool(IIF([off],True,NULL))`, `False`},
		{`Trim([absent])`, `NULL`},
		{`Left([absent],14) = "SystemMailbox{"`, `False`},
		{`InStr([absent],"x")`, `0`}, {`InStr(DNComponent(CRef([absent]),1),"x") > 0`, `False`},
		{`"t-" & [absent]`, `"t-"`}, {`[absent] & [absent]`, `NULL`}, {`[absent] & ""`, `""`},
		{`[absent] + 1`, `NULL`}, {`1 - [absent]`, `NULL`},
		{`[absent] && True`, `False`}, {`[absent] || True`, `True`}, {`IIF([absent],1,2)`, `2`},
		{`BitAnd([absent],2)`, `error: BitAnd at 1:1: a number is needed and there is none; guard it with IsPresent`},
		{`IsPresent([absent]) && BitAnd([absent],2) <> 0`, `False`},

		// Lifting.
		{`Trim([proxyAddresses])`, `{"smtp:jd@contoso.com","SMTP:john.doe@contoso.com"}`},
		{`Word([proxyAddresses],1,"@") & "@contoso.com"`, `{"smtp:jd@contoso.com","SMTP:john.doe@contoso.com"}`},
		{`IIF(InStr([mixed],"SIP:")=1,NULL,[mixed])`, `{"SMTP:a@b","smtp:c@d"}`},
		{`IIF(InStr(UCase([mixed]),"SMTP:")=1,[mixed],NULL)`, `{"SMTP:a@b","smtp:c@d"}`},
		{`IIF(UCase([three])="B",[mixed],NULL)`, `{"SIP:a@b"}`},
		{`IIF(Contains([proxyAddresses],"SMTP:")>0,[proxyAddresses],Error("no"))`, `{"smtp:jd@contoso.com","SMTP:john.doe@contoso.com"}`},
		{`[three] & [mixed]`, `{"aSMTP:a@b","bSIP:a@b","csmtp:c@d"}`},
		{`[three] & [description]`, `{"afirst","bsecond","c"}`},
		{`[three] & "-" & [one]`, `{"a-single","b-single","c-single"}`},
		{`[numbers] * 2 + 1`, `{3,5,7}`},
		{`IIF([numbers]=2,Error("two"),[three])`, `error: two`},
		{`IIF(IsNumeric([texts]),CNum([texts]),0)`, `{1,2,0}`},
		{`IIF([three]="zzz",[three],NULL)`, `NULL`},
		{`IIF([three]="b",IgnoreThisFlow,[three])`, `IgnoreThisFlow`},
		{`Count(IIF([three]="b",NULL,[three]))`, `2`},
		{`Trim(IIF([flag],[three],[one]))`, `{"a","b","c"}`},
		{`Trim(IIF([off],[three],[one]))`, `"single"`},
		{`Trim(Split("a , b",","))`, `{"a","b"}`},
		{`Trim(Split(" a ",","))`, `{"a"}`},
		{`IIF(Split("a,b",",")="a","yes","no")`, `{"yes","no"}`},
		{`IIF(Split("a",",")="a","yes","no")`, `{"yes"}`},
		{`Switch([numbers]=1,"one",[numbers]=2,"two")`, `{"one","two"}`},
		{`IIF([flag],Switch([flag],[three]),NULL)`, `{"a","b","c"}`},
		{`Split([three] & ",x",",")`, `{"a","x","b","x","c","x"}`},
		{`With($p,[mixed],IIF(InStr($p,"SIP:")=1,NULL,$p))`, `{"SMTP:a@b","smtp:c@d"}`},
		{`UCase(With($p,[three],$p & "!"))`, `{"A!","B!","C!"}`},
		{`With($x,[three],With($y,$x & "1",$y & $x))`, `{"a1a","b1b","c1c"}`},
		{`Select($i,[three],$i & Count([numbers]))`, `{"a3","b3","c3"}`},
		{`Select($i,[three],Select($j,[description],$i & Left($j,1)))`, `{"af","as","bf","bs","cf","cs"}`},
		{`Where($i,[three],Contains([three],$i) > 1)`, `{"b","c"}`},
		{`Select($i,[three],With($k,$i & "k",$k & $k))`, `{"akak","bkbk","ckck"}`},
		{`IsPresent([three])`, `True`}, {`IsNull(Where($i,[three],False))`, `True`},
		{`Count([three]) & Item([three],2)`, `"3b"`},
		{`Where($i,[three],[three]=$i)`, `error: Where at 1:1: the condition gives several values for one`},
		{`[three] = "b" && [flag]`, `{False,True,False}`},

		// Laziness.
		{`IIF(True,"x",Error("e"))`, `"x"`},
		{`IIF([flag],"x",Error("e"))`, `"x"`},
		{`Switch([flag],"x",True,Error("e"))`, `"x"`},
		{`[flag] || CDate([alias]) < Now()`, `True`},
		{`[off] && CDate([alias]) < Now()`, `False`},
		{`With($v,Error("e"),IIF([off],$v,"fine"))`, `"fine"`},
		{`With($v,Error("e"),$v)`, `error: e`},
		{`IIF([off],Item([three],9),"x")`, `"x"`},

		// Types.
		{`[n] = "512"`, `error: = at 1:5: number cannot be compared with text`},
		{`[alias] + 1`, `error: + at 1:9: numbers are needed, not text`},
		{`[manager] = "cn=Boss,dc=contoso,dc=com"`, `True`},
		{`Trim([n])`, `error: Trim at 1:1: text takes text, not number`},
		{`[objectGUID] & "x"`, `error: & at 1:14: text and binary cannot be joined`},
		{`IIF([alias],1,2)`, `error: IIF at 1:1: a condition is True or False, not text`},
		{`9223372036854775807 + [n]`, `error: + at 1:21: the result does not fit into 64 bits`},
		{`Trim(IIF([flag],IgnoreThisFlow,[alias]))`, `error: Trim at 1:1: text takes text, not IgnoreThisFlow`},
		{`Now()`, `2026-11-21T12:00:00Z`},
		{`CertNotAfter([userCertificate]) > Now()`, `True`},
		{`Select($c,[userCertificate],CertNotAfter($c))`, `{2036-11-18T00:01:39Z}`},
		{`Where($item,[userCertificate],CertNotAfter($item)<Now())`, `NULL`},
		{`With($u,Where($item,[userCertificate],CertNotAfter($item)>Now()),IIF(Count($u)>0,Count($u),NULL))`, `1`},
		{`IIF(Count(Where($item,[userCertificate],CertNotAfter($item)>Now()))>0,Count(Where($item,[userCertificate],CertNotAfter($item)>Now())),NULL)`, `1`},
		{`Item(Select($c,[userCertificate],CertNotAfter($c)),1) > Now()`, `True`},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, text(tt.expr, subject()))
		})
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	params := map[string]string{
		"Domain.FQDN": "sales.contoso.com", "Forest.LDAP": "DC=contoso,DC=com", "Connector.ID": "b891884f-051e-4a83-95af-2544101c9083",
		"ADS_UF_ACCOUNTDISABLE": "0x2", "ADS_GROUP_TYPE_SECURITY_ENABLED": "&H80000000", "On": "true", "Map": "ä:a,ö:o",
	}
	tests := []struct{ expr, want string }{
		{`%Domain.FQDN%`, `"sales.contoso.com"`},
		{`[alias] & "@" & %Domain.FQDN%`, `"joe@sales.contoso.com"`},
		{`CRef("CN=LC Services,CN=Microsoft," & %Forest.LDAP%)`, `ref"CN=LC Services,CN=Microsoft,DC=contoso,DC=com"`},
		{`EscapeDNComponent("cn=" & [displayName]) & "," & %Forest.LDAP%`, `"cn=Doe\\, John,DC=contoso,DC=com"`},
		{`BitAnd(514,%ADS_UF_ACCOUNTDISABLE%)`, `2`},
		{`BitAnd([groupType],%ADS_GROUP_TYPE_SECURITY_ENABLED%) <> 0`, `True`},
		{`514 > %ADS_UF_ACCOUNTDISABLE%`, `True`},
		{`[flag] = %On%`, `True`},
		{`IIF(%On%,1,2)`, `1`},
		{`ReplaceChars("Räksmörgås",%Map%)`, `"Raksmorgås"`},
		{`BitAnd(514,%Domain.FQDN%)`, `error: BitAnd at 1:1: b takes number, not text`},
		{`%ForestLDAP%`, `error: %ForestLDAP% at 1:1: there is no such parameter`},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			t.Parallel()
			p, err := expr.Compile(tt.expr, nil)
			require.NoError(t, err)
			require.Equal(t, tt.want, evalText(p, subject(), params))
		})
	}
}

// TestReplicationConflict is the outcome that stock rules depend on.
func TestReplicationConflict(t *testing.T) {
	t.Parallel()
	const src = `InStr(DNComponent(CRef([dn]),1),"\\0ACNF:") > 0`
	for dn, want := range map[string]string{
		`CN=Joe\0ACNF:4a1e2f6c-0000-4000-8000-000000000000,OU=x,DC=y`: "True",
		`CN=Joe,OU=x,DC=y`:        "False",
		`CN=Joe,OU=a\0ACNF:b,DC=`: "False",
	} {
		require.Equal(t, want, text(src, values{"dn": strs(dn)}), dn)
		require.Equal(t, want, text(src, values{"dn": ref(dn)}), dn)
	}
}

// TestImportedValue tells the two images of an object apart.
func TestImportedValue(t *testing.T) {
	t.Parallel()
	current, imported := attr.NewSet(values{"a": strs("new")}), attr.NewSet(values{"a": strs("old")})
	p, err := expr.Compile(`[a] & "/" & ImportedValue("a") & "/" & ValueCount("member")`, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, p.Attributes())
	require.Equal(t, []string{"a"}, p.Imported())
	require.Equal(t, []string{"member"}, p.Counted())
	r, err := p.Eval(&expr.Input{
		Attributes: expr.FromSet(&current),
		Imported:   expr.FromSet(&imported),
		Count:      func(name string) (int64, error) { return int64(len(name)), nil },
	})
	require.NoError(t, err)
	require.Equal(t, `"new/old/6"`, r.Text())
}
