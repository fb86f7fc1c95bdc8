package adtest_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	_, err := dc.Populate(adtest.PopulationOptions{Users: 100})
	require.NoError(t, err)
	all := ldap.NewSearchRequest(dc.BaseDN(), 2, 0, 0, 0, false, "(employeeID=*)", nil, nil)
	f := dc.Faults()

	c := admin(t, dc)
	f.Busy(1)
	_, err = c.Search(all)
	require.EqualValues(t, 51, code(t, err))
	f.Unavailable(1, adtest.OpDelete)
	_, err = c.Search(all)
	require.NoError(t, err)
	require.EqualValues(t, 52, code(t, c.Del(ldap.NewDelRequest("CN=x", nil))))
	f.TimeLimit(1)
	_, err = c.Search(all)
	require.EqualValues(t, 3, code(t, err))
	f.SizeLimit(7)
	r, err := c.SearchWithPaging(all, 50)
	require.EqualValues(t, 4, code(t, err))
	require.Len(t, r.Entries, 7)
	f.Clear()

	f.DropAfter(5)
	r, err = c.Search(all)
	require.Error(t, err)
	require.Len(t, r.Entries, 5)
	c = admin(t, dc)
	f.Garble(1)
	c.SetTimeout(2 * time.Second)
	_, err = c.Search(all)
	require.Error(t, err)

	f.RejectBinds("775")
	err = dial(t, dc).Bind(dc.AdminUPN(), dc.AdminPassword())
	require.ErrorContains(t, err, "data 775")
	f.Clear()

	c = admin(t, dc)
	require.NoError(t, f.RefuseWrites(dc.AdminDN(), "title"))
	err = c.Modify(modify(dc.AdminDN(), func(m *ldap.ModifyRequest) { m.Replace("title", []string{"x"}) }))
	require.EqualValues(t, 50, code(t, err))
	require.NoError(t, c.Modify(modify(dc.AdminDN(), func(m *ldap.ModifyRequest) { m.Replace("info", []string{"x"}) })))

	f.BreakImports(30)
	_, err = c.SearchWithPaging(all, 20)
	require.Error(t, err)
	c = admin(t, dc)
	_ = read(t, c, "CN=Partitions,CN=Configuration,"+dc.BaseDN())
	r, err = c.Search(all)
	require.Error(t, err, "every connection breaks")
	require.Len(t, r.Entries, 30)
	f.Clear()

	c = admin(t, dc)
	f.LoseAnswers(1)
	require.Error(t, c.Add(addRequest("CN=lost,"+dc.UsersDN(), "objectClass", "contact")))
	_, err = dc.Get("CN=lost," + dc.UsersDN())
	require.NoError(t, err, "carried out")

	c = admin(t, dc)
	f.DropConnections()
	_, err = c.Search(all)
	require.Error(t, err)
	require.Positive(t, dc.Counts()[adtest.OpBind])
	log := dc.Requests()
	require.Equal(t, adtest.OpBind, log[0].Op)
	require.Equal(t, 100, log[2].Entries+log[3].Entries)
	dc.ResetLog()
	require.Empty(t, dc.Requests())
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var misuses []string
	dc := adtest.NewServer(t, &adtest.Options{OnMisuse: func(m string) {
		mu.Lock()
		defer mu.Unlock()
		misuses = append(misuses, m)
	}})
	c := admin(t, dc)
	req := ldap.NewSearchRequest(dc.BaseDN(), 0, 0, 0, 0, false, "(cn=*)", nil, []ldap.Control{ldap.NewControlString("1.2.3", true, "")})
	_, err := c.Search(req)
	require.EqualValues(t, 12, code(t, err))
	req.Controls = []ldap.Control{ldap.NewControlString("1.2.3", false, "")}
	_, err = c.Search(req)
	require.NoError(t, err)
	_, err = c.PasswordModify(ldap.NewPasswordModifyRequest("", "a", "b"))
	require.EqualValues(t, 2, code(t, err))
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, misuses, 3)
	require.Equal(t, misuses, dc.Misuses())
}

func TestManyConnections(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	group := dc.Must(dc.AddGroup("All", nil))
	var wg sync.WaitGroup
	for w := range 8 {
		c := admin(t, dc)
		wg.Go(func() {
			for i := range 20 {
				dn := "CN=" + strings.Repeat("x", w+1) + string(rune('a'+i)) + "," + dc.UsersDN()
				if err := c.Add(addRequest(dn, "objectClass", "contact")); err != nil {
					t.Error(err)
				}
				if err := c.Modify(modify(group, func(m *ldap.ModifyRequest) { m.Add("member", []string{dn}) })); err != nil {
					t.Error(err)
				}
				if _, err := c.SearchWithPaging(ldap.NewSearchRequest(dc.BaseDN(), 2, 0, 0, 0, false, "(cn=*)", nil, nil), 30); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	o, err := dc.Get(group)
	require.NoError(t, err)
	require.Len(t, o.Attrs["member"], 160)
}

// TestCommandLine drives the server with OpenLDAP's tools, which share no code with it.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ldapsearch"); err != nil {
		if os.Getenv("HYBRIDSYNC_REQUIRE") == "all" {
			t.Fatal("ldapsearch is not installed")
		}
		t.Skip("ldapsearch is not installed")
	}
	dc := adtest.NewServer(t, nil)
	_, err := dc.Populate(adtest.PopulationOptions{Users: 30, Groups: 2})
	require.NoError(t, err)
	run := func(stdin, program string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, append([]string{"-x", "-D", dc.AdminUPN(), "-w", dc.AdminPassword()}, args...)...)
		cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+dc.CAFile(), "LDAPTLS_REQCERT=demand", "LDAPCONF="+os.DevNull)
		cmd.Stdin = strings.NewReader(stdin)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, "%s %v: %s%s", program, args, out, stderr.String())
		return string(out)
	}
	out := run("", "ldapsearch", "-H", dc.URL(), "-LLL", "-b", dc.BaseDN(), "-E", "pr=7/noprompt", "(employeeID=*)", "cn")
	require.Equal(t, 30, strings.Count("\n"+out, "\ndn:"))
	out = run("", "ldapsearch", "-H", dc.LDAPURL(), "-ZZ", "-LLL", "-s", "base", "-b", "", "dnsHostName")
	require.Contains(t, out, "dnsHostName: dc1.contoso.test")
	out = run("", "ldapsearch", "-H", dc.URL(), "-LLL", "-b", dc.BaseDN(), "-E", "!dirSync=0/1000", "(sAMAccountName=g0001)", "member")
	require.Contains(t, out, "continueFlag=0")
	run("dn: "+dc.AdminDN()+"\nchangetype: modify\nreplace: title\ntitle: Boss\n-\n", "ldapmodify", "-H", dc.URL())
	run("dn: CN=New,"+dc.UsersDN()+"\nchangetype: add\nobjectClass: contact\nmail: n@x.example\n", "ldapmodify", "-H", dc.URL())
	run("", "ldapmodrdn", "-H", dc.URL(), "-r", "CN=New,"+dc.UsersDN(), "CN=Newer")
	run("", "ldapdelete", "-H", dc.URL(), "CN=Newer,"+dc.UsersDN())
	o, err := dc.Get(dc.AdminDN())
	require.NoError(t, err)
	require.Equal(t, "Boss", o.First("title"))
	require.Contains(t, run("", "ldapwhoami", "-H", dc.URL()), `CONTOSO\Administrator`)
}

// FuzzRequest sends garbage. The server must neither crash nor stop serving others.
func FuzzRequest(f *testing.F) {
	capture := func(build func(c *ldap.Conn)) []byte {
		client, server := net.Pipe()
		c := ldap.NewConn(client, false)
		c.Start()
		var b bytes.Buffer
		done := make(chan error, 1)
		go func() { // one request, which is not answered
			_, err := ber.ReadPacket(io.TeeReader(server, &b))
			done <- errors.Join(err, server.Close())
		}()
		build(c)
		_ = c.Close()
		require.NoError(f, <-done)
		return b.Bytes()
	}
	f.Add(capture(func(c *ldap.Conn) { _ = c.Bind("Administrator@contoso.test", adtest.DefaultAdminPassword) }))
	f.Add(capture(func(c *ldap.Conn) {
		_, _ = c.Search(ldap.NewSearchRequest("DC=contoso,DC=test", 2, 0, 0, 0, false,
			"(&(cn=a*b)(!(x=y))(member:1.2.840.113556.1.4.1941:=CN=a))", []string{"member;range=0-*"},
			[]ldap.Control{ldap.NewControlPaging(5), ldap.NewRequestControlDirSync(1, 2, []byte("MSDS"))}))
	}))
	f.Add(capture(func(c *ldap.Conn) { _ = c.Add(addRequest("CN=x,DC=contoso,DC=test", "objectClass", "user")) }))
	f.Add(capture(func(c *ldap.Conn) {
		_ = c.Modify(modify("CN=Guest,CN=Users,DC=contoso,DC=test", func(m *ldap.ModifyRequest) { m.Replace("title", []string{"x"}) }))
	}))
	f.Add(capture(func(c *ldap.Conn) { _ = c.ModifyDN(ldap.NewModifyDNRequest("CN=a", "CN=b", true, "CN=c")) }))
	f.Add(capture(func(c *ldap.Conn) { _ = c.Del(ldap.NewDelRequest("CN=a", nil)) }))
	f.Add([]byte("GET / HTTP/1.0\r\n\r\n"))
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	bind := capture(func(c *ldap.Conn) { _ = c.Bind("Administrator@contoso.test", adtest.DefaultAdminPassword) })

	dc := adtest.NewServer(f, &adtest.Options{AllowPlainBind: true, OnMisuse: func(string) {}})
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := net.Dial("tcp", strings.TrimPrefix(dc.LDAPURL(), "ldap://"))
		require.NoError(t, err)
		// A bind first, so that what follows is carried out.
		_, err = c.Write(append(bytes.Clone(bind), data...))
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).CloseWrite())
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		var out bytes.Buffer
		_, err = out.ReadFrom(c)
		require.False(t, err != nil && strings.Contains(err.Error(), "timeout"), "the server does not answer")
		require.NoError(t, c.Close())
	})
}
