package connector_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

func TestSchemaLookUp(t *testing.T) {
	t.Parallel()
	s := &connector.Schema{
		Classes:    []connector.Class{{Name: "user"}, {Name: "group"}},
		Attributes: []connector.Attribute{{Name: "displayName"}},
	}
	c, ok := s.Class("GROUP")
	require.True(t, ok)
	require.Same(t, &s.Classes[1], c)
	_, ok = s.Class("contact")
	require.False(t, ok)
	a, ok := s.Attribute("displayname")
	require.True(t, ok)
	require.Same(t, &s.Attributes[0], a)
	_, ok = s.Attribute("mail")
	require.False(t, ok)
}

func TestOpenOptionsLog(t *testing.T) {
	t.Parallel()
	require.NotNil(t, connector.OpenOptions{}.Log())
	require.False(t, connector.OpenOptions{}.Log().Enabled(t.Context(), slog.LevelError), "without a logger nothing is logged")
	l := slog.Default()
	require.Same(t, l, connector.OpenOptions{Logger: l}.Log())
}
