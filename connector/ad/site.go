package ad

import (
	"context"
	"encoding/binary"
	"log/slog"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// A place is what a domain controller says about where it is and where it is asked from.
type place struct {
	client  string // the site of the address that asks, "" where it is in none
	closest bool   // the domain controller is in that site, or the one to use for it
}

const (
	opResponse    = 23 // LOGON_SAM_LOGON_RESPONSE_EX
	opNobody      = 25 // LOGON_SAM_USER_UNKNOWN_EX, which some say when no user was asked for
	flagClosest   = 0x80
	netlogonNames = 24 // where the names begin: operation, padding, flags, GUID of the domain
)

// parseNetlogon reads the answer to an LDAP ping, [MS-ADTS] 6.3.1.9. Its names are
// compressed as in DNS; they are the forest, the domain, the host, the short names of both,
// a user, the site of the host and that of the client.
func parseNetlogon(b []byte) (place, bool) {
	if len(b) < netlogonNames {
		return place{}, false
	}
	if op := binary.LittleEndian.Uint16(b); op != opResponse && op != opNobody {
		return place{}, false
	}
	p := place{closest: binary.LittleEndian.Uint32(b[4:])&flagClosest != 0}
	at := netlogonNames
	for range 8 {
		var ok bool
		if p.client, at, ok = compressedName(b, at); !ok {
			return place{}, false
		}
	}
	if p.client != "" && (!validHost(p.client) || strings.Contains(p.client, ".")) {
		return place{}, false
	}
	return p, true
}

// compressedName reads a name and returns where what follows it begins. Pointers lead
// backwards only, so that every name has an end.
func compressedName(b []byte, at int) (name string, next int, ok bool) {
	const pointer = 0xC0
	var labels []string
	bound := len(b)
	for limit := at; at < bound; {
		n := int(b[at])
		switch {
		case n == 0:
			if next == 0 {
				next = at + 1
			}
			return strings.Join(labels, "."), next, true
		case n&pointer == pointer:
			if at+1 >= len(b) {
				return "", 0, false
			}
			to := (n&^pointer)<<8 | int(b[at+1])
			if next == 0 {
				next = at + 2
			}
			if to >= limit {
				return "", 0, false
			}
			at, limit = to, to
		case n&pointer != 0 || at+1+n > len(b):
			return "", 0, false
		default:
			labels = append(labels, string(b[at+1:at+1+n]))
			at += 1 + n
		}
	}
	return "", 0, false
}

// place makes an LDAP ping over the connection, which unlike one over UDP nobody can forge.
// A server that does not answer it, or answers nonsense, tells nothing.
func (l *link) place(ctx context.Context, domain string) (place, bool) {
	const version = `\16\00\00\00` // as of Windows 2000, sites included
	found, err := l.search(ctx, &ldap.SearchRequest{Scope: ldap.ScopeBaseObject, Attributes: []string{"netlogon"},
		Filter: "(&(DnsDomain=" + ldap.EscapeFilter(domain) + ")(NtVer=" + version + "))"})
	if err != nil {
		return place{}, false
	}
	for _, e := range found.entries {
		if p, ok := parseNetlogon([]byte(single(e, "netlogon"))); ok {
			return p, true
		}
	}
	return place{}, false
}

// site is the one whose domain controllers are preferred: the configured one, or the one
// that a domain controller has found this machine in.
func (d *Directory) site() string {
	if d.opts.Site != "" {
		return d.opts.Site
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ownSite
}

// settle finds the site once, where none is configured, and goes on at one of its domain
// controllers where there is one that can be reached.
func (d *Directory) settle(ctx context.Context, l *link) *link {
	d.mu.Lock()
	known := d.sited || d.opts.Domain == "" || d.opts.Site != ""
	d.sited = true
	d.mu.Unlock()
	if known {
		return l
	}
	domain := strings.TrimSuffix(d.opts.Domain, ".")
	p, ok := l.place(ctx, domain)
	if !ok || p.client == "" {
		return l
	}
	d.mu.Lock()
	d.ownSite = p.client
	d.mu.Unlock()
	d.opts.Logger.LogAttrs(ctx, slog.LevelInfo, "domain controllers of this site are preferred", slog.String("site", p.client))
	if p.closest {
		return l
	}
	near, err := d.lookUpNames(ctx, domain, siteRecord(p.client, domain))
	if err != nil {
		return l
	}
	closer, err := d.connectTo(ctx, near)
	if err != nil {
		return l
	}
	l.close()
	return closer
}

func siteRecord(site, domain string) string {
	return "_ldap._tcp." + site + "._sites.dc._msdcs." + domain
}
