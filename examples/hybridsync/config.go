package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/metaverse"
)

// config is the YAML file. Unknown keys are errors. Any text may contain ${NAME}, which
// stands for an environment variable, or be ${file:NAME}, which stands for the content of a
// file; passwords and client secrets should be nothing else.
type config struct {
	Store       string            `yaml:"store"`       // SQLite file; relative to the configuration file
	Directories []directoryConfig `yaml:"directories"` // on-premises directories, in order of preference
	Tenant      tenantConfig      `yaml:"tenant"`
	Rules       string            `yaml:"rules"`         // "standard" or a YAML file of rules
	Anchor      string            `yaml:"source_anchor"` // attribute that the source anchor is taken from
	Matching    string            `yaml:"matching"`      // how users of several forests are recognised as one person
	Safety      safetyConfig      `yaml:"safety"`
	Schedule    scheduleConfig    `yaml:"schedule"`
	Daemon      daemonConfig      `yaml:"daemon"`
	Alerts      alertConfig       `yaml:"alerts"`
	LeasePeriod duration          `yaml:"lease_period"` // how long the active one of several servers may be silent

	dir string // of the configuration file
}

type directoryConfig struct {
	Name      string         `yaml:"name"`
	URLs      []string       `yaml:"urls"`
	Domain    string         `yaml:"domain"` // instead of URLs: found through DNS
	Site      string         `yaml:"site"`
	Suffixes  []string       `yaml:"host_suffixes"`
	Auth      string         `yaml:"auth"`       // simple, kerberos or ntlm
	Protect   string         `yaml:"protection"` // tls, starttls or sealing
	Kerberos  kerberos       `yaml:"kerberos"`
	User      string         `yaml:"user"`
	Password  secretValue    `yaml:"password"`
	CAFile    string         `yaml:"ca_file"`
	Server    string         `yaml:"server_name"`
	Bases     []string       `yaml:"bases"`
	Include   []string       `yaml:"include"`
	Exclude   []string       `yaml:"exclude"`
	New       string         `yaml:"new_containers"` // include or hold
	Group     string         `yaml:"group_filter"`
	Filters   []filterConfig `yaml:"filters"` // objects that stay out whatever the rules say
	PageSize  int            `yaml:"page_size"`
	Exchange  bool           `yaml:"exchange"`
	WriteBack writeBack      `yaml:"write_back"`
	// AllowAdministrator accepts an account with the powers of a domain administrator.
	AllowAdministrator bool           `yaml:"allow_administrator"`
	Domains            []domainConfig `yaml:"domains"` // of a forest that is one directory, instead of urls and domain

	readOnly bool // of one of the domains
	devices  bool // they are written back to some domain of the forest
}

// domainConfig is one of several domains of a forest. What it leaves out is the directory's.
type domainConfig struct {
	Name     string      `yaml:"name"`     // DNS name of the domain
	Disabled bool        `yaml:"disabled"` // not imported: what was leaves the tenant
	URLs     []string    `yaml:"urls"`     // none: found through DNS
	Site     string      `yaml:"site"`
	User     string      `yaml:"user"`
	Password secretValue `yaml:"password"`
	CAFile   string      `yaml:"ca_file"`
	Server   string      `yaml:"server_name"`
	Bases    []string    `yaml:"bases"`
	Include  []string    `yaml:"include"`
	Exclude  []string    `yaml:"exclude"`
	Group    string      `yaml:"group_filter"`
	ReadOnly bool        `yaml:"read_only"` // nothing is written there, whatever write_back says
}

// filterConfig keeps the objects of a class out for which all conditions hold.
type filterConfig struct {
	Name  string            `yaml:"name"`  // for people
	Class string            `yaml:"class"` // such as user
	All   []conditionConfig `yaml:"all"`   // conditions, which all must hold
}

type conditionConfig struct {
	Attribute string `yaml:"attribute"` // such as employeeType
	Operator  string `yaml:"operator"`  // as in scopes of rules, such as EQUAL, STARTSWITH, ISNULL
	Value     string `yaml:"value"`
}

// writeBack says what is written to a directory. Nothing is by default.
type writeBack struct {
	ConsistencyGUID bool   `yaml:"consistency_guid"` // the source anchor of users, before they go to the cloud
	ExchangeHybrid  bool   `yaml:"exchange_hybrid"`
	Groups          string `yaml:"groups"`         // DN of the container for groups of the cloud
	Devices         string `yaml:"devices"`        // DN of the container for devices of the cloud
	PasswordReset   bool   `yaml:"password_reset"` // permissions are checked; nothing is written by cycles
	Rules           bool   `yaml:"rules"`          // what a file of rules says
}

// any reports whether cycles write to the directory at all.
func (w writeBack) any() bool {
	return w.ConsistencyGUID || w.ExchangeHybrid || w.Groups != "" || w.Devices != "" || w.Rules
}

// uses are the uses of the directory that need permissions.
func (w writeBack) uses() ad.Uses {
	u := ad.Uses{GroupContainer: w.Groups, DeviceContainer: w.Devices}
	for _, f := range []struct {
		on      bool
		feature ad.Feature
	}{
		{w.ConsistencyGUID, ad.FeatureConsistencyGUID}, {w.ExchangeHybrid, ad.FeatureExchangeHybrid},
		{w.PasswordReset, ad.FeaturePasswordReset}, {w.Groups != "", ad.FeatureGroups}, {w.Devices != "", ad.FeatureDevices},
	} {
		if f.on {
			u.Features = append(u.Features, f.feature)
		}
	}
	return u
}

// kerberos says how tickets are had for auth: kerberos.
type kerberos struct {
	Realm  string   `yaml:"realm"`
	KDCs   []string `yaml:"kdcs"`
	Config string   `yaml:"config_file"`
	Keytab string   `yaml:"keytab"`
	CCache string   `yaml:"ccache"`
	SPN    string   `yaml:"spn"`
}

type tenantConfig struct {
	Name            string         `yaml:"name"`
	Cloud           string         `yaml:"cloud"`
	TenantID        string         `yaml:"tenant_id"`
	ClientID        string         `yaml:"client_id"`
	ClientSecret    secretValue    `yaml:"client_secret"`
	CertificateFile string         `yaml:"certificate_file"`
	CertificatePass secretValue    `yaml:"certificate_password"`
	Identity        identityConfig `yaml:"identity"` // instead of the above: one whose certificate the program rotates
	Graph           string         `yaml:"graph"`
	Authority       string         `yaml:"authority"`
	CAFile          string         `yaml:"ca_file"`
	WritesPerSecond float64        `yaml:"writes_per_second"`
	Distribution    string         `yaml:"distribution_groups"`
	BlockHardMatch  bool           `yaml:"block_hard_match"`
	BlockSoftMatch  bool           `yaml:"block_soft_match"`
}

type safetyConfig struct {
	DeletionThreshold int     `yaml:"deletion_threshold"`
	HoldFraction      float64 `yaml:"hold_fraction"`
	HoldMinimum       int     `yaml:"hold_minimum"`
}

type scheduleConfig struct {
	Interval  duration `yaml:"interval"`
	Cron      string   `yaml:"cron"`         // instead of interval: five fields, or @daily
	Zone      string   `yaml:"time_zone"`    // of cron
	Jitter    duration `yaml:"jitter"`       // the largest random delay of a start
	Parallel  int      `yaml:"parallel"`     // imports, and exports, side by side
	SlowAfter duration `yaml:"slow_after"`   // a cycle that takes longer raises an event
	HangAfter duration `yaml:"hang_after"`   // a step without progress for so long is broken off
	History   duration `yaml:"keep_history"` // how long run steps are kept
}

// writtenAnchor is the attribute in which directories keep the source anchor, "" where it
// is not written.
func (c *config) writtenAnchor() string {
	for i := range c.Directories {
		if c.Directories[i].WriteBack.ConsistencyGUID || c.Directories[i].WriteBack.Rules {
			return "mS-DS-ConsistencyGuid"
		}
	}
	return ""
}

// daemonConfig is what the command run needs beside the rest.
type daemonConfig struct {
	Listen   string   `yaml:"listen"`     // address of metrics and health; "" serves none
	Traces   string   `yaml:"traces"`     // OTLP collector, as a URL; "" sends none
	TracesCA string   `yaml:"traces_ca"`  // certificate authorities of the collector
	Log      string   `yaml:"log_format"` // text or json
	Grace    duration `yaml:"stop_grace"` // how long steps may take to come to a safe point
}

// alertConfig says who hears of events.
type alertConfig struct {
	Webhook string      `yaml:"webhook"` // URL that events are posted to
	Token   secretValue `yaml:"token"`   // sent as a bearer token
	CAFile  string      `yaml:"ca_file"`
	Level   string      `yaml:"level"` // of the least event: info, warn or error
}

// duration is a time span such as 30m.
type duration time.Duration

// UnmarshalYAML implements the YAML library's interface.
func (d *duration) UnmarshalYAML(b []byte) error {
	var text string
	if err := yaml.Unmarshal(b, &text); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(text)
	*d = duration(parsed)
	return err
}

// MarshalYAML implements the YAML library's interface.
func (d duration) MarshalYAML() (any, error) { return d.String(), nil }

func (d duration) String() string { return time.Duration(d).String() }

// Bounds of lease_period. What is shorter is lost to a busy database, what is longer keeps nobody's
// accounts in step when a server dies.
const (
	minLeasePeriod = time.Second
	maxLeasePeriod = time.Hour
)

// maxConfig bounds the configuration file.
const maxConfig = 1 << 20

// loadConfig reads and checks a configuration file with all that it refers to. It reports
// every problem that it finds.
func loadConfig(path string) (*config, error) {
	c, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	if err := c.secrets(); err != nil {
		return nil, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	return c, nil
}

// readConfig is loadConfig without the secrets, for commands that need none.
func readConfig(path string) (*config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w; write one (see the README) or name it with -config", err)
	}
	if info.Size() > maxConfig {
		return nil, fmt.Errorf("configuration %s is larger than %d bytes", path, maxConfig)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("configuration %s is empty; see the README for one to start from", path)
	}
	c := &config{dir: filepath.Dir(path)}
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(c); err != nil {
		return nil, fmt.Errorf("configuration %s: %s", path, strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	if err := errors.Join(c.expand(), c.complete()); err != nil {
		return nil, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	return c, nil
}

// expand replaces references in all texts but secrets, which are read when they are needed.
func (c *config) expand() error {
	var errs []error
	texts(reflect.ValueOf(c).Elem(), "", func(path string, v reflect.Value) {
		if s, ok := reflect.TypeAssert[*secretValue](v.Addr()); ok {
			s.dir = c.dir
			return
		}
		text, err := expand(v.String(), c.dir)
		if err != nil {
			errs = append(errs, fmt.Errorf("  %s: %w", path, err))
		}
		v.SetString(text)
	})
	return errors.Join(errs...)
}

// secrets checks that every secret can be read.
func (c *config) secrets() error {
	var errs []error
	texts(reflect.ValueOf(c).Elem(), "", func(path string, v reflect.Value) {
		s, ok := reflect.TypeAssert[secretValue](v)
		if !ok {
			return
		}
		if _, err := s.read(); err != nil {
			errs = append(errs, fmt.Errorf("  %s: %w", path, err))
		}
	})
	return errors.Join(errs...)
}

// complete fills in defaults and reports what is missing.
func (c *config) complete() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("  "+format, args...)) }
	orText(&c.Store, "hybridsync.db")
	orText(&c.Rules, "standard")
	orText(&c.Anchor, "objectGUID")
	orText(&c.Matching, "once")
	if _, ok := matchings[c.Matching]; !ok {
		bad("matching: %q is none of %s", c.Matching, strings.Join(slices.Sorted(maps.Keys(matchings)), ", "))
	}
	orText(&c.Tenant.Name, "tenant")
	orText(&c.Tenant.Distribution, "security")
	orText(&c.Daemon.Log, "text")
	orText(&c.Alerts.Level, "warn")
	if c.Schedule.Cron == "" && c.Schedule.Interval == 0 {
		c.Schedule.Interval = duration(30 * time.Minute)
	}
	if c.LeasePeriod == 0 {
		c.LeasePeriod = duration(metaverse.DefaultLeasePeriod)
	}
	if p := time.Duration(c.LeasePeriod); p < minLeasePeriod || p > maxLeasePeriod {
		bad("lease_period: %v is not from %v to %v", p, minLeasePeriod, maxLeasePeriod)
	}
	if c.Daemon.Grace == 0 {
		c.Daemon.Grace = duration(30 * time.Second)
	}
	for _, file := range []*string{&c.Tenant.CertificateFile, &c.Tenant.CAFile, &c.Daemon.TracesCA, &c.Alerts.CAFile} {
		c.locate(file)
	}
	if !strings.Contains(c.Store, "://") { // else it is a database server
		c.locate(&c.Store)
	}
	if c.Rules != "standard" {
		c.locate(&c.Rules)
	}
	if len(c.Directories) == 0 {
		bad("directories: at least one is needed")
	}
	for i := range c.Directories {
		d := &c.Directories[i]
		for _, file := range []*string{&d.CAFile, &d.Kerberos.Config, &d.Kerberos.Keytab, &d.Kerberos.CCache} {
			c.locate(file)
		}
		if d.Name == "" {
			bad("directories[%d].name: is missing", i)
		}
		if d.WriteBack.ConsistencyGUID && c.Anchor != "mS-DS-ConsistencyGuid" {
			bad("directories[%d].write_back.consistency_guid: needs source_anchor: mS-DS-ConsistencyGuid", i)
		}
		if d.WriteBack.Rules && c.Rules == "standard" {
			bad("directories[%d].write_back.rules: is for a file of rules; the standard rules write what the other keys say", i)
		}
		c.completeDomains(d, fmt.Sprintf("directories[%d]", i), bad)
		if len(d.URLs) == 0 && d.Domain == "" && len(d.Domains) == 0 {
			bad("directories[%d].urls: is missing, for example ldaps://dc1.contoso.com, and so is domain, for example contoso.com", i)
		}
		for key, word := range map[string]struct {
			text  string
			words []string
		}{"auth": {d.Auth, keys(authWays)}, "protection": {d.Protect, keys(protections)}, "new_containers": {d.New, []string{"include", "hold"}}} {
			if word.text != "" && !slices.Contains(word.words, word.text) {
				bad("directories[%d].%s: %q is none of %s", i, key, word.text, strings.Join(word.words, ", "))
			}
		}
		ticket := d.Auth == "kerberos" && d.Kerberos.Keytab+d.Kerberos.CCache != ""
		if (d.User == "" || d.Password.IsZero()) && !ticket && !d.eachSignsIn() {
			bad("directories[%d]: user and password are needed; take the password from the environment: password: ${AD_PASSWORD}", i)
		}
	}
	t := &c.Tenant
	c.completeIdentity(bad)
	switch own := t.Identity.Mode == string(credential.BringYourOwnApplication); {
	case t.TenantID == "", t.ClientID == "" && !t.hasIdentity():
		bad("tenant: tenant_id and client_id are needed")
	case t.hasIdentity() && own == (t.ClientID == ""):
		bad("tenant: client_id is for identity.mode byoa; in the others the program makes the application")
	}
	ways := 0
	for _, used := range []bool{!t.ClientSecret.IsZero(), t.CertificateFile != "", t.hasIdentity()} {
		if used {
			ways++
		}
	}
	if ways != 1 {
		bad("tenant: exactly one of client_secret, certificate_file and identity is needed")
	}
	if _, ok := groupPolicies[t.Distribution]; !ok {
		bad("tenant.distribution_groups: %q is not microsoft365, security or reject", t.Distribution)
	}
	if _, err := c.filters(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.Schedule.options(); err != nil {
		bad("schedule: %v", err)
	}
	c.completeDaemon(bad)
	if t.WritesPerSecond == 0 && isLoopback(t.Graph) {
		t.WritesPerSecond = -1 // a mock tenant has no published quota
	}
	return errors.Join(errs...)
}

// completeDaemon reports what is wrong with the settings of the daemon.
func (c *config) completeDaemon(bad func(string, ...any)) {
	if c.Daemon.Log != "text" && c.Daemon.Log != "json" {
		bad("daemon.log_format: %q is neither text nor json", c.Daemon.Log)
	}
	if c.Daemon.Grace < 0 {
		bad("daemon.stop_grace: is negative")
	}
	if c.Daemon.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Daemon.Listen); err != nil {
			bad("daemon.listen: %v; write for example 127.0.0.1:9464", err)
		}
	}
	for key, raw := range map[string]string{"daemon.traces": c.Daemon.Traces, "alerts.webhook": c.Alerts.Webhook} {
		u, err := url.Parse(raw)
		if raw != "" && (err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(raw))) {
			bad("%s: is not an https URL; http is for loopback", key)
		}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Alerts.Level)); err != nil {
		bad("alerts.level: %q is none of info, warn, error", c.Alerts.Level)
	}
}

// keys are the words that a key of the configuration can have.
func keys[V any](words map[string]V) []string { return slices.Sorted(maps.Keys(words)) }

func orText(field *string, def string) {
	if *field == "" {
		*field = def
	}
}

// locate makes a file name relative to the configuration file.
func (c *config) locate(file *string) {
	if *file != "" && !filepath.IsAbs(*file) {
		*file = filepath.Join(c.dir, *file)
	}
}

func isLoopback(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
