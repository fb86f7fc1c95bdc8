package metaversetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// An attribute is an entry of a set, as comparisons see it.
type attribute struct {
	Name   string
	Values []attr.Value
}

// sameContent compares what stores return: nil and empty are the same, times are points in
// time, and sets have the same names, spelled alike, with the same values in the same order.
func sameContent() cmp.Options {
	return cmp.Options{
		cmpopts.EquateEmpty(),
		cmp.Comparer(func(a, b attr.Value) bool { return a == b }),
		cmp.Comparer(func(a, b connector.Anchor) bool { return a == b }),
		cmp.Transformer("attributes", func(s attr.Set) (out []attribute) {
			for name, values := range s.All() {
				out = append(out, attribute{name, values})
			}
			return out
		}),
	}
}

func requireSame(t require.TestingT, want, got any, rule string) {
	if h, ok := t.(testing.TB); ok {
		h.Helper()
	}
	if diff := cmp.Diff(want, got, sameContent()); diff != "" {
		require.Fail(t, rule, "-want +got\n%s", diff)
	}
}
