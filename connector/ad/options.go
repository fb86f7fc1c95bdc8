package ad

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// Options configures a [Directory].
type Options struct {
	// URLs are the domain controllers to use, in order of preference, as ldaps://host or
	// ldap://host, each with an optional port. ldap:// is upgraded with StartTLS. At least
	// one is required unless Domain is set. A session uses the first that can be reached.
	URLs []string
	// Domain is the DNS name of the domain, whose domain controllers are then found through
	// DNS. Not together with URLs.
	Domain string
	// Site is the Active Directory site whose domain controllers are preferred; "" means
	// the one that the first domain controller finds this machine's address in, and none
	// where it is in no site's subnets. It is for Domain only.
	Site string
	// HostSuffixes are DNS suffixes, beside Domain itself, in which domain controllers that
	// DNS names may be. Others are passed over: DNS can be forged, and whoever is named
	// there gets to see a sign-in.
	HostSuffixes []string
	// Resolver finds the domain controllers of Domain; nil means the system's.
	Resolver Resolver
	// Dial makes connections to host:port; nil means to make them directly.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Auth is how the account signs in; zero means a simple bind.
	Auth Auth
	// Protection is what keeps connections secret; zero means TLS.
	Protection Protection
	// Kerberos says how tickets are had for AuthKerberos.
	Kerberos Kerberos
	// BindName is the account: a user principal name, a DN or DOMAIN\name; for Kerberos
	// name@REALM, for NTLM a user principal name or DOMAIN\name. Required, except with a
	// credential cache.
	BindName string
	// Password returns the account's password. It is called for every connection, so that
	// a password can be rotated. Required, except for Kerberos with a keytab or credential
	// cache. The value is never kept, logged or printed.
	Password func(ctx context.Context) (string, error)

	// RootCAs are the certificate authorities to trust; nil means those of CAFile, and
	// without that those of the system.
	RootCAs *x509.CertPool
	// CAFile is a PEM file with the certificate authorities to trust instead of the
	// system's. Not together with RootCAs.
	CAFile string
	// ServerName is the name that the server's certificate must be valid for; "" means the
	// host of the URL.
	ServerName string
	// AllowPlainLoopback lets ldap:// URLs with a loopback address do without TLS.
	AllowPlainLoopback bool

	// Partitions are the DNs of the naming contexts to import; none means the default one
	// of the domain controller. It must hold all of them.
	Partitions []string
	// Include limits imports to these containers and what is beneath them; none means the
	// whole of Partitions. Exclude takes containers out again; of nested ones the innermost
	// decides. They are DNs, or <GUID=...> with the octets as the directory stores them. A
	// container that was there at the last import is found again when it was renamed or
	// moved. One that does not exist is an error, never an empty import.
	Include, Exclude []string
	// HoldNewContainers leaves containers out that come into being, or are moved, beneath
	// included ones after the first import, until Include names them.
	HoldNewContainers bool
	// GroupFilter is the DN of a group: of all that is in scope, only its direct members
	// are imported. It is meant for pilots. Members by primary group do not count.
	GroupFilter string
	// Classes are the object classes to import; none means [DefaultClasses].
	Classes []string
	// Attributes are the attributes to import; none means all that objects of Classes may
	// have and that DirSync reports, but for security descriptors. objectGUID always comes.
	Attributes []string

	// PageSize is the number of objects to ask for at a time; 0 means 1000. A domain
	// controller may return less, by default never more than 1000.
	PageSize int
	// ConnectTimeout limits dialling, TLS and bind together; 0 means 20 s.
	ConnectTimeout time.Duration
	// RequestTimeout is the longest wait for an answer of the server; 0 means 3 min. A
	// domain controller by default gives up after 2 min itself.
	RequestTimeout time.Duration
	// MaxMessage is the largest LDAP message to accept, in octets; 0 means 256 MiB. It
	// must hold one object with all its values, or 1000 of them with Windows' defaults.
	MaxMessage int64
	// FailoverWait is how long an import fails rather than go on at a domain controller
	// that has not yet replicated what another one, which cannot be reached any more, told
	// at the last import; 0 means 1 h, negative not at all. After that a delta import asks
	// for a full one. It is also how long an import of several domains is not complete
	// because an object has moved to one whose domain controller does not have it yet.
	FailoverWait time.Duration
	// DirSync chooses how to ask for changes; zero means to find out.
	DirSync DirSyncMode
	// ReadOnly makes sessions without export.
	ReadOnly bool
	// Uses says what the directory is used for beside reading; a preflight check looks for
	// the permissions that this needs.
	Uses Uses
	// AllowAdministrator accepts an account with the powers of a domain administrator.
	// Without it such an account is refused: whoever gets hold of the connector would get
	// hold of the forest. It is for labs.
	AllowAdministrator bool
	// Logger receives what an operator may want to see where [connector.OpenOptions] has
	// no logger. Nil discards it.
	Logger *slog.Logger
}

// A DirSyncMode says with which rights changes are asked for.
type DirSyncMode uint8

// The ways to ask for changes.
const (
	// DirSyncAuto uses the right Replicating Directory Changes where the account has it,
	// object security otherwise, and DirSyncNever where DirSync is refused altogether.
	DirSyncAuto DirSyncMode = iota
	// DirSyncReplication needs the right Replicating Directory Changes.
	DirSyncReplication
	// DirSyncObjectSecurity asks as an ordinary reader. Changes of what the account cannot
	// read do not appear, nor do deletions unless it may list deleted objects.
	DirSyncObjectSecurity
	// DirSyncNever finds changes by the numbers of one domain controller (uSNChanged) and
	// deletions among deleted objects, where the account may list them. Changed objects
	// come whole, and a full import is due whenever another domain controller takes over.
	// It is for domain controllers, or proxies before them, that refuse DirSync.
	DirSyncNever
)

// DefaultClasses returns the classes that are imported where Options.Classes is empty:
// user, inetOrgPerson, group, contact, computer and foreignSecurityPrincipal.
func DefaultClasses() []string {
	return []string{"user", "inetOrgPerson", "group", "contact", "computer", "foreignSecurityPrincipal"}
}

func (o Options) withDefaults() Options {
	o.URLs, o.Partitions = slices.Clone(o.URLs), slices.Clone(o.Partitions)
	o.HostSuffixes, o.Kerberos.KDCs = slices.Clone(o.HostSuffixes), slices.Clone(o.Kerberos.KDCs)
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	o.Include, o.Exclude = slices.Clone(o.Include), slices.Clone(o.Exclude)
	o.Classes, o.Attributes = slices.Clone(o.Classes), slices.Clone(o.Attributes)
	if len(o.Classes) == 0 {
		o.Classes = DefaultClasses()
	}
	if o.PageSize == 0 {
		o.PageSize = 1000
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = 20 * time.Second
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = 3 * time.Minute
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 256 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// validate reports every problem of the options, by field.
func (o Options) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("ad: "+format, args...)) }
	o.validatePlace(bad)
	for _, u := range o.URLs {
		if _, err := parseURL(u); err != nil {
			bad("URLs: %w", err)
		}
	}
	o.validateAuth(bad)
	if o.RootCAs != nil && o.CAFile != "" {
		bad("CAFile: not together with RootCAs")
	}
	for field, dns := range map[string][]string{"Partitions": o.Partitions, "Include": o.Include, "Exclude": o.Exclude, "GroupFilter": one(o.GroupFilter)} {
		for _, dn := range dns {
			if field != "Partitions" && guidDN(dn) {
				continue
			}
			if parsed, err := ldap.ParseDN(dn); err != nil || len(parsed.RDNs) == 0 {
				bad("%s: %q is not a DN", field, dn)
			}
		}
	}
	for field, names := range map[string][]string{"Classes": o.Classes, "Attributes": o.Attributes} {
		for i, n := range names {
			if !validName(n) {
				bad("%s: %q is not a name", field, n)
			}
			if slices.ContainsFunc(names[:i], func(m string) bool { return attr.EqualName(m, n) }) {
				bad("%s: %q is there twice", field, n)
			}
		}
	}
	if o.PageSize < 0 || o.PageSize > 100_000 {
		bad("PageSize: %d is not between 1 and 100000", o.PageSize)
	}
	if o.ConnectTimeout < 0 {
		bad("ConnectTimeout: negative")
	}
	if o.RequestTimeout < 0 {
		bad("RequestTimeout: negative")
	}
	if o.MaxMessage < 1<<16 {
		bad("MaxMessage: %d is less than 65536", o.MaxMessage)
	}
	o.Uses.validate(bad)
	if o.DirSync > DirSyncNever {
		bad("DirSync: unknown mode %d", o.DirSync)
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func validName(n string) bool {
	if n == "" {
		return false
	}
	for i := range len(n) {
		c := n[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// A server is one URL taken apart.
type server struct {
	url  string
	host string
	addr string // host and port to dial
	tls  bool   // from the first octet
}

func parseURL(text string) (server, error) {
	u, err := url.Parse(text)
	if err != nil {
		return server{}, fmt.Errorf("%q is not a URL", text)
	}
	s := server{url: text, host: u.Hostname(), tls: u.Scheme == "ldaps"}
	port := u.Port()
	switch {
	case u.Scheme != "ldap" && u.Scheme != "ldaps":
		return s, fmt.Errorf("%q: the scheme must be ldaps or ldap", text)
	case s.host == "":
		return s, fmt.Errorf("%q has no host", text)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Path != "" && u.Path != "/"):
		return s, fmt.Errorf("%q: only scheme, host and port are allowed", u.Redacted())
	case port == "" && s.tls:
		port = "636"
	case port == "":
		port = "389"
	}
	s.addr = net.JoinHostPort(s.host, port)
	return s, nil
}

// loopback reports whether the server's host is a loopback address, not merely a name.
func (s server) loopback() bool {
	ip := net.ParseIP(s.host)
	return ip != nil && ip.IsLoopback()
}

// roots returns the certificate authorities to trust, nil for the system's.
func (o Options) roots() (*x509.CertPool, error) {
	if o.RootCAs != nil || o.CAFile == "" {
		return o.RootCAs, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ad: CAFile: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ad: CAFile: %s holds no PEM certificate", o.CAFile)
	}
	return pool, nil
}
