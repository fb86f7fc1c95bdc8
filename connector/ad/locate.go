package ad

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// A Resolver looks up service records in DNS. *[net.Resolver] is one.
type Resolver interface {
	// LookupSRV returns the records of _service._proto.name, or of name itself where
	// service and proto are "", in the order in which to use them.
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
}

var _ Resolver = (*net.Resolver)(nil)

// validatePlace reports problems of the options that say where the directory is.
func (o Options) validatePlace(bad func(format string, args ...any)) {
	switch {
	case len(o.URLs) == 0 && o.Domain == "":
		bad("URLs: at least one is required, or a Domain")
	case len(o.URLs) > 0 && o.Domain != "":
		bad("Domain: not together with URLs")
	}
	if o.Domain != "" && !validHost(o.Domain) {
		bad("Domain: %q is not a DNS name", o.Domain)
	}
	if o.Site != "" && (o.Domain == "" || !validHost(o.Site) || strings.Contains(o.Site, ".")) {
		bad("Site: %q is not the name of a site of a Domain", o.Site)
	}
	for _, s := range o.HostSuffixes {
		if !validHost(s) {
			bad("HostSuffixes: %q is not a DNS name", s)
		}
	}
}

// validHost reports whether a text can be a DNS name. Sites of Active Directory may hold
// letters of any script.
func validHost(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return r <= ' ' || strings.ContainsRune(`"#$%&'()*+,/:;<=>?@[\]^{|}~`+"`", r)
		}) {
			return false
		}
	}
	return true
}

// candidates are the domain controllers to try, in order.
func (d *Directory) candidates(ctx context.Context) ([]server, error) {
	all := slices.Clone(d.servers)
	if d.opts.Domain != "" {
		var err error
		if all, err = d.lookUp(ctx, d.opts.Domain); err != nil {
			return nil, err
		}
		// DNS shuffles. To stay with one domain controller spares reading twice what the
		// next one tells again.
		d.mu.Lock()
		used := d.used
		d.mu.Unlock()
		if i := slices.IndexFunc(all, func(s server) bool { return s.url == used }); i > 0 && d.site() == "" {
			s := all[i]
			all = slices.Insert(slices.Delete(all, i, i+1), 0, s)
		}
	}
	return all, nil
}

// lookUp finds the domain controllers of a domain, those of the site first.
func (d *Directory) lookUp(ctx context.Context, domain string) ([]server, error) {
	domain = strings.TrimSuffix(domain, ".")
	names := []string{"_ldap._tcp.dc._msdcs." + domain}
	if site := d.site(); site != "" {
		names = slices.Insert(names, 0, siteRecord(site, domain))
	}
	return d.lookUpNames(ctx, domain, names...)
}

// lookUpNames finds the domain controllers that service records name, in their order.
func (d *Directory) lookUpNames(ctx context.Context, domain string, names ...string) ([]server, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.opts.ConnectTimeout, errSilent)
	defer cancel()
	var found []server
	var errs []error
	for _, name := range names {
		_, records, err := d.opts.Resolver.LookupSRV(ctx, "", "", name)
		if err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			errs = append(errs, err)
		}
		for _, r := range records {
			host := strings.TrimSuffix(r.Target, ".")
			if !d.trustsHost(host, domain) {
				d.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "DNS names a domain controller outside of the domain, it is passed over; see HostSuffixes", slog.String("host", host))
				continue
			}
			s := d.serverAt(host, r.Port)
			if !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
	}
	if len(found) == 0 {
		return nil, errors.Join(append(errs, fmt.Errorf("%w: DNS knows no domain controller of %s (%s)", connector.ErrUnavailable, domain, names[len(names)-1]))...)
	}
	return found, nil
}

// trustsHost reports whether a host that DNS names can be a domain controller.
func (d *Directory) trustsHost(host, domain string) bool {
	if !validHost(host) {
		return false
	}
	return slices.ContainsFunc(append([]string{domain}, d.opts.HostSuffixes...), func(suffix string) bool {
		n := len(host) - len(suffix)
		return n > 0 && host[n-1] == '.' && strings.EqualFold(host[n:], suffix)
	})
}

const portLDAPS = 636

func (d *Directory) serverAt(host string, port uint16) server {
	s := server{host: host, tls: d.opts.Protection == ProtectTLS}
	scheme := "ldap"
	if s.tls {
		scheme, port = "ldaps", portLDAPS
	}
	s.addr = net.JoinHostPort(host, strconv.Itoa(int(port)))
	s.url = scheme + "://" + s.addr
	return s
}

// connect tries the domain controllers in order. One that refuses the account ends the
// search: asking the others would only lock the account out.
func (d *Directory) connect(ctx context.Context) (*link, error) {
	all, err := d.candidates(ctx)
	if err != nil {
		return nil, err
	}
	l, err := d.connectTo(ctx, all)
	if err != nil {
		return nil, err
	}
	return d.settle(ctx, l), nil
}

func (d *Directory) connectTo(ctx context.Context, all []server) (*link, error) {
	var errs []error
	for _, s := range all {
		l, err := d.dial(ctx, s)
		if err == nil {
			d.mu.Lock()
			d.used = s.url
			d.mu.Unlock()
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		errs = append(errs, fmt.Errorf("%s: %w", s.addr, err))
		if errors.Is(err, connector.ErrAuthentication) {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// fits reports whether a domain controller can be used: one of the domain, that has had
// its first replication. Before that most of the directory is missing from it.
func (d *Directory) fits(root rootDSE) error {
	if root.incomplete {
		return fmt.Errorf("%w: the domain controller has not completed its first replication", connector.ErrUnavailable)
	}
	if d.opts.Domain != "" && !strings.EqualFold(dnsName(root.defaultNC), strings.TrimSuffix(d.opts.Domain, ".")) {
		return fmt.Errorf("%w: the domain controller is not one of %s", connector.ErrProtocol, d.opts.Domain)
	}
	return nil
}
