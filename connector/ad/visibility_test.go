package ad_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

// In object-security mode nobody tells of what becomes readable, or ceases to be, without
// having changed. The next full import finds it, as Preflight says.
func TestMockBecomesReadable(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	base := dc.BaseDN()
	unit(t, dc, "OU=Secret,"+base, "anna", "bert")
	reader := dc.Must(dc.AddUser("reader", nil))
	require.NoError(t, dc.SetPassword(reader, "P@ssw0rd-Reader1"))
	require.NoError(t, dc.Hide(adtest.Hiding{Account: reader, Under: "OU=Secret," + base}))
	o := mockOptions(dc)
	o.BindName, o.Password = "reader@contoso.test", password("P@ssw0rd-Reader1")
	s := open(t, directory(t, o))
	v := full(t, s)
	require.NotContains(t, names(v), "anna")

	require.NoError(t, dc.RevokeAll(reader))
	require.NoError(t, dc.Modify("CN=bert,OU=Secret,"+base, adtest.Replace("title", "x")))
	v.delta(t, s)
	require.NotContains(t, names(v), "anna", "who has not changed is not told of")
	v = full(t, s)
	require.Contains(t, names(v), "anna")
	require.Contains(t, names(v), "bert")
}
