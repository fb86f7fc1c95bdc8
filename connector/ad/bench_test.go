package ad_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// BenchmarkSambaFullImport imports 10,000 users and 500 groups, and lets ldapsearch fetch
// the same entries and attributes beside it. It reports objects per second and how much
// longer than ldapsearch the import took.
func BenchmarkSambaFullImport(b *testing.B) {
	d := sambatest.Start(b, &sambatest.Options{Users: 10_000, Groups: 500})
	names := strings.Fields("accountExpires c cn co company countryCode department displayName distinguishedName employeeID givenName groupType l mail " +
		"manager member mS-DS-ConsistencyGuid objectSid physicalDeliveryOfficeName postalCode proxyAddresses pwdLastSet sAMAccountName sn st " +
		"streetAddress telephoneNumber title userAccountControl userCertificate userPrincipalName objectGUID objectClass uSNChanged")
	o := adminOptions(d)
	o.Classes, o.Attributes = []string{"user", "group"}, names
	con := directory(b, o)
	_, err := con.Schema(b.Context()) // in memory from the first import on
	require.NoError(b, err)
	var objects int64
	var ours, theirs time.Duration
	for b.Loop() {
		b.StopTimer()
		start := time.Now()
		ldapsearch(b, d, "(|(&(objectClass=user)(!(objectClass=computer)))(objectClass=group))", names)
		theirs += time.Since(start)
		start = time.Now()
		b.StartTimer()
		objects += importAll(b, con.Open)
		ours += time.Since(start)
	}
	b.ReportMetric(float64(objects)/ours.Seconds(), "objects/s")
	b.ReportMetric(float64(objects)/theirs.Seconds(), "ldapsearch-objects/s")
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "x-ldapsearch")
}

func importAll(b *testing.B, open func(context.Context, connector.OpenOptions) (connector.Session, error)) int64 {
	s, err := open(b.Context(), connector.OpenOptions{})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close(b.Context())) }()
	importer, _ := connector.As[connector.FullImporter](s)
	var objects int64
	for item, err := range importer.FullImport(b.Context(), connector.ImportRequest{}) {
		require.NoError(b, err)
		if item.Kind == connector.ItemComplete {
			objects = item.Complete.Objects
		}
	}
	require.GreaterOrEqual(b, objects, int64(10_500))
	return objects
}

// ldapsearch fetches pages of 1000 to the null device.
func ldapsearch(b *testing.B, d *sambatest.Domain, filter string, attributes []string) {
	args := append([]string{"-x", "-LLL", "-E", "pr=1000/noprompt", "-H", d.URL, "-D", d.AdminUPN, "-w", d.Password, "-b", d.BaseDN, filter}, attributes...)
	cmd := exec.CommandContext(b.Context(), "ldapsearch", args...)
	cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+d.CAFile)
	require.NoError(b, cmd.Run())
}
