package ad_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

// A pair is a domain with two domain controllers of which the first can be cut off.
type pair struct {
	one, two *adtest.Server
	down     atomic.Bool // the first
	now      atomic.Int64
	options  ad.Options
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{}
	p.now.Store(1_800_000_000)
	p.one = adtest.NewServer(t, &adtest.Options{Clock: func() time.Time { return time.Unix(p.now.Load(), 0) }})
	p.two = adtest.NewReplica(t, p.one)
	for i := range 20 {
		p.one.Must(p.one.AddUser(fmt.Sprint("user", i), nil))
	}
	p.options = mockOptions(p.one)
	p.options.URLs = []string{p.one.URL(), p.two.URL()}
	p.options.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if p.down.Load() && strings.HasSuffix(p.one.URL(), address) {
			return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return p
}

func (p *pair) cut(t *testing.T, off bool) {
	t.Helper()
	p.down.Store(off)
	p.one.Faults().DropConnections()
}

func tryDelta(t *testing.T, s connector.Session, v *view) error {
	t.Helper()
	importer, _ := connector.As[connector.DeltaImporter](s)
	return newView().take(importer.DeltaImport(t.Context(), v.mark, connector.ImportRequest{}))
}

// Another domain controller goes on where the first stopped: nothing twice, nothing lost.
func TestMockFailoverGoesOn(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	con := directory(t, p.options)
	s := open(t, con)
	v := full(t, s)
	change := func(i int) {
		require.NoError(t, p.one.Modify(fmt.Sprintf("CN=user%d,CN=Users,DC=contoso,DC=test", i), adtest.Replace("title", fmt.Sprint(i, p.now.Add(60)))))
	}
	change(1)
	v.delta(t, s)
	require.Len(t, v.updates, 1)

	change(2)
	p.cut(t, true)
	require.NoError(t, p.one.Delete("CN=user3,CN=Users,DC=contoso,DC=test"))
	v.delta(t, s) // the same session
	require.Len(t, v.updates, 1, "the other one tells what is new, and nothing else")
	require.Len(t, v.deletes, 1)
	v.equal(t, full(t, open(t, con)))

	change(4)
	p.cut(t, false)
	v.delta(t, open(t, con))
	require.Len(t, v.updates, 1)
	require.NotZero(t, p.two.Count(adtest.OpSearch))
}

// A delta import goes back to the domain controller that made the watermark.
func TestMockFailoverAffinity(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	v := full(t, open(t, directory(t, p.options)))
	p.options.URLs = []string{p.two.URL(), p.one.URL()}
	p.two.ResetLog()
	p.one.ResetLog()
	s := open(t, directory(t, p.options))
	v.delta(t, s)
	for _, r := range p.two.Requests() {
		require.NotContains(t, r.Controls, "1.2.840.113556.1.4.841", "changes come from the first")
	}
	require.NotZero(t, p.one.Count(adtest.OpSearch))
}

func TestMockFailoverLag(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.two.Faults().Lag(true)
	p.now.Add(60)
	p.one.Must(p.one.AddUser("late", nil))
	con := directory(t, p.options)
	v := full(t, open(t, con))
	p.cut(t, true)

	s := open(t, con)
	err := tryDelta(t, s, v)
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.True(t, connector.IsTransient(err))
	require.ErrorContains(t, err, "not yet replicated")

	last, err := con.Open(t.Context(), connector.OpenOptions{Last: v.mark})
	require.NoError(t, err)
	defer last.Close(t.Context())
	importer, _ := connector.As[connector.FullImporter](last)
	err = newView().take(importer.FullImport(t.Context(), connector.ImportRequest{}))
	require.ErrorIs(t, err, connector.ErrUnavailable, "what only the first knew would seem deleted")

	p.two.Faults().Lag(false)
	v.delta(t, open(t, con))

	p.cut(t, false)
	full(t, open(t, con))
	p.two.Faults().Lag(true)
	p.now.Add(60)
	p.one.Must(p.one.AddUser("later", nil))
	v = full(t, open(t, con))
	p.cut(t, true)
	p.now.Add(3601)
	require.ErrorIs(t, tryDelta(t, open(t, con), v), connector.ErrWatermarkExpired, "it is given up after a while")
	last, err = con.Open(t.Context(), connector.OpenOptions{Last: v.mark})
	require.NoError(t, err)
	defer last.Close(t.Context())
	full(t, last)
}

// Who was restored from a backup may have lost what its clients know.
func TestMockRestored(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	con := directory(t, p.options)
	v := full(t, open(t, con))
	p.one.Faults().NewInvocation()
	err := tryDelta(t, open(t, con), v)
	require.ErrorIs(t, err, connector.ErrWatermarkExpired)
	require.ErrorContains(t, err, "restored")
	full(t, open(t, con)).delta(t, open(t, con))

	raw := strings.Replace(string(v.mark), `"usn":`, `"usn":9`, 1)
	v.mark = connector.Watermark(raw)
	p = newPair(t)
	con = directory(t, p.options)
	v = full(t, open(t, con))
	v.mark = connector.Watermark(strings.Replace(string(v.mark), `"usn":`, `"usn":9`, 1))
	require.ErrorContains(t, tryDelta(t, open(t, con), v), "put back to an older state")
}

// One that has not had its first replication has next to nothing, and is passed over.
func TestMockUnsynchronized(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.one.Faults().Unsynchronized(true)
	full(t, open(t, directory(t, p.options)))
	require.NotZero(t, p.two.Count(adtest.OpSearch))
	p.options.URLs = p.options.URLs[:1]
	_, err := directory(t, p.options).Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, connector.ErrUnavailable)
}

func FuzzParseVector(f *testing.F) {
	f.Add("")
	f.Add("\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("x", 32))
	f.Add("\x01\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00" + strings.Repeat("x", 24))
	f.Fuzz(func(_ *testing.T, raw string) { ad.ParseVector(raw) })
}
