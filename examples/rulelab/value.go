package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// attributes are the attributes of an object in a JSON file. Names are compared exactly,
// as in the language.
type attributes map[string][]attr.Value

// Values implements [expr.Source].
func (a attributes) Values(name string) ([]attr.Value, error) { return a[name], nil }

// UnmarshalJSON reads {"name": value}, where a value is text, a whole number, a truth
// value, {"binary": Base64}, {"reference": text}, or a list of these. null is no value.
func (a *attributes) UnmarshalJSON(src []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(src, &raw); err != nil {
		return err
	}
	*a = make(attributes, len(raw))
	for name, value := range raw {
		values, err := parseValues(value)
		if err != nil {
			return fmt.Errorf("attribute %q: %w", name, err)
		}
		if len(values) > 0 {
			(*a)[name] = values
		}
	}
	return nil
}

func parseValues(src json.RawMessage) ([]attr.Value, error) {
	var list []json.RawMessage
	switch text := strings.TrimSpace(string(src)); {
	case text == "null":
		return nil, nil
	case strings.HasPrefix(text, "["):
		if err := json.Unmarshal(src, &list); err != nil {
			return nil, err
		}
	default:
		list = []json.RawMessage{src}
	}
	values := make([]attr.Value, len(list))
	for i, item := range list {
		var err error
		if values[i], err = parseValue(item); err != nil {
			return nil, err
		}
	}
	return values, nil
}

var errNoValue = errors.New(`want text, a whole number, true, false, {"binary": Base64} or {"reference": text}`)

func parseValue(src json.RawMessage) (attr.Value, error) {
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return attr.Value{}, err
	}
	switch v := v.(type) {
	case string:
		return attr.String(v), nil
	case bool:
		return attr.Bool(v), nil
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil {
			return attr.Value{}, errors.New("the number is no whole number of 64 bits")
		}
		return attr.Int(n), nil
	case map[string]any:
		return parseObject(v)
	}
	return attr.Value{}, errNoValue
}

func parseObject(v map[string]any) (attr.Value, error) {
	if len(v) != 1 {
		return attr.Value{}, errNoValue
	}
	for key, inner := range v {
		text, ok := inner.(string)
		switch {
		case !ok:
		case key == "reference":
			return attr.Reference(text), nil
		case key == "binary":
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return attr.Value{}, errors.New("the binary is no Base64")
			}
			return attr.Binary(b), nil
		}
	}
	return attr.Value{}, errNoValue
}

// plainValue is the inverse of parseValue.
func plainValue(v attr.Value) any {
	switch v.Kind() {
	case attr.KindInt:
		return v.Int()
	case attr.KindBool:
		return v.Bool()
	case attr.KindBinary:
		return map[string]string{"binary": v.Text()}
	case attr.KindReference:
		return map[string]string{"reference": v.Str()}
	}
	return v.Str()
}

// parameters are the values of %name% in a JSON file.
type parameters rules.MapParameters

// UnmarshalJSON takes text, numbers and truth values: a parameter is text in the end.
func (p *parameters) UnmarshalJSON(src []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(src, &raw); err != nil {
		return err
	}
	*p = make(parameters, len(raw))
	for name, value := range raw {
		v, err := parseValue(value)
		if err != nil {
			return fmt.Errorf("parameter %q: %w", name, err)
		}
		(*p)[name] = v.Text()
	}
	return nil
}

// decode reads one JSON value and nothing else.
func decode(r io.Reader, into any) error {
	src, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return err
	}
	if len(src) > maxInput {
		return fmt.Errorf("the input is larger than %d MiB", maxInput>>20)
	}
	return json.Unmarshal(src, into)
}

// maxInput is the largest JSON input in octets.
const maxInput = 256 << 20

// answer is what an evaluation prints.
type answer struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Type   string          `json:"type,omitempty"`
	Value  any             `json:"value,omitempty"`
	Values []any           `json:"values,omitempty"`
	Error  *answerError    `json:"error,omitempty"`
}

type answerError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// put fills the answer from a result.
func (a *answer) put(r *expr.Result) {
	switch r.Kind {
	case expr.DateTime:
		a.Type = "datetime"
		for _, t := range r.Times() {
			a.Values = append(a.Values, t.Format(time.RFC3339Nano))
		}
		if !r.Multi {
			a.Value, a.Values = a.Values[0], nil
		}
	case expr.Values:
		if !r.Multi {
			a.Type, a.Value = r.Single.Kind().String(), bareValue(r.Single)
			return
		}
		a.putAll(r.Values)
	default:
		a.Type = r.Kind.String()
	}
}

// putAll fills the answer from several values. Where they are of several kinds, each says
// of which.
func (a *answer) putAll(values []attr.Value) {
	a.Type = values[0].Kind().String()
	for _, v := range values {
		if v.Kind() != values[0].Kind() {
			a.Type = "mixed"
		}
	}
	for _, v := range values {
		if a.Type == "mixed" {
			a.Values = append(a.Values, answer{Type: v.Kind().String(), Value: bareValue(v)})
		} else {
			a.Values = append(a.Values, bareValue(v))
		}
	}
}

func bareValue(v attr.Value) any {
	switch v.Kind() {
	case attr.KindInt:
		return v.Int()
	case attr.KindBool:
		return v.Bool()
	}
	return v.Text()
}
