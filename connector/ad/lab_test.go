package ad_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// A lab is a domain with people, in which tests of permissions change what they are about:
// Samba, or the mock.
type lab struct {
	admin         ad.Options // as its administrator
	base, groups  string
	devices       string // a container for devices
	departments   []string
	users         []string // in departments[0], [1] ...
	connector     string   // an account with a connector's rights, but not all of them; its UPN
	password      string
	tellsDeletion bool // to whoever may replicate changes, as AD

	grant    func(dn, sddl string)   // adds an entry
	describe func(dn, sddl string)   // replaces the list
	protect  func(dn, sddl string)   // sets adminCount, too
	text     func(dn string) string  // the list as text
	accounts func() (connectors int) // accounts called MSOL_
}

const deviceContainer = "CN=RegisteredDevices,"

func sambaLab(t *testing.T) *lab {
	d := sambatest.Start(t, &sambatest.Options{Users: 40, Groups: 2, Delegate: true})
	p := d.Population
	l := &lab{admin: adminOptions(d), base: d.BaseDN, groups: p.GroupsDN(), devices: deviceContainer + d.BaseDN, connector: d.ConnectorUPN, password: d.Password}
	for i := range 6 {
		l.departments, l.users = append(l.departments, p.DepartmentDN(i)), append(l.users, p.UserDN(max(i, 1)))
	}
	d.MustEdit(t, "dn: "+l.devices+"\nchangetype: add\nobjectClass: msDS-DeviceContainer\n")
	l.grant = func(dn, sddl string) {
		require.NoError(t, d.Tool(t.Context(), "dsacl", "set", "--action=allow", "--objectdn="+dn, "--sddl="+sddl))
	}
	describe := "dn: %s\nchangetype: modify\n%sreplace: nTSecurityDescriptor\nnTSecurityDescriptor: %s\n"
	l.describe = func(dn, sddl string) {
		require.NoError(t, d.EditOffline(t.Context(), fmt.Sprintf(describe, dn, "", sddl)))
	}
	l.protect = func(dn, sddl string) {
		require.NoError(t, d.EditOffline(t.Context(), fmt.Sprintf(describe, dn, "replace: adminCount\nadminCount: 1\n-\n", sddl)))
	}
	l.text = func(dn string) string {
		out, err := d.Search(t.Context(), "-s", "base", "-b", dn, "-E", "!1.2.840.113556.1.4.801=::MAMCAQQ=", "-E", "!1.2.840.113556.1.4.417",
			"(objectClass=*)", "nTSecurityDescriptor")
		require.NoError(t, err)
		_, encoded, ok := strings.Cut(out, "nTSecurityDescriptor:: ")
		require.True(t, ok, "%s: %s", dn, out)
		encoded, _, _ = strings.Cut(encoded, "\n")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		require.NoError(t, err)
		sd, err := secdesc.Parse(raw)
		require.NoError(t, err)
		return sd.SDDL()
	}
	l.accounts = func() int {
		out, err := d.Search(t.Context(), "-b", d.BaseDN, "(sAMAccountName=MSOL_*)", "1.1")
		require.NoError(t, err)
		return strings.Count(out, "dn: CN=MSOL_")
	}
	return l
}

func mockLab(t *testing.T) *lab {
	dc := adtest.NewServer(t, nil)
	base := dc.BaseDN()
	l := &lab{admin: mockOptions(dc), base: base, groups: "OU=Groups," + base, devices: deviceContainer + base,
		connector: "svc-sync@contoso.test", password: "P@ssw0rd-Connector1", tellsDeletion: true}
	dc.Must(dc.AddOU(l.groups))
	for i := range 6 {
		ou := dc.Must(dc.AddOU(fmt.Sprintf("OU=Department %d,%s", i, base)))
		l.departments, l.users = append(l.departments, ou), append(l.users, dc.Must(dc.AddUser(fmt.Sprintf("CN=User %d,%s", i, ou), nil)))
	}
	dc.Must(dc.AddGroup("CN=Everybody,"+l.groups, adtest.Attrs{"member": l.users}))
	require.NoError(t, dc.Add(l.devices, adtest.Attrs{"objectClass": {"msDS-DeviceContainer"}}))
	account := dc.Must(dc.AddUser("svc-sync", nil))
	require.NoError(t, dc.SetPassword(account, l.password))
	sid, err := dc.SID(account)
	require.NoError(t, err)
	l.grant = func(dn, sddl string) { require.NoError(t, dc.AddEntry(dn, sddl)) }
	l.describe = func(dn, sddl string) {
		domain, err := dc.SID(base)
		require.NoError(t, err)
		sd, err := secdesc.ParseSDDL(sddl, domain)
		require.NoError(t, err)
		require.NoError(t, dc.SetDescriptor(dn, sd))
	}
	l.protect = func(dn, _ string) { require.NoError(t, dc.Modify(dn, adtest.Replace("adminCount", "1"))) }
	l.text = func(dn string) string {
		sd, err := dc.Descriptor(dn)
		require.NoError(t, err)
		return sd.SDDL()
	}
	l.accounts = func() (n int) {
		for _, o := range dc.Dump() {
			if strings.HasPrefix(o.First("sAMAccountName"), "MSOL_") {
				n++
			}
		}
		return n
	}
	const user = "bf967aba-0de6-11d0-a285-00aa003049e2"
	for _, entry := range []string{
		"(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;%s)", "(OA;;CR;1131f6ad-9c07-11d1-f79f-00c04fc2dcd2;;%s)",
		"(OA;CIIO;WP;23773dc2-b63a-11d2-90e1-00c04fd91ab1;" + user + ";%s)",
		"(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;" + user + ";%s)",
		"(OA;CIIO;WP;bf967a0a-0de6-11d0-a285-00aa003049e2;" + user + ";%s)",
	} {
		l.grant(base, fmt.Sprintf(entry, sid))
	}
	return l
}

// as are the options for another account.
func (l *lab) as(upn, secret string) ad.Options {
	o := l.admin
	o.AllowAdministrator, o.BindName, o.Password = false, upn, password(secret)
	return o
}

// labs runs a test in Samba and in the mock.
func labs(t *testing.T, test func(t *testing.T, l *lab)) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *lab{"samba": sambaLab, "mock": mockLab} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}
