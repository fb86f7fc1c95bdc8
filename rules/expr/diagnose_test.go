package expr_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// schema is what TestDiagnostics checks attributes and parameters against.
func schema() *expr.Options {
	types := map[string]expr.AttributeType{
		"displayName":    {Kind: attr.KindString},
		"mailNickname":   {Kind: attr.KindString},
		"proxyAddresses": {Kind: attr.KindString, Multi: true},
		"objectGUID":     {Kind: attr.KindBinary},
		"memberCount":    {Kind: attr.KindInt},
		"manager":        {Kind: attr.KindReference},
		"cloudFiltered":  {Kind: attr.KindBool},
	}
	return &expr.Options{
		Attributes: func(name string) (expr.AttributeType, bool) { t, ok := types[name]; return t, ok },
		AttributeNames: func() []string {
			return []string{"displayName", "mailNickname", "proxyAddresses", "objectGUID", "memberCount", "manager", "cloudFiltered"}
		},
		Parameters:     func(name string) bool { return name == "Domain.FQDN" || name == "Forest.LDAP" },
		ParameterNames: func() []string { return []string{"Domain.FQDN", "Forest.LDAP"} },
	}
}

func TestDiagnostics(t *testing.T) {
	t.Parallel()
	tests := []struct{ src, want string }{
		// Lexer.
		{``, `
1:1: error: the expression is empty
    
    ^`},
		{`"abc`, `
1:1: error: the string does not end: a closing " is missing
    "abc
    ^`},
		{`“abc” & "d"`, `
1:1: error: typographic quotation marks: strings are written in straight ones (")
    “abc” & "d"
    ^`},
		{`[displayName`, `
1:1: error: the attribute does not end with "]"
    [displayName
    ^`},
		{`[display Name]`, `
1:1: warning: there is no attribute "display Name"; did you mean [displayName]?
    [display Name]
    ^
1:9: error: ' ' does not belong into the name of the attribute
    [display Name]
            ^`},
		{`[]`, `
1:1: error: the attribute has no name
    []
    ^`},
		{`%Domain.FQDN`, `
1:1: error: the parameter does not end with "%"
    %Domain.FQDN
    ^`},
		{`1.5 + 2`, `
1:1: error: numbers are whole numbers: there are no fractions
    1.5 + 2
    ^`},
		{`9223372036854775808`, `
1:1: error: the number does not fit into 64 bits
    9223372036854775808
    ^`},
		{`&H11223344556677889`, `
1:1: error: the number does not fit into 64 bits
    &H11223344556677889
    ^`},
		{`12abc`, `
1:1: error: "12abc" is neither a number nor a name
    12abc
    ^`},
		{`6 / 2`, `
1:3: error: there is no division
    6 / 2
      ^
1:5: error: a number does not belong here: an operator such as "&" is missing before it
    6 / 2
        ^`},
		{`[displayName] == "x" | [mailNickname] != 'y'`, `
1:15: error: there is no operator "=="; did you mean "="?
    [displayName] == "x" | [mailNickname] != 'y'
                  ^
1:22: error: there is no operator "|"; did you mean "||"?
    [displayName] == "x" | [mailNickname] != 'y'
                         ^
1:39: error: there is no operator "!="; did you mean "<>"?
    [displayName] == "x" | [mailNickname] != 'y'
                                          ^
1:42: error: strings are written in double quotes
    [displayName] == "x" | [mailNickname] != 'y'
                                             ^
1:43: error: "y" is no value: attributes are written in brackets, text in double quotes; did you mean [y]?
    [displayName] == "x" | [mailNickname] != 'y'
                                              ^
1:44: error: strings are written in double quotes
    [displayName] == "x" | [mailNickname] != 'y'
                                               ^`},
		{`"a" # "b"`, `
1:5: error: the character '#' does not belong into an expression
    "a" # "b"
        ^
1:7: error: a string does not belong here: an operator such as "&" is missing before it
    "a" # "b"
          ^`},
		{`$`, `
1:1: error: the variable has no name: "$" is followed by letters
    $
    ^`},

		// Parser.
		{`Trim([displayName]`, `
1:5: error: the bracket of Trim is not closed: ")" is missing
    Trim([displayName]
        ^`},
		{`("a" & "b"`, `
1:1: error: the bracket is not closed: ")" is missing
    ("a" & "b"
    ^`},
		{`Trim([displayName]))`, `
1:20: error: ")" does not belong here: there is no "(" for it
    Trim([displayName]))
                       ^`},
		{`Left([displayName] 3)`, `
1:20: error: a number does not belong here: an operator such as "&" is missing before it
    Left([displayName] 3)
                       ^`},
		{`IIF(,"a",)`, `
1:5: error: a value is missing before ","
    IIF(,"a",)
        ^
1:10: error: a value is missing before ")"
    IIF(,"a",)
             ^`},
		{`& "a"`, `
1:1: error: there is nothing on the left of "&"
    & "a"
    ^`},
		{`"a" &`, `
1:6: error: a value is missing before the end of the expression
    "a" &
         ^`},
		{`-[memberCount]`, `
1:1: error: a minus sign without a left side stands only before a number
    -[memberCount]
    ^`},
		{`displayName`, `
1:1: error: "displayName" is no value: attributes are written in brackets, text in double quotes; did you mean [displayName]?
    displayName
    ^`},
		{`Contains([proxyAddresses],"x",CaseInsensitiv)`, `
1:31: error: "CaseInsensitiv" is no value: attributes are written in brackets, text in double quotes; did you mean CaseInsensitive?
    Contains([proxyAddresses],"x",CaseInsensitiv)
                                  ^`},

		// Names.
		{`trim([displayName])`, `
1:1: error: there is no function trim: upper and lower case matter; did you mean Trim?
    trim([displayName])
    ^`},
		{`IF([cloudFiltered],1,2)`, `
1:1: error: there is no function IF; did you mean IIF?
    IF([cloudFiltered],1,2)
    ^`},
		{"IIF(\n\tIsPresnt([displayName]),\n\tTrm([mailNickname]),NULL)", `
2:2: error: there is no function IsPresnt; did you mean IsPresent?
     IsPresnt([displayName]),
     ^
3:2: error: there is no function Trm; did you mean Trim?
     Trm([mailNickname]),NULL)
     ^`},
		{`Frobnicate(1)`, `
1:1: error: there is no function Frobnicate
    Frobnicate(1)
    ^`},
		{`%ForestLDAP%`, `
1:1: error: there is no parameter "ForestLDAP"; did you mean %Forest.LDAP%?
    %ForestLDAP%
    ^`},
		{`Select($item,[proxyAddresses],$itm & "x")`, `
1:31: error: there is no variable $itm here: Select, Where and With make them; did you mean $item?
    Select($item,[proxyAddresses],$itm & "x")
                                  ^`},
		{`Select("x",[proxyAddresses],"y")`, `
1:8: error: Select names a variable here, such as $item
    Select("x",[proxyAddresses],"y")
           ^`},
		{`ImportedValue([proxyAddresses])`, `
1:15: error: ImportedValue takes the name of an attribute, in double quotes; did you mean ImportedValue("proxyAddresses")?
    ImportedValue([proxyAddresses])
                  ^`},

		// Arguments and types.
		{`IIF([cloudFiltered],1)`, `
1:1: error: IIF needs 3 arguments: any IIF(boolean condition, any yes, any no)
    IIF([cloudFiltered],1)
    ^`},
		{`Now(1)`, `
1:5: error: Now takes no arguments: date Now()
    Now(1)
        ^`},
		{`Switch([cloudFiltered],1,True)`, `
1:26: error: Switch takes pairs of condition and value: this condition has no value
    Switch([cloudFiltered],1,True)
                             ^`},
		{`Trim([memberCount])`, `
1:6: error: Trim takes text here, not number; did you mean CStr(…)?
    Trim([memberCount])
         ^`},
		{`FormatDateTime([memberCount],"yyyy")`, `
1:16: error: FormatDateTime takes date here, not number; did you mean DateFromNum(…)?
    FormatDateTime([memberCount],"yyyy")
                   ^`},
		{`[memberCount] = "5"`, `
1:15: error: number cannot be compared with text
    [memberCount] = "5"
                  ^`},
		{`[displayName] + 1 & [manager]`, `
1:1: error: + takes number here, not text; did you mean CNum(…)?
    [displayName] + 1 & [manager]
    ^`},
		{`IIF([displayName],1,2)`, `
1:5: error: IIF takes boolean here, not text
    IIF([displayName],1,2)
        ^`},
		{`Contains([proxyAddresses],"x",vbTextCompare)`, `
1:31: error: Contains takes one of CaseSensitive, CaseInsensitive here
    Contains([proxyAddresses],"x",vbTextCompare)
                                  ^`},
		{`Trim(Unicode)`, `
1:6: error: Trim takes text here, not the word Unicode
    Trim(Unicode)
         ^`},
		{`DateAdd("mm",1,Now())`, `
1:9: error: DateAdd takes one of yyyy, q, m, y, d, w, ww, h, n, s here; did you mean m?
    DateAdd("mm",1,Now())
            ^`},
		{`Trim(IgnoreThisFlow)`, `
1:6: error: IgnoreThisFlow is what a flow results in and nothing that Trim takes
    Trim(IgnoreThisFlow)
         ^`},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			_, err := expr.Compile(tt.src, schema())
			require.Error(t, err)
			var e *expr.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, strings.TrimPrefix(tt.want, "\n"), e.Error())
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	tests := []struct{ src, want string }{
		{`[displayname]`, `1:1: warning: there is no attribute "displayname"; did you mean [displayName]?`},
		{`ValueCount("member") > ImportedValue("membercount")`, `1:12: warning: there is no attribute "member"
1:38: warning: there is no attribute "membercount"; did you mean "memberCount"?`},
		{`[displayName] = NULL`, `1:15: warning: a comparison with NULL is never true; did you mean IsNull or IsPresent?`},
		{`IIF([cloudFiltered],CDate("x"),NULL)`, `1:21: warning: this always fails: CDate: the text is no date`},
		{`Trim(IIF([cloudFiltered],IgnoreThisFlow,[displayName]))`, `1:6: warning: this may be IgnoreThisFlow, with which Trim fails`},
		{`[displayName]`, ``},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			p, err := expr.Compile(tt.src, schema())
			require.NoError(t, err)
			var got []string
			for _, w := range p.Warnings() {
				require.Equal(t, expr.SeverityWarning, w.Severity)
				got = append(got, w.String())
			}
			require.Equal(t, tt.want, strings.Join(got, "\n"))
		})
	}
}

func TestUnknownAttributeAsError(t *testing.T) {
	t.Parallel()
	opts := schema()
	opts.UnknownAttribute = expr.SeverityError
	_, err := expr.Compile(`Trim([displayname]) & [nope]`, opts)
	var e *expr.Error
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Diagnostics, 2)
	require.Equal(t, "[displayName]", e.Diagnostics[0].Suggestion)
	require.Empty(t, e.Diagnostics[1].Suggestion)
	require.Equal(t, 22, e.Diagnostics[1].Offset)
}

// TestSnippetOfLongLines keeps the caret in sight.
func TestSnippetOfLongLines(t *testing.T) {
	t.Parallel()
	_, err := expr.Compile(strings.Repeat(`"äöü" & `, 100)+`Trm("x")`+strings.Repeat(` & "x"`, 100), nil)
	var e *expr.Error
	require.ErrorAs(t, err, &e)
	lines := strings.Split(e.Diagnostics[0].Snippet, "\n")
	require.Len(t, lines, 2)
	require.Equal(t, 801, e.Diagnostics[0].Column)
	caret := []rune(lines[1])
	require.Equal(t, '^', caret[len(caret)-1])
	require.Equal(t, "Trm", string([]rune(lines[0])[len(caret)-1:][:3]))
	require.Less(t, len([]rune(lines[0])), 140)
}
