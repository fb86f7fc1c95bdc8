package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/cng"
	"github.com/hybridsync/hybridsync/credential/pkcs11"
	"github.com/hybridsync/hybridsync/credential/software"
	"github.com/hybridsync/hybridsync/credential/tpm"
)

// settings are the command line.
type settings struct {
	mode, name, tenant, client, object string
	authority, graph, caFile, sim      string
	dir, keyStore, seal                string
	device, module, token              string
	file, admin                        string
	overlap, lifetime                  time.Duration
	json, watch                        bool
	logLevel                           string

	adminClient string // of -sim
	adminSecret credential.Secret
}

func (s *settings) register(f *flag.FlagSet) {
	f.StringVar(&s.dir, "dir", "identity", "`folder` for the state and for keys of the stores software and tpm")
	f.StringVar(&s.mode, "mode", "managed", "who makes application and certificate: managed, byoc, byoa")
	f.StringVar(&s.name, "name", "hybridsync", "`name` of application and certificate")
	f.StringVar(&s.tenant, "tenant", os.Getenv("AZURE_TENANT_ID"), "tenant `id` or domain")
	f.StringVar(&s.client, "client-id", "", "application `id`, in mode byoa")
	f.StringVar(&s.object, "object-id", "", "object `id` of the application, in mode byoa without a permission to read it")
	f.StringVar(&s.authority, "authority", "", "`URL` of the token service; default: the public cloud's")
	f.StringVar(&s.graph, "graph", "", "`URL` of Microsoft Graph with its version; default: the public cloud's")
	f.StringVar(&s.caFile, "ca-file", "", "`file` of certificate authorities to trust besides the system's")
	f.StringVar(&s.sim, "sim", "", "`file` with what the mock tenant printed: sets tenant, addresses and administrator")
	f.StringVar(&s.keyStore, "keystore", "software", "where private keys are: software, tpm, pkcs11, or, on Windows, cng")
	f.StringVar(&s.seal, "seal", "file", "what seals keys of the store software: file, passphrase (from HYBRIDSYNC_PASSPHRASE), systemd:NAME")
	f.StringVar(&s.device, "tpm-device", "", "device `file` of the TPM")
	f.StringVar(&s.module, "pkcs11-module", "", "PKCS #11 library `file`")
	f.StringVar(&s.token, "pkcs11-token", "", "`label` of the token; its PIN comes from HYBRIDSYNC_PIN")
	f.StringVar(&s.file, "certificate", "", "your certificate with its key in a `file`, PEM or PKCS#12, in modes byoc and byoa; its password comes from HYBRIDSYNC_CERTIFICATE_PASSWORD")
	f.StringVar(&s.admin, "admin", "", "administrator: cli (az login) or secret (ADMIN_CLIENT_ID, ADMIN_CLIENT_SECRET)")
	f.DurationVar(&s.overlap, "overlap", 0, "how long an old certificate stays on the application; 0 means an hour, negative not at all")
	f.DurationVar(&s.lifetime, "lifetime", 0, "of new certificates; 0 means 90 days")
	f.BoolVar(&s.watch, "watch", false, "with maintain: go on until interrupted")
	f.BoolVar(&s.json, "json", false, "print results as JSON")
	f.StringVar(&s.logLevel, "log", "warn", "write log records of this `level` and above: debug, info, warn, error")
}

// app is everything wired together.
type app struct {
	settings
	out     io.Writer
	manager *credential.Manager
	options credential.Options
	close   func() error
}

func open(s settings, out io.Writer, log *slog.Logger) (*app, error) {
	if err := s.simulated(); err != nil {
		return nil, fmt.Errorf("-sim: %w", err)
	}
	a := &app{settings: s, out: out, close: func() error { return nil }}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	pool, err := authorities(s.caFile)
	if err != nil {
		return nil, fmt.Errorf("-ca-file: %w", err)
	}
	a.options = credential.Options{RootCAs: pool}
	keys, err := a.keys()
	if err != nil {
		return nil, err
	}
	a.manager, err = credential.NewManager(credential.Settings{
		Mode: credential.Mode(s.mode), Name: s.name, TenantID: s.tenant, ClientID: s.client, ObjectID: s.object,
		Authority: s.authority, GraphURL: s.graph,
	}, keys, credential.NewFileState(filepath.Join(s.dir, "identity.json")), &credential.ManagerOptions{
		Options: a.options, Logger: log, Overlap: s.overlap, Lifetime: s.lifetime,
		FilePassword: func(context.Context, string) (credential.Secret, error) {
			return credential.NewSecret(os.Getenv("HYBRIDSYNC_CERTIFICATE_PASSWORD")), nil
		},
	})
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// keys opens the key store.
func (a *app) keys() (credential.KeyStore, error) {
	switch a.keyStore {
	case "software":
		seal, err := a.protector()
		if err != nil {
			return nil, err
		}
		return store(software.Open(filepath.Join(a.dir, "keys"), seal))
	case "tpm":
		s, err := tpm.OpenDevice(a.device, filepath.Join(a.dir, "tpm-keys"), nil)
		return closable(a, s, err)
	case "pkcs11":
		s, err := pkcs11.Open(pkcs11.Config{Module: a.module, Token: a.token, PIN: credential.NewSecret(os.Getenv("HYBRIDSYNC_PIN"))})
		return closable(a, s, err)
	case "cng":
		s, err := cng.Open(nil)
		return closable(a, s, err)
	}
	return nil, fmt.Errorf("-keystore: %q is not software, tpm, pkcs11 or cng", a.keyStore)
}

// closable has a key store closed at the end.
func closable[S interface {
	credential.KeyStore
	Close() error
}](a *app, s S, err error) (credential.KeyStore, error) {
	if err != nil {
		return nil, err
	}
	a.close = s.Close
	return s, nil
}

// store keeps a nil pointer out of the interface.
func store(s *software.Store, err error) (credential.KeyStore, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (a *app) protector() (software.Protector, error) {
	name, isSystemd := strings.CutPrefix(a.seal, "systemd:")
	switch {
	case isSystemd:
		return software.SystemdCredential(name), nil
	case a.seal == "passphrase":
		return software.Passphrase(credential.NewSecret(os.Getenv("HYBRIDSYNC_PASSPHRASE"))), nil
	case a.seal == "file":
		return software.KeyFile(filepath.Join(a.dir, "seal")), nil
	}
	return software.Protector{}, fmt.Errorf("-seal: %q is not file, passphrase or systemd:NAME", a.seal)
}

// administrator returns the administrator's credential, nil for none.
func (a *app) administrator() (azcore.TokenCredential, error) {
	switch a.admin {
	case "":
		return nil, nil
	case "cli":
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: a.tenant})
	case "secret":
		id, secret := os.Getenv("ADMIN_CLIENT_ID"), credential.NewSecret(os.Getenv("ADMIN_CLIENT_SECRET"))
		if a.adminClient != "" {
			id, secret = a.adminClient, a.adminSecret
		}
		return credential.FromClientSecret(credential.Identity{TenantID: a.tenant, ClientID: id, Authority: a.authority}, secret, &a.options)
	}
	return nil, fmt.Errorf("-admin: %q is not cli or secret", a.admin)
}

// provided returns the administrator's certificate, nil for none.
func (a *app) provided() *credential.Provided {
	if a.file == "" {
		return nil
	}
	return &credential.Provided{File: a.file}
}

// simulated reads what the mock tenant printed. What the command line says goes first.
func (s *settings) simulated() error {
	if s.sim == "" {
		return nil
	}
	data, err := os.ReadFile(s.sim)
	if err != nil {
		return err
	}
	var t struct {
		Graph        string `json:"graph"`
		Authority    string `json:"authority"`
		Tenant       string `json:"tenant"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		CAFile       string `json:"ca_file"`
	}
	if err := json.Unmarshal(data, &t); err != nil {
		return err
	}
	for field, value := range map[*string]string{
		&s.graph: t.Graph, &s.authority: t.Authority, &s.tenant: t.Tenant, &s.caFile: t.CAFile, &s.admin: "secret",
	} {
		if *field == "" {
			*field = value
		}
	}
	s.adminClient, s.adminSecret = t.ClientID, credential.NewSecret(t.ClientSecret)
	return nil
}

// authorities returns the system's certificate authorities and those in a file, nil for the
// system's alone.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return pool, nil
}
