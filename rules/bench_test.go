package rules_test

import (
	"testing"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// BenchmarkStandardUser is what one user costs a synchronisation: scope, inbound flows,
// scope again, outbound flows.
func BenchmarkStandardUser(b *testing.B) {
	set := compileStandard(b, rules.StandardOptions{AD: []rules.ADConnector{{Name: "corp", Exchange: true, Lync: true}}, Entra: "cloud"})
	subject := adUser(nil)
	contributions := []rules.Contribution{{Connector: "corp", Subject: subject}}
	none := &attr.Set{}
	b.ReportAllocs()
	for b.Loop() {
		scope, err := set.InScope(b.Context(), rules.Inbound, "corp", subject)
		if err != nil {
			b.Fatal(err)
		}
		contributions[0].Rules = scope
		in := set.Inbound(b.Context(), "person", contributions, none, now)
		person := rules.Subject{Class: "person", Attributes: &in.Values, New: true}
		if scope, err = set.InScope(b.Context(), rules.Outbound, "cloud", &person); err != nil {
			b.Fatal(err)
		}
		out := set.Outbound(b.Context(), "cloud", "user", scope, &person, none, now)
		if len(out.Errors) > 0 || out.Values.Len() < 25 {
			b.Fatal("the rules did not do their work", out.Errors, out.Values)
		}
	}
}

// BenchmarkScope is one pass over the conditions of all inbound rules.
func BenchmarkScope(b *testing.B) {
	set := compileStandard(b, rules.StandardOptions{AD: []rules.ADConnector{{Name: "corp", Exchange: true, Lync: true}}, Entra: "cloud"})
	subject := adUser(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := set.InScope(b.Context(), rules.Inbound, "corp", subject); err != nil {
			b.Fatal(err)
		}
	}
}
