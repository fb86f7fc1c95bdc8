package sambatest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Edit changes the directory over LDAPS as the administrator. The text is LDIF with change
// records, as ldapmodify takes it; %BASE% stands for the domain's DN.
func (d *Domain) Edit(ctx context.Context, ldif string) error {
	_, err := d.ldapTool(ctx, "ldapmodify", strings.ReplaceAll(ldif, "%BASE%", d.BaseDN))
	return err
}

// MustEdit is [Domain.Edit] that fails the test.
func (d *Domain) MustEdit(t testing.TB, ldif string) {
	t.Helper()
	if err := d.Edit(t.Context(), ldif); err != nil {
		t.Fatal(err)
	}
}

// DeleteTree removes an object with all that is beneath it, over LDAPS as the
// administrator.
func (d *Domain) DeleteTree(ctx context.Context, dn string) error {
	_, err := d.ldapTool(ctx, "ldapdelete", "", "-e", "!1.2.840.113556.1.4.805", dn)
	return err
}

// Search returns what ldapsearch prints, as the administrator, with unwrapped lines and no
// comments. Arguments are those of ldapsearch: options, filter, attributes.
func (d *Domain) Search(ctx context.Context, args ...string) (string, error) {
	return d.ldapTool(ctx, "ldapsearch", "", append([]string{"-LLL", "-o", "ldif-wrap=no"}, args...)...)
}

// EditOffline changes the database itself, as the system, past LDAP and its access checks.
func (d *Domain) EditOffline(ctx context.Context, ldif string) error {
	_, err := d.ldbTool(ctx, "ldbmodify", strings.ReplaceAll(ldif, "%BASE%", d.BaseDN), "--show-deleted", "--controls=sd_flags:1:4")
	return err
}

func (d *Domain) ldapTool(ctx context.Context, program, input string, args ...string) (string, error) {
	return d.run(ctx, program, input, append([]string{"-x", "-o", "nettimeout=5", "-H", d.URL, "-D", d.AdminUPN, "-w", Password}, args...)...)
}

func (d *Domain) ldbTool(ctx context.Context, program, input string, args ...string) (string, error) {
	return d.run(ctx, program, input, append([]string{"-H", d.path("private", "sam.ldb"), "--configfile=" + d.configFile()}, args...)...)
}

// Populate adds a population straight to the database in one transaction; a running domain
// controller sees it at once. Without batch mode the indexes would be copied for every
// record, which makes it quadratic.
func (d *Domain) Populate(ctx context.Context, p Population) error {
	name := d.path("population.ldif")
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer os.Remove(name) //nolint:errcheck // a leftover harms nobody
	if err := p.WriteLDIF(f); err != nil {
		f.Close() //nolint:errcheck // the first error counts
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	_, err = d.ldbTool(ctx, "ldbadd", "", "-o", "batch_mode:1", "-o", "transaction_index_cache_size:100000", name)
	return err
}

// Rights that a sync connector needs, as the SDDL of entries for the account %s on the
// domain: replicating changes, all of them, and writing three attributes of users.
const connectorRights = "(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;%[1]s)" +
	"(OA;;CR;1131f6ad-9c07-11d1-f79f-00c04fc2dcd2;;%[1]s)" +
	"(OA;CIIO;WP;23773dc2-b63a-11d2-90e1-00c04fd91ab1;bf967aba-0de6-11d0-a285-00aa003049e2;%[1]s)" +
	"(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;bf967aba-0de6-11d0-a285-00aa003049e2;%[1]s)" +
	"(OA;CIIO;WP;bf967a0a-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;%[1]s)"

// delegate creates the two accounts without administrative rights.
func (d *Domain) delegate(ctx context.Context) error {
	for _, name := range []string{"svc-sync", "svc-reader"} {
		if err := d.Tool(ctx, "user", "create", name, Password); err != nil {
			return err
		}
	}
	found, err := d.ldbTool(ctx, "ldbsearch", "", "-b", d.BaseDN, "(sAMAccountName=svc-sync)", "objectSid")
	if err != nil {
		return err
	}
	_, sid, ok := strings.Cut(found, "objectSid: ")
	if !ok {
		return fmt.Errorf("sambatest: the connector account has no objectSid")
	}
	sid, _, _ = strings.Cut(sid, "\n")
	if err := d.Tool(ctx, "dsacl", "set", "--action=allow", "--objectdn="+d.BaseDN, "--sddl="+fmt.Sprintf(connectorRights, sid)); err != nil {
		return err
	}
	// Active Directory shows deletions to whoever may replicate changes; Samba asks for the
	// right to list the container too.
	err = d.EditOffline(ctx, fmt.Sprintf("dn: CN=Deleted Objects,%s\nchangetype: modify\nreplace: nTSecurityDescriptor\n"+
		"nTSecurityDescriptor: D:PAI(A;;RPWPCCDCLCRCWOWDSDSW;;;SY)(A;;RPLC;;;BA)(A;;RPLC;;;%s)\n", d.BaseDN, sid))
	d.ConnectorUPN, d.ReaderUPN = "svc-sync@"+d.DNSDomain, "svc-reader@"+d.DNSDomain
	return err
}

// ExportKeytab writes the keys of an account to a file.
func (d *Domain) ExportKeytab(ctx context.Context, account, file string) error {
	_, err := d.run(ctx, "samba-tool", "", "domain", "exportkeytab", file, "--principal="+account, "--configfile="+d.configFile())
	return err
}

// Tool runs samba-tool with these arguments on the domain's database.
func (d *Domain) Tool(ctx context.Context, args ...string) error {
	_, err := d.run(ctx, "samba-tool", "", append(args, "--configfile="+d.configFile(), "-H", d.path("private", "sam.ldb"))...)
	return err
}
