package rules_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/rules"
)

func resolvedSchema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	var s jsonschema.Schema
	require.NoError(t, json.Unmarshal([]byte(rules.JSONSchema()), &s))
	r, err := s.Resolve(nil)
	require.NoError(t, err)
	return r
}

func asJSON(t *testing.T, src string) any {
	t.Helper()
	b, err := yaml.YAMLToJSON([]byte(src))
	require.NoError(t, err)
	var v any
	require.NoError(t, json.Unmarshal(b, &v))
	return v
}

func TestJSONSchemaAcceptsWhatIsWritten(t *testing.T) {
	t.Parallel()
	schema := resolvedSchema(t)
	for name, opts := range standardVariants {
		out, err := rules.MarshalYAML(&rules.File{Rules: rules.Standard(opts), Metaverse: rules.DefaultMetaverse(), Parameters: []string{"Own"}})
		require.NoError(t, err)
		require.NoError(t, schema.Validate(asJSON(t, string(out))), name)
	}
	require.NoError(t, schema.Validate(asJSON(t, strings.Replace(smallYAML, "ISNOTBITSET", "ISBITNOTSET", 1))))
}

func TestJSONSchemaRefusesWhatTheReaderRefuses(t *testing.T) {
	t.Parallel()
	schema := resolvedSchema(t)
	good := strings.Replace(smallYAML, "ISNOTBITSET", "ISBITNOTSET", 1)
	for _, change := range [][2]string{
		{"version: 1", "version: 2"}, {"    source: user", "    sauce: user"}, {"Inbound", "Sideways"}, {"Provision", "Glue"},
		{"ISBITNOTSET", "LIKE"}, {"merge: Replace", "merge: Blend"}, {"        source: title\n", ""},
		{"        source: title", "        source: title\n        constant: x"}, {"precedence: 50", "precedence: soon"},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		_, err := rules.ParseYAML(strings.NewReader(bad))
		require.Error(t, err, change[1])
		require.Error(t, schema.Validate(asJSON(t, bad)), change[1])
	}
}
