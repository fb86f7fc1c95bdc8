package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/examples/internal/identity"
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
	identity *identity.Identity
	console  identity.Console
}

func open(s settings, out io.Writer, log *slog.Logger) (*app, error) {
	if err := s.simulated(); err != nil {
		return nil, fmt.Errorf("-sim: %w", err)
	}
	pool, err := identity.Authorities(s.caFile)
	if err != nil {
		return nil, fmt.Errorf("-ca-file: %w", err)
	}
	options := credential.Options{RootCAs: pool}
	a := &app{settings: s, console: identity.Console{Out: out, JSON: s.json}}
	a.identity, err = identity.Open(identity.Config{
		Settings: credential.Settings{
			Mode: credential.Mode(s.mode), Name: s.name, TenantID: s.tenant, ClientID: s.client, ObjectID: s.object,
			Authority: s.authority, GraphURL: s.graph,
		},
		Dir: s.dir, KeyStore: s.keyStore, Seal: s.seal, Device: s.device, Module: s.module, Token: s.token,
		Secret: func() (credential.Secret, error) {
			name := "HYBRIDSYNC_PASSPHRASE"
			if s.keyStore == "pkcs11" {
				name = "HYBRIDSYNC_PIN"
			}
			return credential.NewSecret(os.Getenv(name)), nil
		},
	}, nil, &credential.ManagerOptions{
		Options: options, Logger: log, Overlap: s.overlap, Lifetime: s.lifetime,
		FilePassword: func(context.Context, string) (credential.Secret, error) {
			return credential.NewSecret(os.Getenv("HYBRIDSYNC_CERTIFICATE_PASSWORD")), nil
		},
	})
	if err != nil {
		return nil, err
	}
	a.console.Manager = a.identity.Manager
	if s.file != "" {
		a.console.Provided = &credential.Provided{File: s.file}
	}
	if a.console.Admin, err = s.administrator(&options); err != nil {
		return nil, errors.Join(err, a.identity.Close())
	}
	return a, nil
}

// administrator returns the administrator's credential, nil for none.
func (s *settings) administrator(o *credential.Options) (azcore.TokenCredential, error) {
	id := credential.Identity{TenantID: s.tenant, ClientID: s.adminClient, Authority: s.authority}
	if s.admin == "secret" && s.adminClient != "" {
		return credential.FromClientSecret(id, s.adminSecret, o)
	}
	return identity.Administrator(s.admin, id, o)
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
