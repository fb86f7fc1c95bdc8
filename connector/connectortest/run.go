package connectortest

import "testing"

// A rule is one test of the suite.
type rule struct {
	name string
	test func(f *fixture)
}

// Run tests the connector of the harness against the contract. Each test gets a directory
// of its own from [Harness.Open].
func Run(t *testing.T, h Harness) {
	h.validate(t)
	harness := h.withDefaults()
	groups := []struct {
		name  string
		rules []rule
	}{
		{"Declaration", declarationRules},
		{"FullImport", fullImportRules},
		{"Interruption", interruptionRules},
		{"Resume", resumeRules},
		{"DeltaImport", deltaRules},
		{"Watermark", watermarkRules},
		{"ReadObjects", readRules},
		{"Export", exportRules},
		{"ExportTrouble", exportTroubleRules},
		{"Preflight", preflightRules},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, r := range g.rules {
				t.Run(r.name, func(t *testing.T) { r.test(newFixture(t, harness)) })
			}
		})
	}
}
