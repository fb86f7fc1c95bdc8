package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// sambaBench is a deployment on Samba whose account has no rights of its own.
func sambaBench(t *testing.T, d *sambatest.Domain, user, keys string) *bench {
	t.Helper()
	b := &bench{t: t, tenant: entratest.NewServer(t, nil), dir: t.TempDir()}
	b.values = map[string]string{
		"url": d.URL, "user": user, "password": d.Password, "ca": d.CAFile, "keys": keys,
		"tenant": b.tenant.TenantID, "client": b.tenant.ClientID, "secret": b.tenant.ClientSecret,
		"graph": b.tenant.GraphURL, "authority": b.tenant.AuthorityURL, "tenantca": b.tenant.CAFile(),
		"more": "source_anchor: mS-DS-ConsistencyGuid\n",
	}
	return b
}

// dsacls is a printed command taken apart.
var dsacls = regexp.MustCompile(`^dsacls "([^"]+)"( /I:S)? /G "([^:]+):([A-Z]+)(?:;([^;"]*))?(?:;([^;"]*))?"$`)

// sddlOf translates a printed command into the entry that it makes, as Windows' dsacls
// would: Samba's tool takes only that.
func sddlOf(t *testing.T, command, sid string) (dn, sddl string) {
	t.Helper()
	names := map[string]string{
		"": "", "mS-DS-ConsistencyGuid": "23773dc2-b63a-11d2-90e1-00c04fd91ab1", "user": "bf967aba-0de6-11d0-a285-00aa003049e2",
		"group": "bf967a9c-0de6-11d0-a285-00aa003049e2", "Replicating Directory Changes": "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2",
	}
	m := dsacls.FindStringSubmatch(command)
	require.NotNil(t, m, command)
	flags := ""
	if m[2] != "" {
		flags = "CIIO"
	}
	for _, name := range m[5:] {
		_, ok := names[name]
		require.True(t, ok, name)
	}
	return m[1], fmt.Sprintf("(OA;%s;%s;%s;%s;%s)", flags, strings.ReplaceAll(m[4], "CA", "CR"), names[m[5]], names[m[6]], sid)
}

// dsaclsLines are the lines of dsacls among findings.
func dsaclsLines(t *testing.T, out string) []string {
	t.Helper()
	var result struct{ Findings []findingResult }
	require.NoError(t, json.Unmarshal([]byte(out), &result), out)
	var list []string
	for _, f := range result.Findings {
		for line := range strings.SplitSeq(f.Commands, "\n") {
			if strings.HasPrefix(line, "dsacls ") {
				list = append(list, line)
			}
		}
	}
	return list
}

// An account without rights is told exactly what it lacks; with what is printed for it
// everything works; and who it may not write to is in trouble alone.
func TestSambaLeastPrivilege(t *testing.T) {
	t.Parallel()
	const users, accounts = 24, 2
	d := sambatest.Start(t, &sambatest.Options{Users: users, Groups: 2, Delegate: true})
	p := d.Population
	b := sambaBench(t, d, d.ReaderUPN, "    write_back: {consistency_guid: true}\n")
	found, err := d.Search(t.Context(), "-b", d.BaseDN, "(sAMAccountName=svc-reader)", "objectSid")
	require.NoError(t, err)
	_, encoded, _ := strings.Cut(found, "objectSid:: ")
	encoded, _, _ = strings.Cut(encoded, "\n")

	out, err := b.run("check", "-json")
	require.Error(t, err)
	want := []string{fmt.Sprintf(`dsacls "%s" /I:S /G "CONTOSO\svc-reader:RPWP;mS-DS-ConsistencyGuid;user"`, d.BaseDN)}
	require.Equal(t, want, dsaclsLines(t, out))
	require.Contains(t, out, "permission missing for consistency-guid")
	text, err := b.run("check")
	require.Error(t, err)
	require.Contains(t, text, want[0])

	dn, sddl := sddlOf(t, want[0], sidText(t, encoded))
	require.NoError(t, d.Tool(t.Context(), "dsacl", "set", "--action=allow", "--objectdn="+dn, "--sddl="+sddl))
	out, err = b.run("check", "-json")
	require.NoError(t, err, out)
	require.Empty(t, dsaclsLines(t, out))

	// New objects appear in the cloud in the very first cycle, anchors written before.
	result, err := b.cycle()
	require.NoError(t, err, result)
	require.Len(t, b.tenant.Users(), users+accounts)
	require.Equal(t, users+accounts, anchored(t, d))

	// One account does not inherit any more, and is new: it is in trouble, others are not.
	closed, open := "CN=Closed,"+p.DepartmentDN(1), "CN=Open,"+p.DepartmentDN(1)
	for i, dn := range []string{closed, open} {
		d.MustEdit(t, fmt.Sprintf("dn: %s\nchangetype: add\nobjectClass: user\nsAMAccountName: new%d\nuserPrincipalName: new%d@%s\nuserAccountControl: 544\n", dn, i, i, d.DNSDomain))
	}
	require.NoError(t, d.EditOffline(t.Context(), "dn: "+closed+"\nchangetype: modify\nreplace: nTSecurityDescriptor\nnTSecurityDescriptor: D:P(A;;GA;;;BA)(A;;GR;;;AU)\n"))
	_, err = b.cycle()
	require.ErrorContains(t, err, "some objects are in trouble")
	require.Len(t, b.tenant.Users(), users+accounts+1)
	out, err = b.run("errors", "-json")
	require.NoError(t, err)
	var trouble []errorResult
	require.NoError(t, json.Unmarshal([]byte(out), &trouble))
	require.Len(t, trouble, 1)
	require.Contains(t, trouble[0].Object, closed)
	require.Equal(t, "permission-issue", trouble[0].Code)
	require.Equal(t, "mS-DS-ConsistencyGuid", trouble[0].Attribute)
	out, err = b.run("check")
	require.NoError(t, err)
	require.Contains(t, out, closed, "the check names the object too")
}

// sidText turns what ldapsearch prints into a SID's text.
func sidText(t *testing.T, encoded string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	sid, err := secdesc.SIDFromBytes(raw)
	require.NoError(t, err)
	return sid.String()
}

// anchored counts users whose mS-DS-ConsistencyGuid is their objectGUID.
func anchored(t *testing.T, d *sambatest.Domain) (n int) {
	t.Helper()
	out, err := d.Search(t.Context(), "-b", d.BaseDN, "(mS-DS-ConsistencyGuid=*)", "mS-DS-ConsistencyGuid", "objectGUID")
	require.NoError(t, err)
	for record := range strings.SplitSeq(out, "\n\n") {
		_, guid, ok := strings.Cut(record, "objectGUID:: ")
		if !ok {
			continue
		}
		guid, _, _ = strings.Cut(guid, "\n")
		require.Contains(t, record, "mS-DS-ConsistencyGuid:: "+guid)
		n++
	}
	return n
}

// The account commands make an account that does what the configuration asks for.
func TestSambaAccountCommand(t *testing.T) {
	d := sambatest.Start(t, &sambatest.Options{Users: 10, Groups: 1})
	t.Setenv(adminPassword, d.Password)
	b := sambaBench(t, d, "nobody@"+d.DNSDomain, "    write_back: {consistency_guid: true}\n")
	secret, record := filepath.Join(b.dir, "password"), filepath.Join(b.dir, "record.json")
	admin := []string{"-admin", d.AdminUPN, "-record", record}
	out, err := b.run(append([]string{"account", "plan", "-name", "MSOL_test"}, admin...)...)
	require.NoError(t, err)
	require.Contains(t, out, "make the account CN=MSOL_test,CN=Users,"+d.BaseDN)
	require.Contains(t, out, `dsacls "`+d.BaseDN+`" /G "CONTOSO\MSOL_test:CA;Replicating Directory Changes"`)
	_, err = b.run(append([]string{"account", "create", "-name", "MSOL_test"}, admin...)...)
	require.ErrorContains(t, err, "-password-file")
	out, err = b.run(append([]string{"account", "create", "-name", "MSOL_test", "-password-file", secret}, admin...)...)
	require.NoError(t, err)
	password, err := os.ReadFile(secret)
	require.NoError(t, err)
	require.NotContains(t, out, strings.TrimSpace(string(password)))
	info, err := os.Stat(secret)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	b.values["user"], b.values["password"] = "MSOL_test@"+d.DNSDomain, strings.TrimSpace(string(password))
	_, err = b.run("check")
	require.NoError(t, err)
	_, err = b.cycle()
	require.NoError(t, err)
	require.Len(t, b.tenant.Users(), 10)
	require.Equal(t, 10, anchored(t, d))

	out, err = b.run(append([]string{"account", "undo"}, admin...)...)
	require.NoError(t, err)
	require.Contains(t, out, "the account is removed")
	_, err = b.run("check")
	require.Error(t, err)
}
