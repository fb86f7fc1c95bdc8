package rules

import (
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// JoinKey returns the text under which a value is indexed for joins. Texts that differ
// only in case share a key; whoever looks up case-sensitively compares the values found.
func JoinKey(v attr.Value) string {
	switch v.Kind() {
	case attr.KindString, attr.KindReference:
		return "s" + strings.ToLower(v.Str())
	case attr.KindBinary:
		return "b" + v.Str()
	case attr.KindInt, attr.KindBool:
		return "i" + v.Text()
	default:
		return ""
	}
}
