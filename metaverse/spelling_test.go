package metaverse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/rules"
)

// Names of attributes are compared without regard to case, those of references, too: what a rule
// spells in its own way flows all the same, also when the spelling changes.
func TestSpellingOfReferenceAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	respell := func(member, manager string) {
		for i := range w.rules {
			flows := append([]rules.Flow(nil), w.rules[i].Flows...)
			for j, f := range flows {
				switch strings.ToLower(f.Target) {
				case "member":
					flows[j] = direct(member, member)
				case "manager":
					flows[j] = direct(manager, manager)
				}
			}
			w.rules[i].Flows = flows
		}
		w.reload()
	}
	respell("MEMBER", "Manager")
	w.group(1)
	for i := range 4 {
		w.user(i)
	}
	w.join(1, userDN(1), userDN(2))
	w.initial()
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Equal(t, []string{"->E1", "->E2"}, w.members("G1"))

	respell("Member", "MANAGER")
	w.join(1, userDN(3))
	w.settle()
	require.Equal(t, []string{"->E1", "->E2", "->E3"}, w.members("G1"))
	require.Zero(t, w.initial().Objects)
}
