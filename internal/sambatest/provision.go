package sambatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// copyTemplate fills the domain's folder with a provisioned, empty domain.
func (d *Domain) copyTemplate(ctx context.Context, o Options) error {
	template, err := d.template(ctx, o)
	if err != nil {
		return err
	}
	if _, err := d.run(ctx, "cp", "", "-a", "--reflink=auto", "--sparse=always", template+"/.", d.Dir); err != nil {
		return err
	}
	for _, dir := range []string{"log", "run", "cache"} {
		if err := os.MkdirAll(d.path(dir), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// template returns the folder of a provisioned domain, making it where there is none. A
// lock keeps other processes from making the same one meanwhile, and the final rename
// keeps half of one from ever being used.
func (d *Domain) template(ctx context.Context, o Options) (string, error) {
	root := filepath.Join(os.TempDir(), "sambatest-templates")
	if err := os.Mkdir(root, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	if err := ownedByUs(root); err != nil {
		return "", err
	}
	version, err := d.run(ctx, "samba", "", "--version")
	if err != nil {
		return "", err
	}
	key := strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(version, "Version ")), "/", "_") + "-" + o.templateKey()
	lock, err := os.OpenFile(filepath.Join(root, key+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	dir := filepath.Join(root, key)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	work, err := os.MkdirTemp(root, "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work) //nolint:errcheck // gone after success
	if err := d.provision(ctx, work, o); err != nil {
		return "", err
	}
	return dir, os.Rename(work, dir)
}

// ownedByUs refuses a folder in the shared temporary folder that somebody else prepared.
func ownedByUs(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm()&0o022 != 0 || int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("sambatest: %s belongs to somebody else", dir)
	}
	return nil
}

func (d *Domain) provision(ctx context.Context, dir string, o Options) error {
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		return err
	}
	empty := filepath.Join(dir, "etc", "empty.conf") // instead of the system's smb.conf
	if err := os.WriteFile(empty, []byte("[global]\n"), 0o600); err != nil {
		return err
	}
	_, err := d.run(ctx, "samba-tool", "", "domain", "provision",
		"--configfile="+empty, "--targetdir="+dir, "--realm="+d.Realm, "--domain="+d.NetBIOS,
		"--host-name=dc1", "--host-ip="+d.Address, "--server-role=dc", "--dns-backend=NONE",
		"--function-level=2008_R2", "--adminpass="+Password,
		"--option=interfaces="+d.Address+"/8", "--option=bind interfaces only=yes",
		// ACLs of the system volume go to a file: file systems and containers without
		// security attributes do too.
		"--option=vfs objects=dfs_samba4 acl_xattr xattr_tdb", "--option=xattr_tdb:file="+filepath.Join(dir, "private", "xattr.tdb"))
	if err != nil {
		return err
	}
	at := *d
	at.Dir = dir
	if err := at.writeConfig(Options{}); err != nil {
		return err
	}
	if err := at.tune(ctx); err != nil {
		return err
	}
	if o.ExchangeSchema {
		return at.addExchangeSchema(ctx)
	}
	return nil
}

// tune lets tests set passwords at will and gives the domain controller the service name
// that it would register itself, had it a DNS server.
func (d *Domain) tune(ctx context.Context) error {
	return d.EditOffline(ctx, fmt.Sprintf("dn: %[1]s\nchangetype: modify\nreplace: minPwdAge\nminPwdAge: 0\n-\nreplace: maxPwdAge\nmaxPwdAge: 0\n\n"+
		"dn: CN=DC1,OU=Domain Controllers,%[1]s\nchangetype: modify\nadd: servicePrincipalName\nservicePrincipalName: ldap/%[2]s\n", d.BaseDN, d.Host))
}

func (d *Domain) configFile() string { return d.path("etc", "smb.conf") }

func (d *Domain) writeConfig(o Options) error {
	strong := "yes"
	switch {
	case o.AllowPlain:
		strong = "no"
	case o.SASLOverTLS:
		strong = "allow_sasl_over_tls"
	}
	for _, dir := range []string{"etc", "log", "run", "cache", "state", "private"} {
		if err := os.MkdirAll(d.path(dir), 0o755); err != nil {
			return err
		}
	}
	settings := []string{
		"[global]",
		"realm = " + d.Realm, "workgroup = " + d.NetBIOS, "netbios name = DC1",
		"server role = active directory domain controller", "server services = ldap, cldap, kdc, rpc, drepl",
		"interfaces = " + d.Address + "/8", "bind interfaces only = yes", "disable netbios = yes",
		"prefork children = 2",
		"private dir = " + d.path("private"), "lock directory = " + d.Dir, "state directory = " + d.path("state"),
		"cache directory = " + d.path("cache"), "pid directory = " + d.path("run"), "ncalrpc dir = " + d.path("run", "ncalrpc"),
		"winbindd socket directory = " + d.path("run", "winbindd"), "ntp signd socket directory = " + d.path("run", "ntp_signd"),
		"log file = " + d.path("log", "samba.log"), "max log size = 50000", "log level = 1",
		"ldap server require strong auth = " + strong,
		"tls enabled = yes", "tls keyfile = " + d.path("tls", "key.pem"), "tls certfile = " + d.path("tls", "cert.pem"),
		"tls cafile = " + d.path("tls", "ca.pem"),
		"dsdb:schema update allowed = yes",
	}
	return os.WriteFile(d.configFile(), []byte(strings.Join(settings, "\n  ")+"\n"), 0o600)
}

func (d *Domain) environ() []string {
	return append(os.Environ(), "TDB_NO_FSYNC=1", "LC_ALL=C.UTF-8",
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin:"+os.Getenv("PATH"), "LDAPTLS_CACERT="+d.CAFile)
}

// run runs a program with input and returns its output; the error holds its last words.
func (d *Domain) run(ctx context.Context, program, input string, args ...string) (string, error) {
	path, err := lookPath(program)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = d.environ()
	cmd.Stdin = strings.NewReader(input)
	var out, trouble strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Run(); err != nil {
		words := strings.TrimSpace(trouble.String())
		return out.String(), fmt.Errorf("sambatest: %s: %w: %s", program, err, words[max(0, len(words)-1000):])
	}
	return out.String(), nil
}
