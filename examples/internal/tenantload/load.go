// Package tenantload measures how much of a tenant's quota exports use: it fills a mock
// tenant with users and group members through the connector, as fast as the quota allows,
// and counts what the tenant saw.
package tenantload

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

const (
	writesPerSecond = 20  // published: 3,000 in 150 seconds
	unitsPerSecond  = 350 // published for the smallest tenants, which the mock begins as
	ours            = 0.975
	batch           = 200
)

// A Config says what to measure. Both fields are required.
type Config struct {
	Scale    float64       // of the published quotas
	Duration time.Duration // of the export of users; more than 150 seconds fill the quota's window
}

// A Report is what the tenant saw.
type Report struct {
	Users    int           // created
	Elapsed  time.Duration // for that
	Quota    float64       // users that the write quota would have allowed in that time
	Requests int           // operations, those in batches counted singly
	Refused  int           // of them answered with 429
	Batches  int           // HTTP requests that carried them
	Members  int           // added to a group afterwards
	// MemberBatches are the HTTP requests and MemberWrites the writes that it took to add
	// the members.
	MemberBatches, MemberWrites int
}

// Share is how much of the write quota was used.
func (r *Report) Share() float64 { return float64(r.Users) / r.Quota }

// RefusedShare is how much of the requests was answered with 429.
func (r *Report) RefusedShare() float64 { return float64(r.Refused) / float64(max(r.Requests, 1)) }

// Run measures.
func Run(ctx context.Context, c Config) (*Report, error) {
	s, err := entratest.Start(&entratest.Options{Throttle: c.Scale, LogLimit: 1})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	tenant, err := entra.New("tenant", token{s}, &entra.Options{
		BaseURL: s.GraphURL, RootCAs: s.CAPool(), TenantID: s.TenantID,
		WritesPerSecond: ours * writesPerSecond * c.Scale, UnitsPerSecond: unitsPerSecond * c.Scale,
	})
	if err != nil {
		return nil, err
	}
	session, err := tenant.Open(ctx, connector.OpenOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = session.Close(ctx) }()
	exporter, ok := connector.As[connector.Exporter](session)
	if !ok {
		return nil, errors.New("the connector does not export")
	}
	r := &Report{}
	anchors, err := r.users(ctx, s, exporter, c.Duration)
	if err != nil {
		return nil, err
	}
	r.Quota = writesPerSecond * c.Scale * r.Elapsed.Seconds()
	return r, r.members(ctx, s, exporter, anchors[:min(len(anchors), 1000)])
}

// users creates users for as long as it is told.
func (r *Report) users(ctx context.Context, s *entratest.Server, e connector.Exporter, d time.Duration) ([]connector.Anchor, error) {
	s.ResetLog()
	var anchors []connector.Anchor
	for start := time.Now(); r.Elapsed < d; r.Elapsed = time.Since(start) {
		changes := make([]connector.Change, batch)
		for i := range changes {
			changes[i] = newUser(r.Users + i)
		}
		results, err := e.Export(ctx, changes)
		if err != nil {
			return nil, err
		}
		for _, res := range results {
			if !res.Outcome.Done() {
				return nil, fmt.Errorf("change %s: %v: %w", res.ID, res.Outcome, res.Err)
			}
			anchors = append(anchors, res.Anchor)
		}
		r.Users += len(results)
	}
	r.Batches = s.Count(http.MethodPost, "/$batch")
	for status, n := range s.StatusCounts() {
		r.Requests += n
		if status == http.StatusTooManyRequests {
			r.Refused += n
		}
	}
	r.Requests -= r.Batches
	return anchors, nil
}

// members adds members to a group.
func (r *Report) members(ctx context.Context, s *entratest.Server, e connector.Exporter, anchors []connector.Anchor) error {
	group := connector.Change{
		ID: "group", Op: connector.OpAdd, Class: "group",
		Mods: []attr.Mod{set("displayName", attr.String("staff")), set("securityEnabled", attr.Bool(true))},
	}
	results, err := e.Export(ctx, []connector.Change{group})
	if err != nil {
		return err
	}
	members := attr.Mod{Name: "member"}
	for _, a := range anchors {
		members.Adds = append(members.Adds, attr.Reference(a.Text()))
	}
	s.ResetLog()
	results, err = e.Export(ctx, []connector.Change{{
		ID: "members", Op: connector.OpUpdate, Class: "group", Key: connector.Key{Anchor: results[0].Anchor}, Mods: []attr.Mod{members},
	}})
	if err != nil {
		return err
	}
	if !results[0].Outcome.Done() {
		return fmt.Errorf("members: %v: %w", results[0].Outcome, results[0].Err)
	}
	r.Members, r.MemberBatches, r.MemberWrites = len(anchors), s.Count(http.MethodPost, "/$batch"), s.Writes()
	return nil
}

func newUser(i int) connector.Change {
	name := fmt.Sprintf("user%07d", i)
	anchor := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%016d", i))
	return connector.Change{
		ID: name, Op: connector.OpAdd, Class: "user",
		Mods: []attr.Mod{
			set("accountEnabled", attr.Bool(true)), set("department", attr.String("Operations")), set("displayName", attr.String(name)),
			set("mail", attr.String(name+"@contoso.test")), set("sourceAnchor", attr.String(anchor)),
			set("userPrincipalName", attr.String(name+"@contoso.test")),
		},
	}
}

func set(name string, v attr.Value) attr.Mod {
	return attr.Mod{Name: name, Replace: true, Adds: []attr.Value{v}}
}

// token takes its tokens straight from the mock tenant.
type token struct{ s *entratest.Server }

func (t token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: t.s.IssueToken(), ExpiresOn: time.Now().Add(time.Hour)}, nil
}
