package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/rules"
)

// Device write-back is off unless a container is named, and is for that forest alone.
func TestDeviceWriteBackRules(t *testing.T) {
	t.Parallel()
	names := func(container string) (out []string) {
		set := compileStandard(t, rules.StandardOptions{AD: []rules.ADConnector{{Name: "a", DeviceContainer: container}, {Name: "b"}}, Entra: "cloud"})
		for _, r := range set.Rules() {
			if r.SourceType == "device" {
				out = append(out, r.Connector+" "+r.Name)
			}
		}
		return out
	}
	require.Empty(t, names(""))
	require.Equal(t, []string{"cloud In from AAD - Device Write-back", "a Out to AD - Device Write-back"}, names(`CN=A \"quoted\" \\ one\, really,DC=contoso,DC=com`))
}
