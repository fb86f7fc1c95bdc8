package entratest

import (
	"encoding/json"
	"strconv"
)

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			q, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...)
			}
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendValue appends the value as the property's type shows it.
func appendValue(b []byte, p *property, v any) []byte {
	if p.is(writeOnly) {
		return append(b, "null"...)
	}
	switch v := v.(type) {
	case string:
		return appendString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, s)
		}
		return append(b, ']')
	case map[string]string:
		return appendComplex(b, p, v)
	case json.RawMessage:
		if len(v) > 0 {
			return append(b, v...)
		}
	}
	switch {
	case p.typ == typeStrings || p.typ == typeRawList:
		return append(b, "[]"...)
	case p.typ == typeComplex && len(p.fields) == len(extensionFields()):
		return appendComplex(b, p, nil) // always an object, with null members
	}
	return append(b, "null"...)
}

func appendComplex(b []byte, p *property, v map[string]string) []byte {
	b = append(b, '{')
	for i, f := range p.fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, f)
		b = append(b, ':')
		if s, ok := v[f]; ok {
			b = appendString(b, s)
		} else {
			b = append(b, "null"...)
		}
	}
	return append(b, '}')
}

// appendProps appends the columns as members of an object that is already
// open. With setOnly it leaves out those that are unset, but for id.
func appendProps(b []byte, o *object, columns []*property, setOnly bool) []byte {
	for _, p := range columns {
		v := o.get(p)
		if setOnly && v == nil {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = appendString(b, p.name)
		b = append(b, ':')
		b = appendValue(b, p, v)
	}
	return b
}

// columnsFor returns the properties that a read shows: exactly the selected
// ones, or the default set without a selection.
func columnsFor(k *kind, selected []string) ([]*property, *failure) {
	if len(selected) == 0 {
		return k.defaults, nil
	}
	out := make([]*property, 0, len(selected))
	for _, name := range selected {
		if name == "*" {
			return k.props, nil
		}
		p := k.byName[name]
		if p == nil {
			return nil, misused(codeParse, "Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, k.name)
		}
		out = append(out, p)
	}
	return out, nil
}

// mixedColumns returns the columns of each kind that occurs in a list of
// directory objects, where a name need only exist on one of them.
func mixedColumns(c *catalog, selected []string) (map[*kind][]*property, *failure) {
	out := make(map[*kind][]*property, len(c.kinds))
	known := make(map[string]bool)
	for _, k := range c.kinds {
		if len(selected) == 0 {
			out[k] = k.defaults
			continue
		}
		for _, name := range selected {
			if p := k.byName[name]; p != nil {
				out[k] = append(out[k], p)
				known[name] = true
			}
		}
	}
	for _, name := range selected {
		if !known[name] {
			return nil, misused(codeParse, "Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.directoryObject'.", name)
		}
	}
	return out, nil
}

// appendTyped appends a whole object with its type, as lists of directory
// objects show it.
func appendTyped(b []byte, o *object, columns []*property) []byte {
	b = append(b, `{"@odata.type":`...)
	b = appendString(b, o.kind.odata())
	b = appendProps(b, o, columns, false)
	return append(b, '}')
}
