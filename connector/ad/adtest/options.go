package adtest

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Options configures a [Server]. The zero value, like nil, is the domain contoso.test with
// AD's limits, the Exchange schema and no people but the built-in ones.
type Options struct {
	// Domain is the DNS name of the domain, which is a forest of its own. Defaults to
	// contoso.test. It seeds GUIDs and SIDs, together with Seed.
	Domain string
	// NetBIOS is the domain's short name. Defaults to the first label of Domain in upper case.
	NetBIOS string
	// AdminPassword is the built-in Administrator's. Defaults to a fixed one; it guards
	// nothing.
	AdminPassword string
	// Listen and ListenPlain are the addresses for LDAPS and for LDAP with StartTLS.
	// Default to 127.0.0.1:0; only loopback addresses are accepted, since the certificate
	// names no other.
	Listen, ListenPlain string
	// Seed changes the GUIDs, SIDs and invocation id that the server makes up. Two servers
	// with the same Seed and Domain make the same ones in the same order.
	Seed uint64
	// Clock tells the time. Defaults to time.Now.
	Clock func() time.Time

	// MaxPageSize is the most entries in an answer. Defaults to 1000.
	MaxPageSize int
	// MaxValRange is the most values of an attribute in an entry. Defaults to 1500.
	MaxValRange int
	// MaxRequestBytes is the longest request that is read. Defaults to 10 MiB.
	MaxRequestBytes int
	// DirSyncBytes is the least that a DirSync client can set its limit to; AD's, the
	// default, is 1 MiB. Answers have at most MaxPageSize objects in any case.
	DirSyncBytes int

	// ClientSite is the site that clients are told to be in when they ask (LDAP ping). The
	// domain controllers are in Default-First-Site-Name. Empty is what AD says of addresses
	// that no subnet holds.
	ClientSite string

	// AllowPlainBind takes simple binds without TLS, which AD refuses by default policy.
	AllowPlainBind bool
	// NoExchangeSchema leaves out the attributes that Exchange brings, mailNickname and
	// extensionAttribute1 among them.
	NoExchangeSchema bool
	// RecycleBin keeps attributes and links of deleted objects, for [Server.Restore].
	RecycleBin bool
	// SilentMoves leaves nothing behind when an object moves to another domain of the
	// forest. Otherwise a tombstone tells that it is gone from this one.
	SilentMoves bool
	// AllowUnknown does not treat unknown controls and extended operations as misuse.
	// They are refused or ignored all the same.
	AllowUnknown bool
	// OnMisuse is called, from any goroutine, for requests that no correct client sends:
	// undecodable ones, unknown controls and extended operations. Defaults to failing the
	// test given to [NewServer]; [Server.Misuses] lists them in any case.
	OnMisuse func(message string)
	// LogLimit is how many requests the log keeps; counts are kept for all. Defaults to
	// 100,000.
	LogLimit int
}

// DefaultAdminPassword is the Administrator's password unless the options say otherwise.
const DefaultAdminPassword = "P@ssw0rd-Test1"

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	text := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	text(&d.Domain, "contoso.test")
	label, _, _ := strings.Cut(d.Domain, ".")
	text(&d.NetBIOS, strings.ToUpper(label))
	text(&d.AdminPassword, DefaultAdminPassword)
	text(&d.Listen, "127.0.0.1:0")
	text(&d.ListenPlain, "127.0.0.1:0")
	number := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	number(&d.MaxPageSize, 1000)
	number(&d.MaxValRange, 1500)
	number(&d.MaxRequestBytes, 10<<20)
	number(&d.DirSyncBytes, 1<<20)
	number(&d.LogLimit, 100_000)
	if d.Clock == nil {
		d.Clock = time.Now
	}
	return d
}

// validate reports all bad fields, joined.
func (o *Options) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("adtest: "+format, args...))
		}
	}
	for l := range strings.SplitSeq(o.Domain, ".") {
		check(l != "" && !strings.ContainsAny(l, " ,=+\\/\"<>;@"), "Domain is not a DNS name")
	}
	check(len(o.NetBIOS) <= 15 && !strings.ContainsAny(o.NetBIOS, `\/:*?"<>|.`), "NetBIOS is not a NetBIOS name")
	for name, n := range map[string]int{"MaxPageSize": o.MaxPageSize, "MaxValRange": o.MaxValRange,
		"MaxRequestBytes": o.MaxRequestBytes, "DirSyncBytes": o.DirSyncBytes, "LogLimit": o.LogLimit} {
		check(n > 0, "%s is negative", name)
	}
	return errors.Join(errs...)
}
