package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/rules"
)

// Group write-back is off unless a container is named, and compiles with any name of one.
func TestGroupWriteBackRules(t *testing.T) {
	t.Parallel()
	const name = "Out to AD - Group Write-back"
	count := func(container string) (n int) {
		set := compileStandard(t, rules.StandardOptions{AD: []rules.ADConnector{{Name: "a", GroupContainer: container}, {Name: "b"}}, Entra: "cloud"})
		for _, r := range set.Rules() {
			if r.Name == name {
				require.Equal(t, "a", r.Connector)
				n++
			}
		}
		return n
	}
	require.Zero(t, count(""))
	require.Equal(t, 1, count("OU=Cloud Groups,DC=contoso,DC=com"))
	require.Equal(t, 1, count(`OU=A \"quoted\" \\ one\, really,DC=contoso,DC=com`))
}
