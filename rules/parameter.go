package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// parameterPattern finds %Name% in the value of a scope condition.
var parameterPattern = regexp.MustCompile(`%[A-Za-z_][A-Za-z0-9_.]*%`)

// StandardParameters returns the parameters that every connector supplies, in order:
// names of domain and forest, the connector, and the constants of Active Directory.
// Connectors may supply more.
func StandardParameters() []string {
	names := []string{
		"Domain.Netbios", "Domain.FQDN", "Domain.LDAP", "Forest.Netbios", "Forest.FQDN", "Forest.LDAP", "Connector.ID",
	}
	for name := range DirectoryConstants() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// DirectoryConstants returns the constants that Active Directory connectors carry as
// parameters. The result is the caller's own.
func DirectoryConstants() MapParameters {
	return MapParameters{
		"ADS_UF_ACCOUNTDISABLE":             "0x2",
		"ADS_GROUP_TYPE_GLOBAL_GROUP":       "0x2",
		"ADS_GROUP_TYPE_DOMAIN_LOCAL_GROUP": "0x4",
		"ADS_GROUP_TYPE_LOCAL_GROUP":        "0x4",
		"ADS_GROUP_TYPE_UNIVERSAL_GROUP":    "0x8",
		"ADS_GROUP_TYPE_SECURITY_ENABLED":   "0x80000000",
	}
}

// parametersIn returns the names of the parameters in the text.
func parametersIn(text string) (names []string) {
	if !strings.Contains(text, "%") {
		return nil
	}
	for _, m := range parameterPattern.FindAllString(text, -1) {
		names = append(names, m[1:len(m)-1])
	}
	return names
}

// expandParameters replaces %Name% by its value.
func expandParameters(text string, lookup func(string) (string, bool)) (string, error) {
	var missing string
	out := parameterPattern.ReplaceAllStringFunc(text, func(m string) string {
		value, ok := lookup(m[1 : len(m)-1])
		if !ok && missing == "" {
			missing = m
		}
		return value
	})
	if missing != "" {
		return "", fmt.Errorf("there is no parameter %s", missing)
	}
	return out, nil
}
