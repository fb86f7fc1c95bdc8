package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/credential"
)

// world is a mock tenant and what the program knows of it.
type world struct {
	t    *testing.T
	srv  *entratest.Server
	args []string
	dir  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	srv := entratest.NewServer(t, nil)
	dir := t.TempDir()
	sim, err := json.Marshal(map[string]string{
		"graph": srv.GraphURL, "authority": srv.AuthorityURL, "tenant": srv.TenantID,
		"client_id": srv.ClientID, "client_secret": srv.ClientSecret, "ca_file": srv.CAFile(),
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tenant.json"), sim, 0o600))
	return &world{t, srv, []string{"-sim", filepath.Join(dir, "tenant.json"), "-dir", filepath.Join(dir, "identity"), "-overlap", "-1s", "-log", "debug"}, dir}
}

func (w *world) try(args ...string) (stdout, stderr string, err error) {
	w.t.Helper()
	var out, errs bytes.Buffer
	err = run(w.t.Context(), append(args, w.args...), &out, &errs)
	for _, text := range []string{out.String(), errs.String()} {
		require.NotContains(w.t, text, w.srv.ClientSecret)
		require.NotContains(w.t, text, "eyJ", "no tokens")
		require.NotContains(w.t, text, "PRIVATE KEY")
	}
	return out.String(), errs.String(), err
}

func (w *world) do(args ...string) string {
	w.t.Helper()
	out, errs, err := w.try(args...)
	require.NoError(w.t, err, "%v: %s", args, errs)
	return out
}

func (w *world) status() credential.Status {
	w.t.Helper()
	var s credential.Status
	require.NoError(w.t, json.Unmarshal([]byte(w.do("show", "-json")), &s))
	return s
}

func TestManaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Contains(t, w.do("show"), "not set up")
	out := w.do("create")
	require.Contains(t, out, "CN=hybridsync")
	require.Contains(t, out, "89 days left")
	require.Contains(t, out, "warning", "the seal lies in a file")
	first := w.status()
	require.Contains(t, w.do("rotate"), "previous")
	second := w.status()
	require.Equal(t, first.Current.Thumbprint, second.Previous.Thumbprint)
	w.do("rollback")
	require.Equal(t, first.Current.Thumbprint, w.status().Current.Thumbprint)
	out = w.do("check")
	require.Contains(t, out, "not protected by hardware")
	w.do("maintain")
	w.do("revoke", w.status().Previous.Thumbprint)
	w.do("revoke", strings.ToLower(first.Current.SHA256Hash))
	out, _, err := w.try("check")
	require.ErrorIs(t, err, errSilent)
	require.Contains(t, out, "ERROR    the current certificate was revoked")
	w.do("rotate")
	var found []credential.Finding
	require.NoError(t, json.Unmarshal([]byte(w.do("check", "-json")), &found))
	require.NotEmpty(t, found)
	w.do("remove")
	require.Contains(t, w.do("show"), "not set up")
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"sing"}, "no command"},
		{[]string{"revoke"}, "takes 1"},
		{[]string{"show", "extra"}, "takes 0"},
		{[]string{"show", "-keystore", "drawer"}, "keystore"},
		{[]string{"show", "-seal", "wax"}, "seal"},
		{[]string{"show", "-mode", "magic"}, "not known"},
		{[]string{"show", "-mode", "byoa"}, "ClientID"},
		{[]string{"create", "-admin", "me"}, "-admin"},
		{[]string{"create", "-mode", "byoc"}, "a file"},
		{[]string{"create", "-mode", "byoc", "-certificate", filepath.Join(w.dir, "tenant.json")}, "neither PEM nor"},
		{[]string{"show", "-ca-file", filepath.Join(w.dir, "none")}, "-ca-file"},
		{[]string{"show", "-keystore", "tpm", "-tpm-device", filepath.Join(w.dir, "none")}, "tpm"},
		{[]string{"show", "-keystore", "pkcs11"}, "pkcs11"},
		{[]string{"show", "-keystore", "cng"}, "Windows"},
		{[]string{"rotate"}, "not set up"},
	} {
		var out, errs bytes.Buffer
		args := append(append([]string{}, tt.args...), "-dir", filepath.Join(w.dir, "bad"))
		if len(tt.args) > 0 && tt.args[0] != "sing" {
			args = append(args, "-sim", filepath.Join(w.dir, "tenant.json"))
		}
		err := run(t.Context(), args, &out, &errs)
		require.ErrorContains(t, err, tt.want, "%v", tt.args)
	}
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out, &out))
	require.Contains(t, out.String(), "rollback")
}
