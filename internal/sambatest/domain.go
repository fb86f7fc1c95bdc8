package sambatest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ErrUnavailable says why this machine cannot run a domain controller.
var ErrUnavailable = errors.New("sambatest: no domain controller on this machine")

// A Domain is a running forest of one domain with one domain controller. Its fields do not
// change while it lives. Its methods are not safe for concurrent use.
type Domain struct {
	Dir       string // holds everything
	Realm     string // CONTOSO.TEST
	DNSDomain string // contoso.test
	NetBIOS   string // CONTOSO
	Host      string // fully qualified name of the domain controller, in its certificate
	Address   string // that it listens on, in its certificate too
	BaseDN    string // DC=contoso,DC=test
	URL       string // ldaps URL by address
	PlainURL  string // ldap URL by address, for StartTLS
	CAFile    string // PEM file of the certificate authority

	AdminDN, AdminUPN string // all rights
	// ConnectorUPN is the account with delegated rights: Replicating Directory Changes
	// (All), writing mS-DS-ConsistencyGuid on users, deleted objects readable.
	ConnectorUPN string // "" without Options.Delegate
	// ReaderUPN is an ordinary account without any delegation.
	ReaderUPN string // "" without Options.Delegate
	Password  string // of every account

	Population Population

	temporary bool
	lock      *os.File
	process   *exec.Cmd
	stdin     io.Closer
	exited    chan struct{}
}

// Start runs a domain for the time of the test. It skips the test, with the reason, where
// that is not possible, and fails it when HYBRIDSYNC_REQUIRE is "all".
func Start(t testing.TB, o *Options) *Domain {
	t.Helper()
	d, err := New(t.Context(), o)
	if errors.Is(err, ErrUnavailable) && os.Getenv("HYBRIDSYNC_REQUIRE") != "all" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// New runs a domain until [Domain.Close]. Cancelling ctx interrupts only New itself. The
// error matches [ErrUnavailable] where Samba is missing or the user is not root.
func New(ctx context.Context, o *Options) (*Domain, error) {
	opts, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := available(); err != nil {
		return nil, err
	}
	d := &Domain{Dir: opts.Dir, Password: Password}
	if err := d.prepare(opts); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := d.build(ctx, opts); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func available() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: it listens on ports below 1024, which needs root", ErrUnavailable)
	}
	for _, program := range []string{"samba", "samba-tool", "ldbadd", "ldbmodify", "ldbsearch", "ldapmodify", "ldapdelete", "ldapsearch", "cp"} {
		if _, err := lookPath(program); err != nil {
			return fmt.Errorf("%w: program %s is missing (Debian packages samba, samba-ad-dc, samba-ad-provision, ldb-tools, ldap-utils)", ErrUnavailable, program)
		}
	}
	return nil
}

// lookPath finds programs in the system folders first, so that samba-tool gets the
// system's Python and programs in sbin are found.
func lookPath(program string) (string, error) {
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if p, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return p, nil
		}
	}
	return exec.LookPath(program)
}

// prepare chooses folder and address and fills in the names.
func (d *Domain) prepare(o Options) error {
	var err error
	if d.Dir == "" {
		if d.Dir, err = os.MkdirTemp("", "sambatest-"); err != nil {
			return err
		}
		d.temporary = true
	} else if d.Dir, err = filepath.Abs(d.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(d.Dir, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(d.Dir, 0o755); err != nil { // Samba's helpers run as other users
		return err
	}
	if d.Address, d.lock, err = reserveAddress(o.Address); err != nil {
		return err
	}
	d.Realm, d.DNSDomain = o.Realm, strings.ToLower(o.Realm)
	d.NetBIOS, _, _ = strings.Cut(o.Realm, ".")
	d.Host = "dc1." + d.DNSDomain
	d.BaseDN = "DC=" + strings.ReplaceAll(d.DNSDomain, ".", ",DC=")
	d.URL, d.PlainURL = "ldaps://"+d.Address, "ldap://"+d.Address
	d.CAFile = d.path("tls", "ca.pem")
	d.AdminDN, d.AdminUPN = "CN=Administrator,CN=Users,"+d.BaseDN, "Administrator@"+d.DNSDomain
	d.Population = Population{Users: o.Users, Groups: o.Groups, BaseDN: d.BaseDN, DNSDomain: d.DNSDomain}
	return nil
}

func (d *Domain) build(ctx context.Context, o Options) error {
	if err := d.copyTemplate(ctx, o); err != nil {
		return err
	}
	if err := writeTLS(d.path("tls"), d.Realm, d.Host, d.Address); err != nil {
		return err
	}
	if err := d.writeConfig(o); err != nil {
		return err
	}
	if o.Users+o.Groups > 0 {
		if err := d.Populate(ctx, d.Population); err != nil {
			return err
		}
	}
	if o.Delegate {
		if err := d.delegate(ctx); err != nil {
			return err
		}
	}
	return d.Restart(ctx)
}

func (d *Domain) path(elem ...string) string {
	return filepath.Join(append([]string{d.Dir}, elem...)...)
}

// startsWithin is how long a domain controller may take until it answers, on a busy machine.
const startsWithin = 5 * time.Minute

// Restart starts the domain controller, after stopping it where it runs, and returns when
// it answers. Everything that was acknowledged is still there, even after [Domain.Kill].
func (d *Domain) Restart(ctx context.Context) error {
	if err := d.Stop(); err != nil {
		return err
	}
	if err := d.launch(); err != nil {
		return err
	}
	deadline := time.Now().Add(startsWithin)
	for time.Now().Before(deadline) {
		select {
		case <-d.exited:
			return fmt.Errorf("sambatest: samba ended at once: %s", d.logTail())
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), d.Stop())
		case <-time.After(20 * time.Millisecond):
		}
		if _, err := d.ldapTool(ctx, "ldapsearch", "", "-LLL", "-s", "base", "-b", d.BaseDN, "1.1"); err == nil {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("sambatest: no answer in %v: %s", startsWithin, d.logTail()), d.Stop())
}

// launch starts samba in a process group of its own. It ends when this process does: its
// standard input is a pipe from here, and Samba in the foreground stops at its end.
func (d *Domain) launch() error {
	samba, err := lookPath("samba")
	if err != nil {
		return err
	}
	out, err := os.OpenFile(d.path("log", "stdout.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(samba, "--foreground", "--no-process-group", "--model=prefork", "--configfile="+d.configFile())
	cmd.Env = d.environ()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("sambatest: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait() //nolint:errcheck // an exit status says nothing here; the log does
		close(exited)
	}()
	d.process, d.stdin, d.exited = cmd, stdin, exited
	return nil
}

// Stop ends the domain controller in good order. It is a no-op where it does not run.
func (d *Domain) Stop() error { return d.signal(syscall.SIGTERM) }

// Kill ends the domain controller and all its children at once, as a power cut would.
func (d *Domain) Kill() error { return d.signal(syscall.SIGKILL) }

func (d *Domain) signal(sig syscall.Signal) error {
	if d.process == nil {
		return nil
	}
	group := -d.process.Process.Pid // samba was started as the leader of its own group
	syscall.Kill(group, sig)        //nolint:errcheck // gone already is what we want
	d.stdin.Close()                 //nolint:errcheck // ditto
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if errors.Is(syscall.Kill(group, 0), syscall.ESRCH) {
			break
		}
		if time.Now().After(deadline) {
			syscall.Kill(group, syscall.SIGKILL) //nolint:errcheck // the last resort
			break
		}
	}
	<-d.exited
	d.process = nil
	return nil
}

// Close stops the domain controller, removes its temporary folder and gives the address
// back. It is idempotent.
func (d *Domain) Close() error {
	err := d.Stop()
	if d.temporary {
		err = errors.Join(err, os.RemoveAll(d.Dir))
	}
	if d.lock != nil {
		d.lock.Close() //nolint:errcheck // releases the lock
		d.lock = nil
	}
	return err
}

func (d *Domain) logTail() string {
	var tail []string
	for _, name := range []string{"stdout.log", "samba.log"} {
		if b, err := os.ReadFile(d.path("log", name)); err == nil {
			tail = append(tail, string(b[max(0, len(b)-1000):]))
		}
	}
	return strings.Join(tail, "\n")
}
