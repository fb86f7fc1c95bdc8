package ad_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

func TestMockBusy(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	for _, name := range []string{"anna", "bert", "carl"} {
		dc.Must(dc.AddUser(name, nil))
	}
	con := directory(t, mockOptions(dc))
	var waits atomic.Int32
	var last atomic.Int64
	ad.SetSleep(con, func(_ context.Context, d time.Duration) error {
		waits.Add(1)
		last.Store(int64(d))
		return nil
	})
	s := open(t, con)
	want := full(t, s)
	for name, fail := range map[string]func(n int){
		"busy":        func(n int) { dc.Faults().Busy(n, adtest.OpSearch) },
		"unavailable": func(n int) { dc.Faults().Unavailable(n, adtest.OpSearch) },
	} {
		waits.Store(0)
		fail(4)
		want.equal(t, full(t, s))
		require.EqualValues(t, 4, waits.Load(), name)
		require.Greater(t, time.Duration(last.Load()), time.Second, "waits grow")
		want.delta(t, s)

		fail(100)
		importer, _ := connector.As[connector.FullImporter](s)
		err := newView().take(importer.FullImport(t.Context(), connector.ImportRequest{}))
		require.ErrorIs(t, err, connector.ErrUnavailable, name)
		require.True(t, connector.IsTransient(err))
		dc.Faults().Clear()
	}
}

// Limits that a smaller page respects are respected; others are told for what they are.
func TestMockLimitsOfSearches(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	for _, name := range []string{"anna", "bert", "carl"} {
		dc.Must(dc.AddUser(name, nil))
	}
	con := directory(t, mockOptions(dc))
	s := open(t, con)
	want := full(t, s)
	importer, _ := connector.As[connector.FullImporter](s)
	for name, c := range map[string]struct {
		code uint16
		want error
		says string
	}{
		"time":     {ldap.LDAPResultTimeLimitExceeded, connector.ErrUnavailable, "MaxQueryDuration"},
		"admin":    {ldap.LDAPResultAdminLimitExceeded, connector.ErrUnavailable, "LDAP policies"},
		"size":     {ldap.LDAPResultSizeLimitExceeded, connector.ErrProtocol, "cuts answers off"},
		"referral": {ldap.LDAPResultReferral, connector.ErrProtocol, "other servers"},
	} {
		refuse := &adtest.Error{Code: c.code, Message: "secret"}
		if name == "referral" {
			refuse.Referral = []string{"ldap://elsewhere.test/"}
		} else {
			dc.Faults().FailPages(2, refuse)
			want.equal(t, full(t, s))
			dc.Faults().Clear()
		}
		dc.Faults().FailPages(100, refuse)
		err := newView().take(importer.FullImport(t.Context(), connector.ImportRequest{}))
		require.ErrorIs(t, err, c.want, name)
		require.ErrorContains(t, err, c.says, name)
		require.NotContains(t, err.Error(), "secret", name)
		dc.Faults().Clear()
	}
}
