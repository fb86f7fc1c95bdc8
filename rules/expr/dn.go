package expr

import (
	"strings"
	"unicode/utf8"
)

// findComponent returns the escaped value of a component of a DN. ok is false when the
// text is no DN.
func findComponent(dn string, number int64, fromRight, skipDomain bool) (raw string, found, ok bool) {
	total := int64(0)
	for rest := dn; rest != ""; {
		var name string
		if name, _, rest, ok = cutComponent(rest); !ok {
			return "", false, false
		}
		if !skipDomain || !strings.EqualFold(name, "dc") {
			total++
		}
	}
	if fromRight {
		number = total - number + 1
	}
	if number < 1 || number > total {
		return "", false, true
	}
	for rest := dn; rest != ""; {
		var name, value string
		name, value, rest, _ = cutComponent(rest)
		if skipDomain && strings.EqualFold(name, "dc") {
			continue
		}
		if number--; number == 0 {
			return value, true, true
		}
	}
	return "", false, true
}

// cutComponent cuts the first component off a DN. Of a component with several parts, as in
// cn=a+ou=b, it returns the first. The value keeps its escapes.
func cutComponent(dn string) (name, value, rest string, ok bool) {
	equal := strings.IndexByte(dn, '=')
	if equal < 0 {
		return "", "", "", false
	}
	name = strings.TrimSpace(dn[:equal])
	if name == "" || strings.ContainsAny(name, ",;+\\\"") {
		return "", "", "", false
	}
	end, plus, quoted := equal+1, -1, false
	for ; end < len(dn); end++ {
		switch c := dn[end]; {
		case c == '\\':
			end++ // whatever follows
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '+' && plus < 0:
			plus = end
		case c == ',' || c == ';':
			if rest = dn[end+1:]; strings.TrimSpace(rest) == "" {
				return "", "", "", false
			}
			return name, valueOf(dn[equal+1:end], plus-equal-1), rest, true
		}
	}
	if quoted || end > len(dn) {
		return "", "", "", false
	}
	return name, valueOf(dn[equal+1:], plus-equal-1), "", true
}

// valueOf cuts a component at its first plus sign, if there is one, and trims the spaces
// that are not escaped.
func valueOf(s string, plus int) string {
	if plus >= 0 {
		s = s[:plus]
	}
	s = strings.TrimLeft(s, " ")
	trimmed := strings.TrimRight(s, " ")
	backslashes := len(trimmed) - len(strings.TrimRight(trimmed, `\`))
	if len(trimmed) < len(s) && backslashes%2 == 1 {
		trimmed = s[:len(trimmed)+1] // the first of the spaces is escaped
	}
	if n := len(trimmed); n >= 2 && trimmed[0] == '"' && trimmed[n-1] == '"' {
		return trimmed[1 : n-1]
	}
	return trimmed
}

// unescapeComponent resolves escapes. Control characters keep theirs, so that rules can
// look for the \0A of replication conflicts.
func unescapeComponent(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		if i+2 < len(s) && isHexDigit(s[i+1]) && isHexDigit(s[i+2]) {
			if b := hexDigit(s[i+1])<<4 | hexDigit(s[i+2]); b >= ' ' && b != 0x7f {
				out = append(out, b)
			} else {
				out = append(out, s[i:i+3]...)
			}
			i += 2
			continue
		}
		i++
		out = append(out, s[i])
	}
	if !utf8.Valid(out) {
		return strings.ToValidUTF8(string(out), "\ufffd")
	}
	return string(out)
}

// escapeComponent escapes a value, or the value of name=value.
func escapeComponent(s string) string {
	start := 0
	if equal := strings.IndexByte(s, '='); equal > 0 && isAttributeType(s[:equal]) {
		start = equal + 1
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	b.WriteString(s[:start])
	value := s[start:]
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case strings.IndexByte(",=+<>#;\\\"", c) >= 0,
			c == ' ' && (i == 0 || i == len(value)-1):
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			b.WriteByte('\\')
			b.WriteString(upperHex(value[i : i+1]))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isAttributeType reports whether s can be the name in a component: letters, digits and
// hyphens, or an OID.
func isAttributeType(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !isDigit(c) && c != '-' && c != '.' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return s != ""
}
