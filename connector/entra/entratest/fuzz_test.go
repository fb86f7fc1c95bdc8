package entratest_test

import (
	"strings"
	"testing"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// FuzzFilter holds that no filter crashes the parser or the compiler, and
// that a filter and its negation never agree.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		"userPrincipalName eq 'a@b.c'", "startswith(displayName,'x') or not (accountEnabled eq true)",
		"proxyAddresses/any(p:p eq 'SMTP:a@b.c' or startswith(p,'x'))", "id in ('a','b')", "otherMails/$count ne 0",
		"createdDateTime le 2020-01-01T00:00:00Z", "a eq 'o''x'", "((((", "not not not x", "proxyAddresses/any(p:", "mail eq null and accountEnabled",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		match, ok := entratest.ParseFilterForTest(text)
		if !ok {
			return
		}
		negated, ok := entratest.ParseFilterForTest("not (" + text + ")")
		if !ok {
			return // too long or too deep by now
		}
		if match("a@b.c") == negated("a@b.c") {
			t.Errorf("%q and its negation agree", text)
		}
	})
}

// FuzzBatch holds that an accepted batch has one to twenty distinct ids.
func FuzzBatch(f *testing.F) {
	f.Add([]byte(`{"requests":[{"id":"1","method":"GET","url":"/users"}]}`))
	f.Add([]byte(`{"requests":[{"id":"1","method":"POST","url":"/users","headers":{"Content-Type":"application/json"},"body":{}},{"id":"2","method":"GET","url":"/x","dependsOn":["1"]}]}`))
	f.Add([]byte(`{"requests":[{"id":"1","dependsOn":["1"]}]}`))
	f.Add([]byte(`{"requests":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ids, ok := entratest.DecodeBatchForTest(body)
		if !ok {
			return
		}
		if len(ids) < 1 || len(ids) > 20 {
			t.Fatalf("accepted %d requests", len(ids))
		}
		seen := map[string]bool{}
		for _, id := range ids {
			if id == "" || seen[strings.ToLower(id)] {
				t.Fatalf("accepted the id %q twice or empty", id)
			}
			seen[strings.ToLower(id)] = true
		}
	})
}

// FuzzAssertion holds that what is accepted has the three parts of a JWS.
func FuzzAssertion(f *testing.F) {
	f.Add("eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCIsIng1dCNTMjU2IjoiQUEifQ.eyJhdWQiOiJhIiwiZXhwIjoxfQ.AAAA")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, compact string) {
		if entratest.ParseAssertionForTest(compact) && strings.Count(compact, ".") != 2 {
			t.Errorf("accepted %q", compact)
		}
	})
}
