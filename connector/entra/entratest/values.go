package entratest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// edit is what a body asks of an object: plain values, and references under
// their annotation names.
type edit struct {
	vals     []value
	password bool
	binds    map[string][]string // relation to object ids, from members@odata.bind
}

func (e *edit) value(name string) (any, bool) {
	for _, v := range e.vals {
		if v.p.name == name {
			return v.v, true
		}
	}
	return nil, false
}

// str returns a string value of the edit; empty when absent.
func (e *edit) str(name string) string {
	v, _ := e.value(name)
	s, _ := v.(string)
	return s
}

func (e *edit) flag(name string) bool {
	v, _ := e.value(name)
	b, _ := v.(bool)
	return b
}

// parseEdit checks the members of a body against the kind: names, types,
// lengths, shapes and what is read-only everywhere. o is nil on creation.
func (s *state) parseEdit(k *kind, ms []member, o *object, srv *Server) (*edit, *failure) {
	e := &edit{binds: make(map[string][]string)}
	for _, m := range ms {
		if m.name == "@odata.type" || m.name == "@odata.context" {
			continue
		}
		if relation, ok := strings.CutSuffix(m.name, "@odata.bind"); ok && k.has(relation) && relation != "manager" {
			urls, ok := stringsOf(m.raw)
			if !ok {
				return nil, wrongType(m.name, "Collection(Edm.String)")
			}
			for _, u := range urls {
				id, ok := srv.referenceID(u)
				if !ok {
					return nil, misused(codeBadRequest, "Invalid object reference '%s'.", m.name)
				}
				e.binds[relation] = append(e.binds[relation], id)
			}
			continue
		}
		p := k.byName[m.name]
		if p == nil {
			return nil, misused(codeBadRequest, "Property '%s' does not exist as a declared property or extension property.", m.name)
		}
		if p.is(readOnly) || (p.is(createOnly) && o != nil) || (p.is(noPost) && o == nil) {
			return nil, isReadOnly(p)
		}
		v, f := decodeValue(p, m.raw, o)
		if f != nil {
			return nil, f
		}
		if p.name == "passwordProfile" {
			e.password = v != nil
		}
		e.vals = append(e.vals, value{p, v})
	}
	return e, nil
}

func wrongType(name, edm string) *failure {
	return misused(codeBadRequest, "Cannot convert the value of property '%s' to the expected type '%s'.", name, edm)
}

// decodeValue turns the JSON of one property into the value that is stored.
func decodeValue(p *property, raw json.RawMessage, o *object) (any, *failure) {
	if isNull(raw) {
		if p.is(noClear) || p.typ == typeStrings || p.name == "passwordProfile" {
			return nil, invalidValue(p.name, "The property cannot be null.")
		}
		return nil, nil
	}
	switch p.typ {
	case typeBool:
		b, ok := boolOf(raw)
		if !ok {
			return nil, wrongType(p.name, p.typ.edm())
		}
		return b, nil
	case typeInt:
		var n int64
		if json.Unmarshal(raw, &n) != nil {
			return nil, wrongType(p.name, p.typ.edm())
		}
		return n, nil
	case typeTime:
		text, ok := stringOf(raw)
		t, err := time.Parse(time.RFC3339, text)
		if !ok || err != nil {
			return nil, wrongType(p.name, p.typ.edm())
		}
		return t.UTC().Format(time.RFC3339), nil
	case typeStrings:
		list, ok := stringsOf(raw)
		if !ok {
			return nil, wrongType(p.name, p.typ.edm())
		}
		return list, checkList(p, list)
	case typeComplex:
		return decodeComplex(p, raw, o)
	case typeRaw:
		if _, err := decodeObject(raw); err != nil {
			return nil, wrongType(p.name, p.typ.edm())
		}
		return raw, nil
	case typeRawList:
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return nil, wrongType(p.name, p.typ.edm())
		}
		return raw, nil
	}
	text, ok := stringOf(raw)
	if !ok {
		return nil, wrongType(p.name, p.typ.edm())
	}
	return text, checkString(p, text)
}

func checkList(p *property, list []string) *failure {
	if p.maxItems > 0 && len(list) > p.maxItems {
		return invalidValue(p.name, "The collection holds more values than are allowed.")
	}
	for _, s := range list {
		if f := checkString(p, s); f != nil {
			return f
		}
	}
	return nil
}

func checkString(p *property, s string) *failure {
	if p.max > 0 && utf8.RuneCountInString(s) > p.max {
		return tooLong(p.name, p.max)
	}
	if s == "" {
		return invalidValue(p.name, "The value is empty; null clears a property.")
	}
	return nil
}

// decodeComplex merges the given members into the object's present value:
// absent members stay, null clears.
func decodeComplex(p *property, raw json.RawMessage, o *object) (any, *failure) {
	ms, err := decodeObject(raw)
	if err != nil {
		return nil, wrongType(p.name, p.typ.edm())
	}
	out := make(map[string]string)
	if o != nil {
		if was, ok := o.get(p).(map[string]string); ok {
			out = maps.Clone(was)
		}
	}
	for _, m := range ms {
		if m.name == "@odata.type" {
			continue
		}
		if !slices.Contains(p.fields, m.name) {
			return nil, misused(codeBadRequest, "Property '%s' does not exist on the complex type of '%s'.", m.name, p.name)
		}
		if isNull(m.raw) {
			delete(out, m.name)
			continue
		}
		text, ok := stringOf(m.raw)
		if !ok {
			return nil, wrongType(m.name, "Edm.String")
		}
		if utf8.RuneCountInString(text) > p.max && p.max > 0 {
			return nil, tooLong(m.name, p.max)
		}
		if text == "" {
			return nil, invalidValue(m.name, "The value is empty; null clears a property.")
		}
		out[m.name] = text
	}
	return out, nil
}

var (
	upnLocal   = regexp.MustCompile(`^[A-Za-z0-9'._!#^~-]{1,64}$`)
	mailForm   = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	twoLetters = regexp.MustCompile(`^[A-Z]{2}$`)
	nickname   = regexp.MustCompile(`^[\x21-\x7e]{1,64}$`)
)

// isASCII reports whether an address has no accented letters.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func checkMailNickname(s string) *failure {
	if !nickname.MatchString(s) || strings.ContainsAny(s, `@()\[]";:<>, `) {
		return invalidValue("mailNickname", "The value contains characters that are not allowed.")
	}
	return nil
}

func (s *state) domain(name string) *Domain {
	for i := range s.domains {
		if strings.EqualFold(s.domains[i].Name, name) {
			return &s.domains[i]
		}
	}
	return nil
}

// checkUPN checks form and domain of a userPrincipalName.
func (s *state) checkUPN(upn string) *failure {
	local, domain, ok := cutLast(upn, "@")
	if !ok || !upnLocal.MatchString(local) || strings.HasSuffix(local, ".") {
		return invalidValue("userPrincipalName", "The value contains characters that are not allowed, or is not of the form alias@domain.")
	}
	if s.domain(domain) == nil {
		f := badRequest("The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization.")
		f.details = []detail{{Code: "InvalidValue", Message: f.message, Target: "userPrincipalName"}}
		return f
	}
	return nil
}

func (s *state) federated(upn string) bool {
	_, domain, _ := cutLast(upn, "@")
	d := s.domain(domain)
	return d != nil && d.Federated
}

// passwordOK is the directory's complexity rule: eight to 256 characters of
// three of the four classes.
func passwordOK(p string) bool {
	n := utf8.RuneCountInString(p)
	if n < 8 || n > 256 {
		return false
	}
	var lower, upper, digit, other int
	for _, r := range p {
		switch {
		case r >= 'a' && r <= 'z':
			lower = 1
		case r >= 'A' && r <= 'Z':
			upper = 1
		case r >= '0' && r <= '9':
			digit = 1
		default:
			other = 1
		}
	}
	return lower+upper+digit+other >= 3
}

// checkPassword checks a passwordProfile, which has to hold a password on
// creation.
func checkPassword(raw json.RawMessage, required bool) *failure {
	ms, err := decodeObject(raw)
	if err != nil {
		return wrongType("passwordProfile", "microsoft.graph.passwordProfile")
	}
	password, given := "", required
	for _, m := range ms {
		switch m.name {
		case "password":
			var ok bool
			if password, ok = stringOf(m.raw); !ok {
				return wrongType("password", "Edm.String")
			}
			given = true
		case "forceChangePasswordNextSignIn", "forceChangePasswordNextSignInWithMfa":
			if _, ok := boolOf(m.raw); !ok {
				return wrongType(m.name, "Edm.Boolean")
			}
		case "@odata.type":
		default:
			return misused(codeBadRequest, "Property '%s' does not exist on type 'microsoft.graph.passwordProfile'.", m.name)
		}
	}
	if given && !passwordOK(password) {
		f := badRequest("The specified password does not comply with password complexity requirements. Please provide a different password.")
		f.details = []detail{{Code: "PasswordComplexityInsufficient", Message: f.message, Target: "passwordProfile"}}
		return f
	}
	return nil
}
