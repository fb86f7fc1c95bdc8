package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// ldapSuffix is the base of everything in the OpenLDAP server.
const ldapSuffix = "dc=contoso,dc=test"

// A slapd is an OpenLDAP server on loopback with an account for everything.
type slapd struct {
	url  string
	dir  string
	cmd  *exec.Cmd
	exit chan error
}

const (
	slapdAdmin    = "cn=admin," + ldapSuffix
	slapdPassword = "test-only"
)

// slapdConfig is what both the provider and its consumer have in common; %s are the folder
// and further lines.
const slapdConfig = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
pidfile %[1]s/slapd.pid
sizelimit unlimited
database mdb
suffix "` + ldapSuffix + `"
rootdn "` + slapdAdmin + `"
rootpw ` + slapdPassword + `
directory %[1]s
maxsize 8589934592
dbnosync
index objectClass,entryUUID,entryCSN eq
%[2]s
`

func prepareSlapd(extra string) (s *slapd, config string, err error) {
	if _, err := exec.LookPath("slapd"); err != nil {
		return nil, "", skip("slapd is not installed")
	}
	if _, err := os.Stat("/etc/ldap/schema/inetorgperson.schema"); err != nil {
		return nil, "", skip("the schema files of OpenLDAP are not where Debian has them")
	}
	s = &slapd{exit: make(chan error, 1)}
	if s.dir, err = os.MkdirTemp("", "hybridsync-bench-slapd-"); err != nil {
		return nil, "", err
	}
	config = filepath.Join(s.dir, "slapd.conf")
	return s, config, os.WriteFile(config, fmt.Appendf(nil, slapdConfig, s.dir, extra), 0o600)
}

// startProvider loads a population with slapadd and serves it.
func startProvider(ctx context.Context, users, groups int) (_ *slapd, err error) {
	s, config, err := prepareSlapd("overlay syncprov")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	data := filepath.Join(s.dir, "data.ldif")
	if err := writeLDIF(data, users, groups); err != nil {
		return nil, err
	}
	add := exec.CommandContext(ctx, "slapadd", "-q", "-w", "-f", config, "-l", data) //nolint:gosec // our own files
	if out, err := add.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("slapadd: %w: %s", err, out)
	}
	return s, s.start(ctx, config)
}

// startConsumer begins to copy a provider with syncrepl.
func startConsumer(ctx context.Context, provider string) (_ *slapd, err error) {
	s, config, err := prepareSlapd(fmt.Sprintf("syncrepl rid=001 provider=%s type=refreshOnly interval=01:00:00:00 searchbase=%q\n"+
		" bindmethod=simple binddn=%q credentials=%s", provider, ldapSuffix, slapdAdmin, slapdPassword))
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx, config); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *slapd) start(ctx context.Context, config string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a moment on loopback
	if err != nil {
		return err
	}
	s.url = "ldap://" + l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	s.cmd = exec.Command("slapd", "-f", config, "-h", s.url, "-d", "0") //nolint:gosec,noctx // close ends it
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() { s.exit <- s.cmd.Wait() }()
	for wait := time.Now().Add(30 * time.Second); time.Now().Before(wait); time.Sleep(20 * time.Millisecond) {
		conn, err := s.bind()
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-s.exit:
			s.exit <- err
			return fmt.Errorf("slapd has ended: %w", err)
		case <-ctx.Done():
			return context.Cause(ctx)
		default:
		}
	}
	return errors.New("slapd does not answer")
}

func (s *slapd) bind() (*ldap.Conn, error) {
	conn, err := ldap.DialURL(s.url)
	if err != nil {
		return nil, err
	}
	if err := conn.Bind(slapdAdmin, slapdPassword); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (s *slapd) close() error {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		<-s.exit //nolint:errcheck // that it was killed is no news
	}
	return os.RemoveAll(s.dir)
}

// contextCSN is what says that a consumer has everything.
func (s *slapd) contextCSN() string {
	conn, err := s.bind()
	if err != nil {
		return ""
	}
	defer conn.Close()
	res, err := conn.Search(ldap.NewSearchRequest(ldapSuffix, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"contextCSN"}, nil))
	if err != nil || len(res.Entries) == 0 {
		return ""
	}
	return res.Entries[0].GetAttributeValue("contextCSN")
}

// ldapAttributes are the attributes of the population.
var ldapAttributes = strings.Fields("objectClass entryUUID cn sn givenName displayName mail uid employeeNumber employeeType title departmentNumber o ou l st " +
	"street postalCode postalAddress telephoneNumber mobile description carLicense roomNumber manager member")

func ldapUserDN(i int) string { return "uid=user" + strconv.Itoa(i) + ",ou=People," + ldapSuffix }

func writeLDIF(path string, users, groups int) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintf(w, "dn: %s\nobjectClass: dcObject\nobjectClass: organization\no: Contoso\ndc: contoso\n\n", ldapSuffix)
	for _, ou := range []string{"People", "Groups"} {
		fmt.Fprintf(w, "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n", ou, ldapSuffix, ou)
	}
	c := &company{users: users}
	for i := range users {
		a := &c.user(i).Attributes
		fmt.Fprintf(w, "dn: %s\nobjectClass: inetOrgPerson\nuid: user%d\n", ldapUserDN(i), i)
		for _, name := range []string{"cn", "sn", "givenName", "displayName", "mail", "title", "l", "postalCode", "telephoneNumber", "description"} {
			fmt.Fprintf(w, "%s: %s\n", name, a.Text(name))
		}
		fmt.Fprintf(w, "employeeNumber: %d\nemployeeType: permanent\ndepartmentNumber: %s\no: %s\nou: %s\nst: Zuid-Holland\nstreet: %s\npostalAddress: %s\n",
			i, a.Text("department"), a.Text("company"), a.Text("department"), a.Text("streetAddress"), a.Text("info"))
		fmt.Fprintf(w, "mobile: +31 6 555 %d\ncarLicense: %d-XYZ\nroomNumber: %s\nmanager: %s\n\n", i, i, a.Text("physicalDeliveryOfficeName"), ldapUserDN(i/10))
	}
	for i := range groups {
		fmt.Fprintf(w, "dn: cn=Group %d,ou=Groups,%s\nobjectClass: groupOfNames\ncn: Group %d\ndescription: Made up for measurements\n", i, ldapSuffix, i)
		for j := range min(20, users) {
			fmt.Fprintf(w, "member: %s\n", ldapUserDN((i*20+j)%users))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// fromOpenLDAP imports from OpenLDAP into a store, beside what users would take instead.
func fromOpenLDAP(ctx context.Context, b *bench) (err error) {
	users := b.size(100_000, 5_000)
	groups := users / 20
	s, err := startProvider(ctx, users, groups)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	filter := "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))"
	peers := []peer{
		{"ldapsearch into nothing", ldapsearchPeer(s.url, slapdAdmin, slapdPassword, ldapSuffix, filter, "", ldapAttributes)},
		{"go-ldap, nothing kept", func(ctx context.Context) error { return goLDAP(ctx, s) }},
		{"Python ldap3 into sqlite3", pythonPeer(s.url)},
		{"OpenLDAP syncrepl refreshOnly", func(ctx context.Context) error { return syncrepl(ctx, s) }},
	}
	return b.imports(ctx, users+groups, "OpenLDAP", peers, func(ctx context.Context) error {
		return importInto(ctx, &ldapDirectory{server: s})
	})
}

// A peer is what a user would take instead.
type peer struct {
	name string
	run  func(ctx context.Context) error
}

// imports measures an import and its peers in turn, so that what else the machine does
// hits all alike, and reports the ratios to the first peer.
func (b *bench) imports(ctx context.Context, objects int, from string, peers []peer, ours func(context.Context) error) error {
	all := append([]peer{{"hybridsync into its store", ours}}, peers...)
	took := make([][]float64, len(all))
	for range b.runs {
		for i, p := range all {
			if p.run == nil {
				continue
			}
			start := time.Now()
			err := p.run(ctx)
			skipped, isSkip := errors.AsType[*skipError](err)
			switch {
			case isSkip:
				b.skip(p.name, skipped.reason)
				all[i].run = nil
			case err != nil:
				return fmt.Errorf("%s: %w", p.name, err)
			default:
				took[i] = append(took[i], time.Since(start).Seconds())
			}
		}
	}
	of := fmt.Sprintf("%s objects from %s: ", number(float64(objects)), from)
	for i, p := range all {
		b.add(of+p.name, "s", nil, slices.Clone(took[i])...)
	}
	var ratios []float64
	for i := range min(len(took[0]), len(took[1])) {
		ratios = append(ratios, took[0][i]/took[1][i])
	}
	b.add(of+"hybridsync over ldapsearch", "ratio", atMost(1.25), ratios...)
	return nil
}

// syncrepl lets another OpenLDAP server copy everything.
func syncrepl(ctx context.Context, provider *slapd) (err error) {
	want := provider.contextCSN()
	if want == "" {
		return skip("the provider has no contextCSN")
	}
	c, err := startConsumer(ctx, provider.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for c.contextCSN() != want {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
