package ad

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

func TestForestMark(t *testing.T) {
	t.Parallel()
	own, err := watermark{Selection: "s", Cookies: map[string][]byte{"p1": {1}}}.encode()
	require.NoError(t, err)
	text, err := forestMark{Domains: map[string]json.RawMessage{"p1": json.RawMessage(own)}}.encode()
	require.NoError(t, err)
	got, err := parseForestMark(text)
	require.NoError(t, err)
	require.JSONEq(t, string(own), string(got.of([]partition{{id: "p1"}})))
	require.Nil(t, got.of([]partition{{id: "p2"}}))
	require.Nil(t, forestMark{}.of([]partition{{id: "p2"}}))
	_, err = parseWatermark(text)
	require.ErrorIs(t, err, connector.ErrWatermarkExpired, "it is not the watermark of a single domain")
	for _, bad := range []string{"", "null", "[]", "{}", string(text) + "x", string(text) + "{}", string(own),
		strings.Replace(string(text), `"forestVersion":1`, `"forestVersion":2`, 1), `{"forestVersion":1,"domains":{}}`,
		strings.Replace(string(text), `"domains"`, `"domain"`, 1), strings.Repeat(" ", maxForestMark) + string(text)} {
		_, err := parseForestMark(connector.Watermark(bad))
		require.ErrorIs(t, err, connector.ErrWatermarkExpired)
	}
	_, err = forestMark{Domains: map[string]json.RawMessage{"p": json.RawMessage(`"` + strings.Repeat("x", maxForestMark) + `"`)}}.encode()
	require.Error(t, err)
}

func TestDoubts(t *testing.T) {
	t.Parallel()
	d := doubts{referrers: map[guid]struct{}{{1}: {}, {2, 3}: {}}, unsettled: 1}
	got, err := parseDoubts(d.encode(), 1)
	require.NoError(t, err)
	require.Equal(t, d, got)
	require.Empty(t, doubts{}.encode())
	_, err = parseDoubts(d.encode()[1:], 0)
	require.ErrorIs(t, err, connector.ErrWatermarkExpired)
}

func FuzzForestMark(f *testing.F) {
	f.Add([]byte(`{"forestVersion":1,"domains":{"p":{"v":1,"selection":"s","cookies":{"p":"AA=="}}}}`))
	f.Add([]byte(`{"forestVersion":1,"domains":{"p":{}},"doubtful":"AAAAAAAAAAAAAAAAAAAAAA==","unsettled":2}`))
	f.Add([]byte(`{"forestVersion":1,"domains":{"p":null,"q":[1,{"a":{}}]}}`))
	f.Add([]byte(`{"v":1,"selection":"s","cookies":{"p":"AA=="}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		marks, err := parseForestMark(text)
		if err != nil {
			require.ErrorIs(t, err, connector.ErrWatermarkExpired)
			return
		}
		for _, own := range marks.Domains {
			if _, err := parseWatermark(connector.Watermark(own)); err != nil {
				require.ErrorIs(t, err, connector.ErrWatermarkExpired)
			}
		}
		out, err := marks.encode()
		require.NoError(t, err)
		again, err := parseForestMark(out)
		require.NoError(t, err)
		same, err := again.encode()
		require.NoError(t, err)
		require.Equal(t, out, same, "what was written by us comes back as it was")
	})
}
