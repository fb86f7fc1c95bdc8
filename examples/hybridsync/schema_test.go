package main

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write hybridsync.schema.json anew")

// schemaOf describes a type of the configuration. Its descriptions are the comments beside
// the fields.
func schemaOf(t *testing.T, typ reflect.Type, comments map[string]string) map[string]any {
	t.Helper()
	switch {
	case typ == reflect.TypeFor[secretValue]():
		return map[string]any{"type": "string"}
	case typ == reflect.TypeFor[duration]():
		return map[string]any{"type": "string", "pattern": `^-?([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$`}
	}
	switch typ.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t, typ.Elem(), comments)}
	case reflect.Struct:
		properties := make(map[string]any)
		for f := range typ.Fields() {
			if name := yamlName(f); name != "" {
				p := schemaOf(t, f.Type, comments)
				if text := comments[typ.Name()+"."+f.Name]; text != "" {
					p["description"] = text
				}
				properties[name] = p
			}
		}
		return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	}
	t.Fatalf("the configuration has a field of type %v", typ)
	return nil
}

// fieldComments reads the comments beside the fields of the configuration's types.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	var source []byte
	for _, file := range []string{"config.go", "identity.go"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		source = append(source, text...)
	}
	types, field := regexp.MustCompile(`^type (\w+) struct`), regexp.MustCompile("^\t(\\w+)\\s.*`\\s+// (.*)$")
	out, current := make(map[string]string), ""
	for line := range strings.Lines(string(source)) {
		line = strings.TrimSuffix(line, "\n")
		if m := types.FindStringSubmatch(line); m != nil {
			current = m[1]
		}
		if m := field.FindStringSubmatch(line); m != nil {
			out[current+"."+m[1]] = m[2]
		}
	}
	return out
}

// The published schema is that of the structs: an editor that knows it knows every key.
func TestSchemaIsThatOfTheConfiguration(t *testing.T) {
	t.Parallel()
	s := schemaOf(t, reflect.TypeFor[config](), fieldComments(t))
	s["$schema"], s["title"] = "https://json-schema.org/draft/2020-12/schema", "hybridsync configuration"
	s["required"] = []string{"directories", "tenant"}
	want, err := json.MarshalIndent(s, "", "  ")
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("hybridsync.schema.json", append(want, '\n'), 0o644)) //nolint:gosec // it is published
		return
	}
	require.JSONEq(t, string(want), configSchema, "run go test -run Schema -update")
}

// What the program takes, the schema takes; a key that the program refuses, the schema refuses.
func TestSchemaTakesWhatTheProgramTakes(t *testing.T) {
	t.Parallel()
	var parsed jsonschema.Schema
	require.NoError(t, json.Unmarshal([]byte(configSchema), &parsed))
	resolved, err := parsed.Resolve(nil)
	require.NoError(t, err)
	valid := func(file string) error {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var v any
		require.NoError(t, yaml.Unmarshal(data, &v))
		text, err := json.Marshal(v)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &v))
		return resolved.Validate(v)
	}
	require.NoError(t, valid("deploy/hybridsync.yaml"))
	b := newBench(t)
	b.values["more"] = "schedule: {interval: 5m, jitter: 30s}\nsafety: {deletion_threshold: 7}\n"
	require.NoError(t, valid(b.configure()))
	b.values["more"] = "limits: {}\n"
	require.Error(t, valid(b.configure()))
	b.values["more"] = "schedule: {interval: often}\n"
	require.Error(t, valid(b.configure()))
}
