package connectortest

import (
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

var preflightRules = []rule{
	{"what the connector can do is found possible", preflightClean},
}

func preflightClean(f *fixture) {
	f.need(f.caps.Preflight, "preflight")
	needs := connector.Needs{
		Import: f.caps.FullImport, Delta: f.caps.DeltaImport, Export: f.caps.Export,
		Classes:    []string{f.h.User.Name, f.h.Group.Name},
		Attributes: []string{f.h.User.Single, f.h.Group.Members},
	}
	if f.caps.Export {
		needs.Write = needs.Attributes
	}
	findings, err := capability[connector.Preflighter](f, f.session()).Preflight(f.Context(), needs)
	require.NoError(f, err, "the preflight check can be made")
	for _, found := range findings {
		require.NotEqualf(f, connector.Failure, found.Severity, "a directory on which the suite can work passes the preflight check: %s: %s", found.Code, found.Message)
		require.NotEmpty(f, found.Message, "a finding says what was found")
		require.NotEmptyf(f, found.Code, "a finding has an error name: %s", found.Message)
	}
}
