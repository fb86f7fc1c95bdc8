package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/ad"
)

// accountFlags are those of the account commands.
type accountFlags struct {
	directory    string
	domain       string
	admin        string
	name         string
	container    string
	passwordFile string
	record       string
}

// adminPassword is the environment variable with the administrator's password.
const adminPassword = "HYBRIDSYNC_ADMIN_PASSWORD"

// accountCommand is "account plan|create|grant|undo": the connector's account in a
// directory, with the permissions of what the configuration uses.
func accountCommand() command {
	return command{"account", "plan|create|grant|undo", "plan, make, permit or remove the account of a directory's connector", func(f *flag.FlagSet, i *invocation) {
		f.StringVar(&i.account.directory, "directory", "", "`name` of the directory; not needed where there is one")
		f.StringVar(&i.account.domain, "domain", "", "DNS `name` of the domain, of a directory of several")
		f.StringVar(&i.account.admin, "admin", "", "administrator to sign in as, with the password in "+adminPassword)
		f.StringVar(&i.account.name, "name", "", "account `name`; for create the default is MSOL_ and random digits, for plan and grant the configured user")
		f.StringVar(&i.account.container, "container", "", "`DN` of the container for a new account; the default is CN=Users")
		f.StringVar(&i.account.passwordFile, "password-file", "", "new `file` for the password of a new account")
		f.StringVar(&i.account.record, "record", "", "`file` that tells undo what was done; the default is account-DIRECTORY.json beside the configuration")
	}, account}
}

func account(ctx context.Context, i *invocation) error {
	verbs := []string{"plan", "create", "grant", "undo"}
	if len(i.args) != 1 || !slices.Contains(verbs, i.args[0]) {
		return fmt.Errorf("account: say one of %s", strings.Join(verbs, ", "))
	}
	c, err := loadConfig(i.path)
	if err != nil {
		return err
	}
	d, p, err := i.provisioner(c)
	if err != nil {
		return err
	}
	if i.account.record == "" {
		i.account.record = "account-" + strings.TrimSuffix(d.Name+"-"+i.account.domain, "-") + ".json"
		c.locate(&i.account.record)
	}
	if i.args[0] == "undo" {
		return i.undoAccount(ctx, p)
	}
	uses := d.WriteBack.uses()
	uses.Features = append(uses.Features, ad.FeatureDelta)
	request := ad.AccountRequest{Name: i.account.name, Container: i.account.container, Uses: uses}
	if i.args[0] == "grant" || i.args[0] == "plan" && i.account.container == "" && i.account.name == "" && accountName(d.User) != "" {
		request = ad.AccountRequest{Existing: i.account.name, Uses: uses}
		if request.Existing == "" {
			request.Existing = accountName(d.User)
		}
	}
	plan, err := p.Plan(ctx, request)
	if err != nil {
		return err
	}
	if err := i.showPlan(plan); err != nil || i.args[0] == "plan" {
		return err
	}
	return i.applyPlan(ctx, p, plan)
}

// provisioner returns the provisioner of the directory that is meant.
func (i *invocation) provisioner(c *config) (*directoryConfig, *ad.Provisioner, error) {
	at := slices.IndexFunc(c.Directories, func(d directoryConfig) bool { return d.Name == i.account.directory })
	if i.account.directory == "" && len(c.Directories) == 1 {
		at = 0
	}
	if at < 0 {
		return nil, nil, errors.New("account: name one of the directories of the configuration with -directory")
	}
	password := os.Getenv(adminPassword)
	if i.account.admin == "" || password == "" {
		return nil, nil, fmt.Errorf("account: -admin names an administrator of the domain, the environment variable %s holds the password", adminPassword)
	}
	d, err := c.Directories[at].inDomain(i.account.domain)
	if err != nil {
		return nil, nil, err
	}
	o := d.options(i.log)
	o.BindName, o.AllowAdministrator, o.Auth = i.account.admin, true, ad.AuthSimple
	o.Password = func(context.Context) (string, error) { return password, nil }
	admin, err := ad.New(d.Name, o)
	if err != nil {
		return nil, nil, err
	}
	return d, ad.NewProvisioner(admin), nil
}

// accountName takes the account name out of the name that it signs in with; a DN has none.
func accountName(user string) string {
	if _, name, ok := strings.Cut(user, `\`); ok {
		return name
	}
	if strings.Contains(user, "=") {
		return ""
	}
	name, _, _ := strings.Cut(user, "@")
	return name
}

func (i *invocation) showPlan(plan *ad.AccountPlan) error {
	if i.json {
		return i.printJSON(plan)
	}
	if plan.Create {
		fmt.Fprintf(i.out, "make the account %s\n", plan.DN)
	} else {
		fmt.Fprintf(i.out, "the account %s\n", plan.DN)
	}
	for _, g := range plan.Grants {
		if g.Held {
			fmt.Fprintf(i.out, "  has    %s\n", g.What)
		} else {
			fmt.Fprintf(i.out, "  grant  %s\n           %s\n", g.What, g.Command)
		}
	}
	return nil
}

// applyPlan carries a plan out and keeps the record of what was done.
func (i *invocation) applyPlan(ctx context.Context, p *ad.Provisioner, plan *ad.AccountPlan) error {
	if plan.Create && i.account.passwordFile == "" {
		return errors.New("account: -password-file names a new file for the account's password")
	}
	record, err := os.OpenFile(i.account.record, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("account: the record of what is done: %w; undo what it tells of, or name another with -record", err)
	}
	done, err := p.Apply(ctx, plan, func(_ context.Context, _, password string) error {
		return writeNew(i.account.passwordFile, password+"\n")
	})
	err = errors.Join(err, json.NewEncoder(record).Encode(done), record.Close())
	if err != nil {
		return fmt.Errorf("%w\nwhat was done is in %s: hybridsync account undo takes it back", err, i.account.record)
	}
	if !i.json {
		fmt.Fprintf(i.out, "done; %d permissions were added. hybridsync account undo -record %s takes it back\n", len(done.Grants), i.account.record)
	}
	return nil
}

// writeNew writes a file that nobody else can read and that was not there before.
func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func (i *invocation) undoAccount(ctx context.Context, p *ad.Provisioner) error {
	data, err := os.ReadFile(i.account.record)
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	var done ad.Provisioned
	if err := json.Unmarshal(data, &done); err != nil {
		return fmt.Errorf("account: %s is not a record of what was done: %w", i.account.record, err)
	}
	if err := p.Undo(ctx, &done); err != nil {
		return err
	}
	if err := os.Remove(i.account.record); err != nil {
		return err
	}
	if i.json {
		return i.printJSON(map[string]any{"dn": done.DN, "grants": len(done.Grants), "removed": done.Created})
	}
	fmt.Fprintf(i.out, "taken back: %d permissions of %s\n", len(done.Grants), done.DN)
	if done.Created {
		fmt.Fprintln(i.out, "the account is removed")
	}
	return nil
}
