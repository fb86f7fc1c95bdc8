package rules

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
)

func base64Decode(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

// hash digests everything that evaluation depends on.
func (c *compiler) hash() string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	put := func(v any) {
		// Plain structures of strings and numbers always encode, and a hash takes all.
		_ = enc.Encode(v)
	}
	put("hybridsync rules 1")
	put(c.set.metaverse)
	for _, r := range c.set.rules {
		put(meaningOf(r))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A meaning is a rule in the form in which rules are compared: without what people read,
// without white space in expressions, in an order of its own where order does not matter.
type meaning struct {
	Head   []string
	Number []int64
	Flags  []bool
	Scope  [][]ScopeCondition
	Join   []JoinGroup
	Flows  []string
}

func meaningOf(r *CompiledRule) meaning {
	m := meaning{
		Head:   []string{r.ID, attr.Fold(r.Connector), attr.Fold(r.SourceType), attr.Fold(r.TargetType)},
		Number: []int64{int64(r.Direction), int64(r.LinkType), int64(r.Precedence), int64(r.SoftDeleteExpiry)},
		Flags:  []bool{r.PasswordSync},
		Join:   r.Join,
	}
	for _, g := range r.scope {
		var conditions []ScopeCondition
		for i := range g {
			conditions = append(conditions, g[i].source)
		}
		m.Scope = append(m.Scope, conditions)
	}
	for _, f := range r.flows {
		m.Flows = append(m.Flows, f.meaning())
	}
	slices.Sort(m.Flows)
	return m
}

// meaning returns the flow as text that is the same for flows that do the same.
func (f *flow) meaning() string {
	parts := []string{attr.Fold(f.target), mergeNames[f.source.Merge], ""}
	if f.once {
		parts[2] = "once"
	}
	switch {
	case f.program != nil:
		parts = append(parts, "expression", f.program.Normalized())
	case f.constant != nil:
		parts = append(parts, "constant", f.constant[0].Kind().String(), f.constant[0].Text())
	default:
		parts = append(parts, "direct", attr.Fold(f.source.Source[0]))
	}
	return strings.Join(parts, "\x00")
}
