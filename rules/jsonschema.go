package rules

import _ "embed"

//go:embed rules.schema.json
var schemaJSON string

// JSONSchema returns the JSON Schema (draft 2020-12) of the files that [ParseYAML] reads,
// for editors and other programs. It is the file rules.schema.json of this package.
func JSONSchema() string { return schemaJSON }
