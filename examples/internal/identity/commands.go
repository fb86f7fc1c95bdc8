package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/hybridsync/hybridsync/credential"
)

// A Console carries an administrator's commands out.
type Console struct {
	Manager  *credential.Manager
	Admin    azcore.TokenCredential // nil for none
	Provided *credential.Provided   // the administrator's certificate, nil for none
	Out      io.Writer
	JSON     bool
}

// A Command is one of the commands.
type Command struct {
	Name, Args, Help string
	Run              func(ctx context.Context, c *Console, args []string) error
}

// Commands are what an administrator does with an identity.
func Commands() []Command {
	then := func(fn func(context.Context, *Console) error) func(context.Context, *Console, []string) error {
		return func(ctx context.Context, c *Console, _ []string) error {
			if err := fn(ctx, c); err != nil {
				return err
			}
			return c.show(ctx)
		}
	}
	return []Command{
		{"create", "", "create application, key and certificate, or take yours; run again to resume",
			then(func(ctx context.Context, c *Console) error { return c.Manager.Setup(ctx, c.Admin, c.Provided) })},
		{"show", "", "show the certificate in use",
			func(ctx context.Context, c *Console, _ []string) error { return c.show(ctx) }},
		{"rotate", "", "replace the certificate now",
			then(func(ctx context.Context, c *Console) error { return c.Manager.Rotate(ctx, c.Admin, c.Provided) })},
		{"rollback", "", "go back to the previous certificate",
			then(func(ctx context.Context, c *Console) error { return c.Manager.Rollback(ctx, c.Admin) })},
		{"revoke", "THUMBPRINT", "take a certificate away; tokens that were issued stay valid until they end",
			func(ctx context.Context, c *Console, args []string) error {
				if err := c.Manager.Revoke(ctx, args[0], c.Admin); err != nil {
					return err
				}
				return c.show(ctx)
			}},
		{"check", "", "check that everything is in order; change nothing",
			func(ctx context.Context, c *Console, _ []string) error { return c.check(ctx) }},
		{"maintain", "", "do what is due: rotate, remove old certificates",
			then(func(ctx context.Context, c *Console) error { return c.Manager.Maintain(ctx) })},
		{"remove", "", "remove the identity",
			then(func(ctx context.Context, c *Console) error { return c.Manager.Remove(ctx, c.Admin) })},
	}
}

// ErrNotInOrder ends a check that has found and told something.
var ErrNotInOrder = errors.New("not everything is in order")

// Administrator returns the credential of an administrator: "cli" for that of az login, "secret" for
// the application in ADMIN_CLIENT_ID and ADMIN_CLIENT_SECRET, "" for none.
func Administrator(way string, id credential.Identity, o *credential.Options) (azcore.TokenCredential, error) {
	switch way {
	case "":
		return nil, nil
	case "cli":
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: id.TenantID})
	case "secret":
		id.ClientID = os.Getenv("ADMIN_CLIENT_ID")
		return credential.FromClientSecret(id, credential.NewSecret(os.Getenv("ADMIN_CLIENT_SECRET")), o)
	}
	return nil, fmt.Errorf("-admin: %q is not cli or secret", way)
}

func (c *Console) show(ctx context.Context) error {
	s, err := c.Manager.Status(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(s)
	}
	w := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { _, _ = fmt.Fprintf(w, "%s\t%v\n", name, value) }
	row("state", stepName(s.Step))
	row("mode", s.Mode)
	row("tenant", s.TenantID)
	if s.ClientID != "" {
		row("application", s.ClientID)
	}
	if v := s.Current; v != nil {
		row("key store", v.KeyStore)
		row("hardware-bound", yes(v.HardwareBound))
		row("automatic rotation", yes(v.AutoRotation))
		row("key id", v.KeyID)
		row("thumbprint", v.Thumbprint)
		row("SHA-256", v.SHA256Hash)
		row("subject", v.Subject)
		row("issuer", v.Issuer)
		row("serial number", v.SerialNumber)
		row("valid from", v.NotBefore.Format(time.RFC3339))
		row("valid to", fmt.Sprintf("%s (%d days left, %.0f%% used)", v.NotAfter.Format(time.RFC3339), v.DaysRemaining, v.PercentUsed))
		row("rotation due", v.RotationDue.Format(time.RFC3339))
	}
	if v := s.Previous; v != nil {
		row("previous", fmt.Sprintf("%s, valid to %s", v.Thumbprint, v.NotAfter.Format(time.RFC3339)))
	}
	for _, r := range s.Retired {
		text := r.Thumbprint + ", to be removed after " + r.RemoveAfter.Format(time.RFC3339)
		if r.Problem != "" {
			text = fmt.Sprintf("%s, key id %s, could not be removed: %s", r.Thumbprint, r.KeyID, r.Problem)
		}
		row("old certificate", text)
	}
	if s.Warning != "" {
		row("warning", s.Warning)
	}
	return w.Flush()
}

func stepName(s credential.Step) string {
	if s == credential.StepNone {
		return "not set up"
	}
	return string(s)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (c *Console) printJSON(v any) error {
	e := json.NewEncoder(c.Out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// check succeeds when nothing that was found is an error.
func (c *Console) check(ctx context.Context) error {
	found, err := c.Manager.Preflight(ctx, c.Admin)
	if err != nil {
		return err
	}
	if c.JSON {
		if found == nil {
			found = []credential.Finding{}
		}
		err = c.printJSON(found)
	} else {
		for _, f := range found {
			_, _ = fmt.Fprintf(c.Out, "%-8s %s\n", strings.ToUpper(string(f.Severity)), f.Text)
			if f.Remedy != "" {
				_, _ = fmt.Fprintf(c.Out, "         → %s\n", f.Remedy)
			}
		}
		if len(found) == 0 {
			_, _ = fmt.Fprintln(c.Out, "everything is in order")
		}
	}
	if err == nil && slices.ContainsFunc(found, func(f credential.Finding) bool { return f.Severity == credential.SeverityError }) {
		return ErrNotInOrder
	}
	return err
}
