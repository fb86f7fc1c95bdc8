package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/ad"
)

// completeDomains checks the domains of a forest that is one directory.
func (c *config) completeDomains(d *directoryConfig, key string, bad func(string, ...any)) {
	if len(d.Domains) == 0 {
		return
	}
	for own, set := range map[string]bool{"urls": len(d.URLs) > 0, "domain": d.Domain != "", "server_name": d.Server != "", "bases": len(d.Bases) > 0,
		"include": len(d.Include) > 0, "exclude": len(d.Exclude) > 0, "group_filter": d.Group != ""} {
		if set {
			bad("%s.%s: belongs to the domains, each for itself", key, own)
		}
	}
	enabled := 0
	for k := range d.Domains {
		own := &d.Domains[k]
		c.locate(&own.CAFile)
		if own.Name == "" {
			bad("%s.domains[%d].name: is missing, for example emea.contoso.com", key, k)
		}
		if slices.ContainsFunc(d.Domains[:k], func(o domainConfig) bool { return strings.EqualFold(o.Name, own.Name) }) {
			bad("%s.domains[%d].name: %s is there twice", key, k, own.Name)
		}
		if (own.User == "") != own.Password.IsZero() {
			bad("%s.domains[%d]: user and password go together", key, k)
		}
		if !own.Disabled {
			enabled++
		}
	}
	if enabled == 0 {
		bad("%s.domains: all of them are disabled", key)
	}
}

// eachSignsIn reports whether all domains have an account of their own.
func (d *directoryConfig) eachSignsIn() bool {
	return len(d.Domains) > 0 && !slices.ContainsFunc(d.Domains, func(o domainConfig) bool { return !o.Disabled && o.User == "" })
}

// perDomain returns the configuration of every domain that is imported, as if it were a
// directory of its own; none where the directory is one domain.
func (d *directoryConfig) perDomain() []directoryConfig {
	var out []directoryConfig
	for i := range d.Domains {
		if !d.Domains[i].Disabled {
			out = append(out, d.domain(&d.Domains[i]))
		}
	}
	return out
}

func (d *directoryConfig) domain(o *domainConfig) directoryConfig {
	own := *d
	own.Domains, own.URLs, own.Domain, own.Bases = nil, o.URLs, "", o.Bases
	own.Server, own.Include, own.Exclude, own.Group = o.Server, o.Include, o.Exclude, o.Group
	own.readOnly, own.devices = o.ReadOnly, d.WriteBack.Devices != ""
	if o.Site != "" || len(o.URLs) > 0 {
		own.Site = o.Site
	}
	if o.User != "" {
		own.User, own.Password = o.User, o.Password
	}
	if o.CAFile != "" {
		own.CAFile = o.CAFile
	}
	head := headOf(o.Name)
	switch {
	case len(o.URLs) == 0:
		own.Domain = o.Name
	case len(o.Bases) == 0:
		own.Bases = []string{head} // the servers must be of that domain
	}
	if own.readOnly || !beneath(own.WriteBack.Groups, head, d.Domains) {
		own.WriteBack.Groups = ""
	}
	if own.readOnly || !beneath(own.WriteBack.Devices, head, d.Domains) {
		own.WriteBack.Devices = ""
	}
	if own.readOnly {
		own.WriteBack = writeBack{}
	}
	return own
}

// beneath reports whether a DN is in the domain with that head, and in none beneath it.
func beneath(dn, head string, domains []domainConfig) bool {
	in := func(base string) bool { return strings.HasSuffix(strings.ToLower(dn), ","+strings.ToLower(base)) }
	return in(head) && !slices.ContainsFunc(domains, func(o domainConfig) bool {
		other := headOf(o.Name)
		return len(other) > len(head) && in(other)
	})
}

// forest makes one connector of all domains.
func (d *directoryConfig) forest(log *slog.Logger) (*ad.Forest, error) {
	var domains []ad.Options
	for _, own := range d.perDomain() {
		domains = append(domains, own.options(log))
	}
	return ad.NewForest(d.Name, domains...)
}

// inDomain returns the configuration of one domain; "" means the only one.
func (d *directoryConfig) inDomain(name string) (*directoryConfig, error) {
	if len(d.Domains) == 0 {
		if name != "" {
			return nil, fmt.Errorf("account: -domain is for directories of several domains, %s has one", d.Name)
		}
		return d, nil
	}
	i := slices.IndexFunc(d.Domains, func(o domainConfig) bool { return strings.EqualFold(o.Name, name) })
	if i < 0 {
		return nil, errors.New("account: name one of the domains of the directory with -domain")
	}
	own := d.domain(&d.Domains[i])
	return &own, nil
}

// headOf is the DN of a domain.
func headOf(name string) string {
	return "DC=" + strings.ReplaceAll(strings.TrimSuffix(name, "."), ".", ",DC=")
}
