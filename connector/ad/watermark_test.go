package ad

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

func TestWatermark(t *testing.T) {
	t.Parallel()
	parts := []partition{{id: "p1"}, {id: "p2"}}
	made := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	w := watermark{Version: 1, Host: "dc1", Invocation: "i", Selection: "s", Time: made.Unix(), ObjectSecurity: true,
		Narrowed: narrowing{Classes: []string{"group", "user"}}, Cookies: map[string][]byte{"p1": {1}, "p2": {2}}}
	text, err := w.encode()
	require.NoError(t, err)
	got, err := parseWatermark(text)
	require.NoError(t, err)
	require.Equal(t, w, got)

	group := narrowing{Classes: []string{"group"}}
	const life = 60 * 24 * time.Hour
	require.NoError(t, got.check("s", group, parts, made.Add(life), life))
	require.NoError(t, got.check("s", group, parts, time.Time{}, life), "a server that does not tell the time")
	for name, err := range map[string]error{
		"selection":        got.check("other", group, parts, made, life),
		"all classes":      got.check("s", narrowing{}, parts, made, life),
		"another class":    got.check("s", narrowing{Classes: []string{"contact"}}, parts, made, life),
		"fewer partitions": got.check("s", group, parts[:1], made, life),
		"other partitions": got.check("s", group, []partition{{id: "p1"}, {id: "p3"}}, made, life),
		"too old":          got.check("s", group, parts, made.Add(life+time.Second), life),
	} {
		require.ErrorIs(t, err, connector.ErrWatermarkExpired, name)
	}
	for _, bad := range []string{
		"", "null", "[]", "{}", string(text) + "x", string(text) + "{}", strings.Replace(string(text), `"v":1`, `"v":2`, 1),
		strings.Replace(string(text), `"host"`, `"hosts"`, 1), `{"v":1,"selection":"s","cookies":{}}`, `{"v":1,"selection":"s","cookies":{"p":""}}`,
	} {
		_, err := parseWatermark(connector.Watermark(bad))
		require.ErrorIs(t, err, connector.ErrWatermarkExpired, bad)
	}
}

func FuzzWatermark(f *testing.F) {
	f.Add([]byte(`{"v":1,"selection":"s","cookies":{"p":"AA=="}}`))
	f.Add([]byte(`{"v":1,"host":"h","invocation":"i","selection":"s","narrowed":{"classes":["user"]},"objectSecurity":true,"time":5,"cookies":{"p":"AA=="}}`))
	f.Add([]byte(`{"v":1e1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		w, err := parseWatermark(text)
		if err != nil {
			require.ErrorIs(t, err, connector.ErrWatermarkExpired)
			return
		}
		out, err := w.encode()
		require.NoError(t, err)
		again, err := parseWatermark(out)
		require.NoError(t, err)
		require.Equal(t, w.Cookies, again.Cookies)
	})
}
