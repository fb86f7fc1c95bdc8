package rules

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// The comparison of a condition, without its negation.
type comparison uint8

const (
	cmpEqual comparison = iota + 1
	cmpLess
	cmpLessOrEqual
	cmpGreater
	cmpGreaterOrEqual
	cmpContains
	cmpStartsWith
	cmpEndsWith
	cmpNull
	cmpBitSet
	cmpMemberOf
)

// operators says what each operator compares and whether it is negated. A negated operator
// is true exactly when the plain one is false, hence true for absent attributes.
var operators = map[Operator]struct {
	compare comparison
	negated bool
}{
	Equal: {cmpEqual, false}, NotEqual: {cmpEqual, true},
	IsIn: {cmpEqual, false}, IsNotIn: {cmpEqual, true},
	LessThan: {cmpLess, false}, LessThanOrEqual: {cmpLessOrEqual, false},
	GreaterThan: {cmpGreater, false}, GreaterThanOrEqual: {cmpGreaterOrEqual, false},
	Contains: {cmpContains, false}, NotContains: {cmpContains, true},
	StartsWith: {cmpStartsWith, false}, NotStartsWith: {cmpStartsWith, true},
	EndsWith: {cmpEndsWith, false}, NotEndsWith: {cmpEndsWith, true},
	IsNull: {cmpNull, false}, IsNotNull: {cmpNull, true},
	IsBitSet: {cmpBitSet, false}, IsBitNotSet: {cmpBitSet, true},
	IsMemberOf: {cmpMemberOf, false}, IsNotMemberOf: {cmpMemberOf, true},
}

// ParseOperator returns the operator with that spelling, without regard to case. The
// spelling ISNOTBITSET of Microsoft's documents is read as ISBITNOTSET, which is what its
// tools write.
func ParseOperator(s string) (Operator, error) {
	op := Operator(strings.ToUpper(strings.TrimSpace(s)))
	if op == "ISNOTBITSET" {
		op = IsBitNotSet
	}
	if _, ok := operators[op]; !ok {
		return "", fmt.Errorf("unknown operator %q", s)
	}
	return op, nil
}

// A condition is a compiled [ScopeCondition].
type condition struct {
	slot    int
	compare comparison
	negated bool
	operand operand
	dynamic bool // the value holds parameters
	source  ScopeCondition
}

// An operand is the value of a condition in every form that it may be compared in.
type operand struct {
	text    string // in lower case
	raw     string
	num     int64
	isNum   bool
	truth   bool
	isTruth bool
}

func newOperand(s string) operand {
	o := operand{raw: s, text: strings.ToLower(s)}
	o.num, o.isNum = parseInt(s)
	switch o.text {
	case "true", "1":
		o.truth, o.isTruth = true, true
	case "false", "0":
		o.isTruth = true
	}
	return o
}

// parseInt reads decimal numbers and, as parameters hold them, hexadecimal ones.
func parseInt(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	if len(s) > 2 && (strings.EqualFold(s[:2], "0x") || strings.EqualFold(s[:2], "&h")) {
		n, err := strconv.ParseUint(s[2:], 16, 64)
		return int64(n), err == nil
	}
	return 0, false
}

// holds reports whether the subject is in the rule's scope. failed is, for a rule that does
// not hold, the first failing condition of the group that got furthest.
func (r *CompiledRule) holds(v *view) (ok bool, failed *condition, err error) {
	if len(r.scope) == 0 {
		return true, nil, nil
	}
	best := -1
	for _, group := range r.scope {
		at, err := firstFalse(group, v)
		if err != nil {
			err.Rule = r
			return false, nil, err
		}
		if at < 0 {
			return true, nil, nil
		}
		if at > best {
			best, failed = at, &group[at]
		}
	}
	return false, failed, nil
}

// firstFalse returns the index of the first condition that does not hold, -1 for none.
func firstFalse(group []condition, v *view) (int, *FlowError) {
	for i := range group {
		ok, err := group[i].eval(v)
		if err != nil {
			return 0, err
		}
		if !ok {
			return i, nil
		}
	}
	return -1, nil
}

func (c *condition) eval(v *view) (bool, *FlowError) {
	operand := &c.operand
	if c.dynamic {
		text, err := expandParameters(c.source.Value, v.parameter)
		if err != nil {
			return false, &FlowError{Attribute: c.source.Attribute, Code: CodeParameter, Err: err}
		}
		o := newOperand(text)
		operand = &o
	}
	ok, err := c.plain(v, operand)
	if err != nil {
		return false, &FlowError{Attribute: c.source.Attribute, Code: CodeSource, Err: err}
	}
	return ok != c.negated, nil
}

// plain evaluates the condition without its negation.
func (c *condition) plain(v *view, o *operand) (bool, error) {
	switch c.compare {
	case cmpNull:
		n, err := v.size(c.slot)
		return n == 0, err
	case cmpMemberOf:
		if v.subject.References == nil {
			return false, nil
		}
		return v.subject.References.MemberOf(o.raw)
	}
	values, err := v.read(c.slot)
	if err != nil {
		return false, err
	}
	for _, value := range values {
		if c.compare.matches(value, o) {
			return true, nil
		}
	}
	return false, nil
}

func (c comparison) matches(v attr.Value, o *operand) bool {
	switch c {
	case cmpEqual:
		return equalOperand(v, o)
	case cmpContains:
		return strings.Contains(strings.ToLower(v.Text()), o.text)
	case cmpStartsWith:
		return hasPrefixFold(v.Text(), o.text)
	case cmpEndsWith:
		return strings.HasSuffix(strings.ToLower(v.Text()), o.text)
	case cmpBitSet:
		n, ok := numberOf(v)
		return ok && o.isNum && n&o.num != 0
	}
	order, ok := compareOperand(v, o)
	if !ok {
		return false
	}
	switch c {
	case cmpLess:
		return order < 0
	case cmpLessOrEqual:
		return order <= 0
	case cmpGreater:
		return order > 0
	default:
		return order >= 0
	}
}

// hasPrefixFold avoids the allocation of lowering a long ASCII text.
func hasPrefixFold(s, prefix string) bool {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return true
	}
	return strings.HasPrefix(strings.ToLower(s), prefix)
}

func equalOperand(v attr.Value, o *operand) bool {
	switch v.Kind() {
	case attr.KindInt:
		return o.isNum && v.Int() == o.num
	case attr.KindBool:
		return o.isTruth && v.Bool() == o.truth
	case attr.KindBinary:
		return equalBinary(v.Str(), o.raw)
	default:
		return strings.EqualFold(v.Str(), o.raw)
	}
}

// equalBinary takes the value in Base64 or, for 16 octets, as a GUID.
func equalBinary(octets, text string) bool {
	if len(text) == base64.StdEncoding.EncodedLen(len(octets)) {
		return base64.StdEncoding.EncodeToString([]byte(octets)) == text
	}
	text = strings.Trim(text, "{}")
	if len(octets) != 16 || len(text) != 36 {
		return false
	}
	// The first three fields of a GUID are stored with the low octet first.
	o := octets
	guid := fmt.Sprintf("%x-%x-%x-%x-%x", reversed(o[:4]), reversed(o[4:6]), reversed(o[6:8]), o[8:10], o[10:])
	return strings.EqualFold(guid, text)
}

func reversed(s string) []byte {
	b := []byte(s)
	slices.Reverse(b)
	return b
}

// compareOperand orders a value and the operand: numerically when both are numbers, else
// as text without regard to case. ok is false where there is no order.
func compareOperand(v attr.Value, o *operand) (order int, ok bool) {
	if n, isNum := numberOf(v); isNum && o.isNum {
		switch {
		case n < o.num:
			return -1, true
		case n > o.num:
			return 1, true
		}
		return 0, true
	}
	if v.Kind() != attr.KindString {
		return 0, false
	}
	return strings.Compare(strings.ToLower(v.Str()), o.text), true
}

func numberOf(v attr.Value) (int64, bool) {
	switch v.Kind() {
	case attr.KindInt:
		return v.Int(), true
	case attr.KindString:
		return parseInt(v.Str())
	default:
		return 0, false
	}
}
