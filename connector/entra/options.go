package entra

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Cloud is one of Microsoft's clouds. Tokens of one are worth nothing in another.
type Cloud string

// The clouds.
const (
	Public   Cloud = ""          // worldwide, GCC included
	USGov    Cloud = "usgov"     // US Government L4
	USGovDoD Cloud = "usgov-dod" // US Government L5
	China    Cloud = "china"     // operated by 21Vianet
)

// host returns the host of the cloud's Graph endpoint, "" for an unknown cloud.
func (c Cloud) host() string {
	switch c {
	case Public, "public":
		return "graph.microsoft.com"
	case USGov:
		return "graph.microsoft.us"
	case USGovDoD:
		return "dod-graph.microsoft.us"
	case China:
		return "microsoftgraph.chinacloudapi.cn"
	}
	return ""
}

// A GroupPolicy says what becomes of an on-premises distribution group, which public Graph
// cannot create as such.
type GroupPolicy uint8

// The policies for distribution groups.
const (
	Microsoft365 GroupPolicy = iota // create a Microsoft 365 group of the same name
	Security                        // create a security group, without mail
	Reject                          // refuse the object
)

// An Extension is a directory extension attribute (extension_<appid>_<name>) to read.
// Extensions can be written without being listed.
type Extension struct {
	Name        string    // full name, extension_ and the application's id included
	Kind        attr.Kind // KindString, KindInt, KindBool or KindBinary; 0 means KindString
	MultiValued bool
	// Classes are the classes that have it: "user", "group". Empty means both.
	Classes []string
}

// Options configure a [Tenant]. The zero value, like nil, is a tenant of the public cloud,
// users and groups, with the service's published limits.
type Options struct {
	// Cloud chooses the Graph endpoint and the scope of tokens.
	Cloud Cloud
	// BaseURL overrides the endpoint, for tests and gateways: scheme https, host, version,
	// such as https://127.0.0.1:8443/v1.0. Requests go to its host and nowhere else.
	BaseURL string
	// Scopes of the tokens to ask for. Empty means the .default scope of Cloud.
	Scopes []string
	// RootCAs verify the endpoint's certificate. Nil means those of the system.
	RootCAs *x509.CertPool
	// HTTPClient gives its Transport, and with it proxy and trust; RootCAs is not used
	// then, nor is anything else of it. Nil means a transport of the tenant's own.
	HTTPClient *http.Client

	// TenantID is the directory that the credential is expected to belong to, a GUID.
	// Opening a session fails when it belongs to another. Empty means any.
	TenantID string
	// Classes are the object classes to import: "user", "group", which are exported too, and
	// "device". Empty means users and groups.
	Classes []string
	// Extensions are the directory extensions to import.
	Extensions []Extension

	// PageSize is the number of objects to ask for at a time in imports; the service may
	// send fewer. 0 leaves it to the service.
	PageSize int
	// Concurrency is how many requests are under way at a time during an export. Each
	// holds up to 20 operations. 0 means 4.
	Concurrency int
	// WritesPerSecond paces changes, for all sessions of the tenant together. 0 means 19.5,
	// just below the published quota of 3,000 in 150 seconds; negative means unlimited.
	WritesPerSecond float64
	// UnitsPerSecond paces all requests by the resource units that the service charges for
	// them. 0 means just below the published quota for a tenant with that many users,
	// 3,500 to 8,000 in 10 seconds, or unlimited where WritesPerSecond is; negative means
	// unlimited.
	UnitsPerSecond float64
	// Attempts is how often a request is tried before its failure is reported. 0 means 6.
	Attempts int
	// Timeout is for one attempt, not for all together. 0 means 100 seconds.
	Timeout time.Duration

	// DistributionGroups says what becomes of groups that are mail-enabled and not
	// security-enabled.
	DistributionGroups GroupPolicy
	// NoGroupLink keeps the source anchor of groups out of the tenant. By default it is
	// written, encoded, to the property uniqueName of each group that the connector
	// creates, so that a repeated or lost creation finds its group again; without it a
	// lost answer can leave a second group of the same name.
	NoGroupLink bool
	// NoRestore creates new objects even where a deleted one with the same source anchor
	// could be restored. The service refuses users then for as long as the deleted one
	// keeps the anchor.
	NoRestore bool
	// BlockHardMatch refuses to take over or restore users that have the source anchor of
	// one to create, as Entra Connect's BlockCloudObjectTakeoverThroughHardMatch does.
	BlockHardMatch bool
	// BlockSoftMatch refuses to take over objects that have the primary address or the
	// name of one to create and no source anchor, as Entra Connect's BlockSoftMatch does.
	BlockSoftMatch bool
	// NoUPNMatch leaves user names out of soft matching.
	NoUPNMatch bool
	// ForcePasswordChange makes new users choose a password when they first sign in. Their
	// initial password is random and known to nobody, so that this makes sense only with
	// self-service password reset or a temporary access pass.
	ForcePasswordChange bool

	// Clock tells the time. Nil means time.Now.
	Clock func() time.Time
	// Logger receives what an operator may want to see, where a session has none of its
	// own. Nil discards it.
	Logger *slog.Logger

	sleep func(done <-chan struct{}, d time.Duration) // tests replace it
}

const (
	defaultConcurrency = 4
	defaultWrites      = 19.5
	defaultAttempts    = 6
	defaultTimeout     = 100 * time.Second
	maxConcurrency     = 64
)

var (
	guidPattern      = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	extensionPattern = regexp.MustCompile(`^(?i:extension)_[0-9a-fA-F]{32}_[A-Za-z0-9_]+$`)
)

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.BaseURL == "" {
		d.BaseURL = "https://" + d.Cloud.host() + "/v1.0"
	}
	d.BaseURL = strings.TrimSuffix(d.BaseURL, "/")
	if len(d.Scopes) == 0 {
		d.Scopes = []string{"https://" + d.Cloud.host() + "/.default"}
	}
	if len(d.Classes) == 0 {
		d.Classes = []string{classUser, classGroup}
	}
	if d.Concurrency == 0 {
		d.Concurrency = defaultConcurrency
	}
	if d.WritesPerSecond == 0 {
		d.WritesPerSecond = defaultWrites
	}
	if d.Attempts == 0 {
		d.Attempts = defaultAttempts
	}
	if d.Timeout == 0 {
		d.Timeout = defaultTimeout
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.sleep == nil {
		d.sleep = sleep
	}
	return d
}

// validate reports every bad field by name, joined.
func (o *Options) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("entra: option "+format, args...))
		}
	}
	check(o.Cloud.host() != "", "Cloud: %q is not a cloud", string(o.Cloud))
	u, err := url.Parse(o.BaseURL)
	check(err == nil && u.Scheme == "https" && u.Host != "" && u.RawQuery == "" && u.User == nil,
		"BaseURL is not an https URL of scheme, host and version")
	check(o.TenantID == "" || guidPattern.MatchString(o.TenantID), "TenantID is not a GUID")
	for _, c := range o.Classes {
		check(c == classUser || c == classGroup || c == classDevice, "Classes: %q is not user, group or device", c)
	}
	for i, x := range o.Extensions {
		check(extensionPattern.MatchString(x.Name), "Extensions[%d]: the name is not of the form extension_<32 hexadecimal digits>_<name>", i)
		check(x.Kind != attr.KindReference && x.Kind <= attr.KindReference, "Extensions[%d]: a kind that extensions do not have", i)
		check(!slices.ContainsFunc(x.Classes, func(c string) bool { return c != classUser && c != classGroup }),
			"Extensions[%d]: a class that is not user or group", i)
	}
	check(o.PageSize >= 0 && o.PageSize <= maxPage, "PageSize is outside 0 to %d", maxPage)
	check(o.Concurrency >= 1 && o.Concurrency <= maxConcurrency, "Concurrency is outside 1 to %d", maxConcurrency)
	check(o.Attempts >= 1, "Attempts is negative")
	check(o.Timeout > 0, "Timeout is negative")
	check(o.DistributionGroups <= Reject, "DistributionGroups is not a policy")
	return errors.Join(errs...)
}

// sleep waits for d or until done is closed.
func sleep(done <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-done:
	}
}
