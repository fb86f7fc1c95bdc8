package entratest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

var errBody = errors.New("malformed JSON object")

// decodeObject parses one JSON object without repeated members and nothing
// behind it.
func decodeObject(b []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errBody
	}
	var out []member
	seen := make(map[string]bool)
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, errBody
		}
		name, ok := t.(string)
		if !ok || seen[name] {
			return nil, errBody
		}
		seen[name] = true
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, errBody
		}
		out = append(out, member{name, raw})
	}
	if _, err := dec.Token(); err != nil {
		return nil, errBody
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errBody
	}
	return out, nil
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }

func stringOf(raw json.RawMessage) (string, bool) {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

func stringsOf(raw json.RawMessage) ([]string, bool) {
	var l []*string
	if json.Unmarshal(raw, &l) != nil || l == nil {
		return nil, false
	}
	out := make([]string, len(l))
	for i, s := range l {
		if s == nil {
			return nil, false
		}
		out[i] = *s
	}
	return out, true
}

func boolOf(raw json.RawMessage) (value, ok bool) {
	var b *bool
	if json.Unmarshal(raw, &b) != nil || b == nil {
		return false, false
	}
	return *b, true
}
