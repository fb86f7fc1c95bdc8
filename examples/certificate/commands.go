package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hybridsync/hybridsync/credential"
)

func create(ctx context.Context, a *app, _ []string) error {
	admin, err := a.administrator()
	if err != nil {
		return err
	}
	if err := a.manager.Setup(ctx, admin, a.provided()); err != nil {
		return err
	}
	return show(ctx, a, nil)
}

func show(ctx context.Context, a *app, _ []string) error {
	s, err := a.manager.Status(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(s)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
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

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func rotate(ctx context.Context, a *app, _ []string) error {
	admin, err := a.administrator()
	if err != nil {
		return err
	}
	if err := a.manager.Rotate(ctx, admin, a.provided()); err != nil {
		return err
	}
	return show(ctx, a, nil)
}

func rollback(ctx context.Context, a *app, _ []string) error {
	admin, err := a.administrator()
	if err != nil {
		return err
	}
	if err := a.manager.Rollback(ctx, admin); err != nil {
		return err
	}
	return show(ctx, a, nil)
}

func revoke(ctx context.Context, a *app, args []string) error {
	admin, err := a.administrator()
	if err != nil {
		return err
	}
	if err := a.manager.Revoke(ctx, args[0], admin); err != nil {
		return err
	}
	return show(ctx, a, nil)
}

func maintain(ctx context.Context, a *app, _ []string) error {
	if a.watch {
		return a.manager.Run(ctx)
	}
	if err := a.manager.Maintain(ctx); err != nil {
		return err
	}
	return show(ctx, a, nil)
}

func remove(ctx context.Context, a *app, _ []string) error {
	admin, err := a.administrator()
	if err != nil {
		return err
	}
	return a.manager.Remove(ctx, admin)
}

// check succeeds when nothing that was found is an error.
func check(ctx context.Context, a *app, _ []string) error {
	admin, err := a.administrator()
	if err != nil {
		return err
	}
	found, err := a.manager.Preflight(ctx, admin)
	if err != nil {
		return err
	}
	if a.json {
		if found == nil {
			found = []credential.Finding{}
		}
		err = a.printJSON(found)
	} else {
		for _, f := range found {
			_, _ = fmt.Fprintf(a.out, "%-8s %s\n", strings.ToUpper(string(f.Severity)), f.Text)
			if f.Remedy != "" {
				_, _ = fmt.Fprintf(a.out, "         → %s\n", f.Remedy)
			}
		}
		if len(found) == 0 {
			_, _ = fmt.Fprintln(a.out, "everything is in order")
		}
	}
	if err == nil && slices.ContainsFunc(found, func(f credential.Finding) bool { return f.Severity == credential.SeverityError }) {
		return errSilent
	}
	return err
}
