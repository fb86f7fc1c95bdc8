package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEval(t *testing.T) {
	t.Parallel()
	attrs := write(t, "attrs.json", `{"displayName":"Ann <Lee>","proxyAddresses":["SMTP:a@x","smtp:b@x"],"userAccountControl":512,"ok":true,
		"objectGUID":{"binary":"AAECAwQFBgcICQoLDA0ODw=="},"dn":{"reference":"CN=Ann,DC=x"},"none":null,"empty":[],"big":9223372036854775807}`)
	params := write(t, "params.json", `{"Domain.FQDN":"contoso.test","Count":3}`)
	for _, tt := range []struct{ expr, want string }{
		{`[displayName]`, `{"type":"string","value":"Ann <Lee>"}`},
		{`""`, `{"type":"string","value":""}`},
		{`Left([displayName], 3) & "@" & %Domain.FQDN%`, `{"type":"string","value":"Ann@contoso.test"}`},
		{`%Count%`, `{"type":"string","value":"3"}`},
		{`UCase([proxyAddresses])`, `{"type":"string","values":["SMTP:A@X","SMTP:B@X"]}`},
		{`[userAccountControl] - 512`, `{"type":"integer","value":0}`},
		{`[big]`, `{"type":"integer","value":9223372036854775807}`},
		{`BitAnd([userAccountControl], 2) = 0`, `{"type":"boolean","value":true}`},
		{`[ok] = False`, `{"type":"boolean","value":false}`},
		{`[objectGUID]`, `{"type":"binary","value":"AAECAwQFBgcICQoLDA0ODw=="}`},
		{`[dn]`, `{"type":"reference","value":"CN=Ann,DC=x"}`},
		{`DateFromNum(130543784930000000)`, `{"type":"datetime","value":"2014-09-05T08:14:53Z"}`},
		{`Now()`, `{"type":"datetime","value":"2026-01-02T03:04:05Z"}`},
		{`[none]`, `{"type":"null"}`},
		{`[empty]`, `{"type":"null"}`},
		{`NULL`, `{"type":"null"}`},
		{`IgnoreThisFlow`, `{"type":"ignoreThisFlow"}`},
		{`AuthoritativeNull`, `{"type":"authoritativeNull"}`},
	} {
		require.Equal(t, tt.want+"\n", must(t, "eval", fixed, "-attrs", attrs, "-params", params, tt.expr), tt.expr)
	}
	require.Equal(t, `{"type":"integer","value":-1}`+"\n", must(t, "eval", "--", "-1"))
}

func TestEvalFails(t *testing.T) {
	t.Parallel()
	attrs := write(t, "attrs.json", `{"displayName":"secret","n":1}`)
	for expr, code := range map[string]string{
		`Len(`:                "sync-rule-invalid-expression",
		`Nonsense(1)`:         "sync-rule-invalid-expression",
		`[displayname]`:       "sync-rule-unknown-attribute",
		`Error("no good")`:    "sync-rule-error-function-triggered",
		`[n] & %X%`:           "sync-rule-parameter-missing",
		`CNum([displayName])`: "sync-rule-invalid-value",
	} {
		out, _, ok := rulelab(t, "", "eval", "-attrs", attrs, expr)
		require.False(t, ok, expr)
		require.Contains(t, out, `{"error":{"code":"`+code+`","message":"`, expr)
		require.NotContains(t, out, "secret", expr)
	}
	for _, bad := range []string{`{"a":1.5}`, `{"a":{"binary":"?"}}`, `{"a":{"date":"x"}}`, `{"a":[[1]]}`, `[]`, `{"a":{"binary":"","reference":""}}`, `{`} {
		out, _, ok := rulelab(t, "", "eval", "-attrs", write(t, "bad.json", bad), "1")
		require.False(t, ok, bad)
		require.Contains(t, out, `{"error":{"code":"invalid-input"`, bad)
	}
}

func TestEvalLines(t *testing.T) {
	t.Parallel()
	in := strings.Join([]string{
		`{"id":1,"expr":"[a] & %P%","attrs":{"a":"x"},"params":{"P":"y"}}`,
		``,
		`not JSON`,
		`{"id":"two","expr":"Len("}`,
		`{"id":3,"expr":"[a]","attrs":{"a":1.5}}`,
		`{"expr":"{\"a\",1}"}`,
		`{"id":{"n":5}}`,
		`{"id":6,"expr":"Split(\"a,b\", \",\")"}`,
	}, "\n")
	out, message, ok := rulelab(t, in, "eval", "-lines")
	require.True(t, ok, message)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 7)
	require.Equal(t, `{"id":1,"type":"string","value":"xy"}`, lines[0])
	require.Contains(t, lines[1], `{"id":null,"error":{"code":"invalid-input"`)
	require.Contains(t, lines[2], `{"id":"two","error":{"code":"sync-rule-invalid-expression"`)
	require.Contains(t, lines[3], `{"id":3,"error":{"code":"invalid-input"`)
	require.Contains(t, lines[4], `"id":null`)
	require.Contains(t, lines[5], `{"id":{"n":5},"error":{"code":"invalid-input"`)
	require.Equal(t, `{"id":6,"type":"string","values":["a","b"]}`, lines[6])
}

// TestLongLine is a line that nobody should send, among others.
func TestLongLine(t *testing.T) {
	t.Parallel()
	in := `{"id":1,"expr":"` + strings.Repeat("x", maxLine) + `"}` + "\n" + `{"id":2,"expr":"2"}` + "\n"
	out, message, ok := rulelab(t, in, "eval", "-lines")
	require.True(t, ok, message)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], "longer than 64 MiB")
	require.Equal(t, `{"id":2,"type":"integer","value":2}`, lines[1])
}

func FuzzEvalLine(f *testing.F) {
	f.Add(`{"id":1,"expr":"[a]","attrs":{"a":["x",{"binary":"AA=="}]}}`)
	f.Add(`{"id":[1],"expr":"Len(%p%)","params":{"p":true}}`)
	f.Fuzz(func(t *testing.T, line string) {
		a := answerLine(line, nil, fixedNow)
		if (a.Error == nil) == (a.Type == "") {
			t.Fatal("neither an answer nor an error", a)
		}
	})
}
