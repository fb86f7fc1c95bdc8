package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// shown is how many objects a finding lists.
const shown = 10

// A tally counts objects and keeps the first few of them.
type tally struct {
	n     int
	first []string
}

func (t *tally) add(name string) {
	if t.n++; len(t.first) < shown {
		t.first = append(t.first, name)
	}
}

func (t *tally) String() string {
	text := strings.Join(t.first, ", ")
	if more := t.n - len(t.first); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// checkDomains compares the domains of the names that wait to be exported with those that
// the tenant has verified. Entra Connect's service would give such users names in the
// initial domain; Graph refuses them.
func (s *session) checkDomains(org *organization, n connector.Needs) ([]connector.Finding, error) {
	verified := make(map[string]bool)
	var names []string
	initial, custom := "", false
	for _, d := range org.VerifiedDomains {
		verified[attr.Fold(d.Name)] = true
		names = append(names, d.Name)
		if d.IsInitial {
			initial = d.Name
		}
		custom = custom || !d.IsInitial
	}
	var out []connector.Finding
	if !custom && len(names) > 0 {
		out = append(out, connector.Finding{
			Severity: connector.Warning, Code: codeDomains, Object: strings.Join(names, ", "),
			Message: fmt.Sprintf("the tenant has no verified domain besides its initial one (%s)", strings.Join(names, ", ")),
			Remedy:  "verify the domains of the users' names; names in other domains are refused",
		})
	}
	if n.Waiting == nil || len(names) == 0 {
		return out, nil
	}
	strangers := make(map[string]*tally)
	for w, err := range n.Waiting(attrUPN) {
		if err != nil {
			return nil, err
		}
		_, domain, _ := strings.Cut(w.Value.Text(), "@")
		if domain = attr.Fold(domain); verified[domain] {
			continue
		}
		if strangers[domain] == nil {
			strangers[domain] = &tally{}
		}
		strangers[domain].add(w.Object.String())
	}
	for _, domain := range slices.Sorted(maps.Keys(strangers)) {
		t := strangers[domain]
		out = append(out, connector.Finding{
			Severity: connector.Warning, Code: codeDomains, Object: domain,
			Message: fmt.Sprintf("%d users that wait to be exported have names in a domain that the tenant has not verified; Entra Connect would name them in %s, "+
				"Microsoft Graph refuses them: %v", t.n, initial, t),
			Remedy: "verify the domain, give the users other names, or let a rule name them in a verified domain",
		})
	}
	return out, nil
}

// Published sizes of a directory, deleted objects that can be restored included.
const (
	smallDirectory = 50_000
	largeDirectory = 300_000
	fullFrom       = 0.9
)

// checkRoom compares the objects that there are, and those that wait to be created, with
// the size that a directory has by default.
func (s *session) checkRoom(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	if !n.Export {
		return nil, nil
	}
	var have, waiting int64
	for _, set := range []string{"users", "groups", "devices", "applications", "servicePrincipals"} {
		count, err := s.count(ctx, set)
		if err != nil {
			return nil, err
		}
		have += count
	}
	if n.Waiting != nil {
		for w, err := range n.Waiting("displayName") {
			if err != nil {
				return nil, err
			}
			if w.Op == connector.OpAdd {
				waiting++
			}
		}
	}
	org, err := s.organization(ctx, "id", "verifiedDomains")
	if isStatus(err, http.StatusForbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	size := int64(smallDirectory)
	for _, d := range org.VerifiedDomains {
		if !d.IsInitial {
			size = largeDirectory
		}
	}
	f := connector.Finding{
		Severity: connector.Notice, Code: codeQuota,
		Message: fmt.Sprintf("the directory holds %d users, groups, devices and applications, deleted ones not counted; %d wait to be created; "+
			"by default it takes %d", have, waiting, size),
		Remedy: "nothing, unless much is going to be added",
	}
	if float64(have+waiting) > fullFrom*float64(size) {
		f.Severity, f.Remedy = connector.Warning, "ask Microsoft for a larger directory, unless the tenant has one already, or purge deleted objects"
	}
	return []connector.Finding{f}, nil
}

// checkMastered tells how many objects another engine masters.
func (s *session) checkMastered(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	if !n.Export {
		return nil, nil
	}
	var out []connector.Finding
	for _, c := range s.classes {
		if c.name == classDevice || len(n.Classes) > 0 && !slices.ContainsFunc(n.Classes, func(x string) bool { return attr.EqualName(x, c.name) }) {
			continue
		}
		count, err := s.count(ctx, c.set, "$filter="+escape("onPremisesSyncEnabled eq true"))
		if err != nil {
			return nil, err
		}
		if count > 0 {
			out = append(out, connector.Finding{
				Severity: connector.Warning, Code: codeMastered, Object: c.set,
				Message: fmt.Sprintf("another engine masters %d %s (onPremisesSyncEnabled)", count, c.set),
				Remedy:  "they are left alone; switch their source of authority to the cloud to manage them from here",
			})
		}
	}
	return out, nil
}

// checkSettings compares the tenant's settings for Entra Connect with ours. They are for
// delegated access; an application is usually refused, and then they are unknown.
func (s *session) checkSettings(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	if !n.Export {
		return nil, nil
	}
	org, err := s.organization(ctx, "id")
	if isStatus(err, http.StatusForbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a, err := s.t.client.do(ctx, s.log, s.t.client.get("/directory/onPremisesSynchronization/"+org.ID), nil)
	var g *GraphError
	switch {
	case errors.As(err, &g) && (g.Status == http.StatusForbidden || g.Status == http.StatusNotFound || g.Status == http.StatusBadRequest):
		return []connector.Finding{{
			Severity: connector.Notice, Code: codeFeatures,
			Message: "the tenant's synchronization settings cannot be read with this application's permissions",
			Remedy:  "if BlockSoftMatch or BlockCloudObjectTakeoverThroughHardMatch is on in the tenant, block matching here as well",
		}}, nil
	case err != nil:
		return nil, err
	}
	var out struct {
		Features struct {
			BlockHard bool `json:"blockCloudObjectTakeoverThroughHardMatchEnabled"`
			BlockSoft bool `json:"blockSoftMatchEnabled"`
		} `json:"features"`
	}
	if json.Unmarshal(a.body, &out) != nil {
		return nil, errJSON
	}
	var findings []connector.Finding
	differs := func(name, option string, theirs, ours bool) {
		if theirs && !ours {
			findings = append(findings, connector.Finding{
				Severity: connector.Warning, Code: codeFeatures, Object: name,
				Message: "the tenant blocks for Entra Connect what this connector may do: " + name,
				Remedy:  "set " + option + ", which Microsoft Graph does not do by itself",
			})
		}
	}
	differs("blockCloudObjectTakeoverThroughHardMatchEnabled", "BlockHardMatch", out.Features.BlockHard, s.t.o.BlockHardMatch)
	differs("blockSoftMatchEnabled", "BlockSoftMatch", out.Features.BlockSoft, s.t.o.BlockSoftMatch)
	return findings, nil
}
