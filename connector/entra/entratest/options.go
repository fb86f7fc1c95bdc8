package entratest

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Options configures a Server. The zero value, like nil, is a tenant with the
// default domains, no objects, every permission, no throttling and no delays.
type Options struct {
	// Listen is the address to serve on. Defaults to 127.0.0.1:0; only loopback
	// addresses are accepted, since the certificate names no other.
	Listen string
	// TenantID and ClientID are GUIDs; ClientSecret is the application's
	// secret. Each defaults to a fresh random one.
	TenantID, ClientID, ClientSecret string
	// Domains are the tenant's domains. Defaults to contoso.test (the default
	// domain), contoso.com, fabrikam.test, fabrikam.com and
	// contoso.onmicrosoft.com (the initial one), all managed.
	Domains []Domain
	// Permissions are the application roles in access tokens. Nil grants all
	// that the mock knows; an empty slice grants none.
	Permissions []string
	// Scopes are accepted besides the .default scopes of the Graph hosts of
	// all clouds.
	Scopes []string
	// TokenLifetime is how long access tokens are valid. Defaults to one hour.
	TokenLifetime time.Duration
	// PageSize is the page of lists without $top. Defaults to 100; at most 999.
	PageSize int
	// DeltaPageSize is the number of objects in a page of a delta answer, and
	// DeltaLinkPage the number of members. Default to 200 and 1000.
	DeltaPageSize, DeltaLinkPage int
	// ReplicationDelay is how long reads and references answer 404 for an object after its
	// creation. Zero: not at all.
	ReplicationDelay time.Duration
	// Throttle scales the published quotas: 1 is what Graph publishes, 50 is
	// fifty times as much. Zero: no throttling.
	Throttle float64
	// Quota is the most directory objects the tenant holds, deleted ones
	// included. Zero: unlimited.
	Quota int
	// Seed fixes the order of random decisions: of batch answers and of random
	// faults. Zero is a seed like any other.
	Seed uint64
	// Clock tells the time. Defaults to time.Now; [Server.Advance] moves it on.
	Clock func() time.Time
	// OnMisuse is called, from any goroutine and possibly while the directory is
	// locked, so it must not call the server, for every request that no correct client sends: unknown path, query option, property, wrong type, malformed
	// body. Defaults to failing the test given to NewServer; [Server.Misuses]
	// lists them in any case.
	OnMisuse func(message string)
	// LogLimit is how many requests the log keeps; counts are kept for all.
	// Defaults to 100,000.
	LogLimit int
}

// Domain is one domain of the tenant, always verified.
type Domain struct {
	Name      string `json:"name"`
	Federated bool   `json:"federated,omitempty"`
	Default   bool   `json:"default,omitempty"` // mail addresses of new groups; the first domain when none says so
	Initial   bool   `json:"initial,omitempty"`
}

func defaultDomains() []Domain {
	return []Domain{
		{Name: "contoso.test", Default: true}, {Name: "contoso.com"}, {Name: "fabrikam.test"}, {Name: "fabrikam.com"},
		{Name: "contoso.onmicrosoft.com", Initial: true},
	}
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	def := func(s *string, v func() string) {
		if *s == "" {
			*s = v()
		}
	}
	def(&d.Listen, func() string { return "127.0.0.1:0" })
	def(&d.TenantID, newGUID)
	def(&d.ClientID, newGUID)
	def(&d.ClientSecret, func() string { return strings.ReplaceAll(newGUID(), "-", "~") })
	if d.Domains == nil {
		d.Domains = defaultDomains()
	}
	if d.Permissions == nil {
		d.Permissions = allPermissions()
	}
	if d.TokenLifetime == 0 {
		d.TokenLifetime = time.Hour
	}
	num := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	num(&d.PageSize, 100)
	num(&d.DeltaPageSize, 200)
	num(&d.DeltaLinkPage, 1000)
	num(&d.LogLimit, 100_000)
	if d.Clock == nil {
		d.Clock = time.Now
	}
	return d
}

// validate reports all bad fields, joined.
func (o *Options) validate() error {
	var errs []error
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("entratest: "+format, args...))
		}
	}
	bad(isGUID(o.TenantID), "TenantID is not a GUID")
	bad(isGUID(o.ClientID), "ClientID is not a GUID")
	bad(len(o.Domains) > 0, "Domains is empty")
	for i, d := range o.Domains {
		bad(strings.Contains(d.Name, ".") && !strings.ContainsAny(d.Name, " @/"), "Domains[%d] is not a domain name", i)
	}
	bad(o.PageSize > 0 && o.PageSize <= maxTop, "PageSize is outside 1 to %d", maxTop)
	bad(o.DeltaPageSize > 0, "DeltaPageSize is not positive")
	bad(o.DeltaLinkPage > 0, "DeltaLinkPage is not positive")
	bad(o.TokenLifetime > 0, "TokenLifetime is not positive")
	bad(o.Throttle >= 0, "Throttle is negative")
	bad(o.Quota >= 0, "Quota is negative")
	bad(o.ReplicationDelay >= 0, "ReplicationDelay is negative")
	return errors.Join(errs...)
}
