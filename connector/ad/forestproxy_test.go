package ad

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseProxied(t *testing.T) {
	t.Parallel()
	const id = "000102030405060708090a0b0c0d0e0f"
	m, ok := parseProxied("B:16:0000000000000002:<GUID=" + id + ">;<SID=0105>;CN=a\\, b,DC=x")
	require.True(t, ok)
	require.Equal(t, `CN=a\, b,DC=x`, m.dn)
	require.Equal(t, byte(15), m.guid[15])
	require.Equal(t, "0000000000000002", m.epoch)
	for _, bad := range []string{"", "B:16", "B:16:0000000100000000:<GUID=" + id + ">;CN=a", "B:16:0000000000000000:CN=a", "B:16:0000000000000000:<GUID=00>;CN=a", "S:16:0000000000000000:<GUID=" + id + ">;CN=a"} {
		_, ok := parseProxied(bad)
		require.False(t, ok, bad)
	}
}

func FuzzParseProxied(f *testing.F) {
	f.Add("B:16:0000000000000002:<GUID=000102030405060708090a0b0c0d0e0f>;<SID=0105>;CN=a,DC=x")
	f.Add("B:16:0000000000000002:<GUID=")
	f.Fuzz(func(_ *testing.T, value string) { parseProxied(value) })
}
