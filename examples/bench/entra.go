package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/rules"
)

func credentialFor(srv *entratest.Server) (azcore.TokenCredential, error) {
	identity := credential.Identity{TenantID: srv.TenantID, ClientID: srv.ClientID, Authority: srv.AuthorityURL}
	return credential.FromClientSecret(identity, credential.NewSecret(srv.ClientSecret), &credential.Options{RootCAs: srv.CAPool()})
}

// A recorder is a transport that keeps answers and, once told to, gives them again without
// asking anybody. So the mock is not what is measured.
type recorder struct {
	inner http.RoundTripper

	mu      sync.Mutex
	replay  bool
	answers map[string]*answer
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	key := req.Method + " " + req.URL.String()
	r.mu.Lock()
	a, replay := r.answers[key], r.replay
	r.mu.Unlock()
	if replay && a == nil {
		return nil, fmt.Errorf("nothing was recorded for %s", req.URL.Path)
	}
	if a == nil {
		res, err := r.inner.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			return nil, err
		}
		a = &answer{res.StatusCode, res.Header, body}
		a.header.Del("Content-Length")
		r.mu.Lock()
		r.answers[key] = a
		r.mu.Unlock()
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.header.Clone(),
		Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: req,
	}, nil
}

// fromEntra imports a tenant from recorded answers.
func fromEntra(ctx context.Context, b *bench) (err error) {
	users := b.size(100_000, 10_000)
	srv, err := entratest.Start(&entratest.Options{LogLimit: 1, DeltaPageSize: 999})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	for i := range users {
		n := strconv.Itoa(i)
		srv.AddUser(entratest.User{
			UserPrincipalName: "user" + n + "@contoso.test", MailNickname: "user" + n, Mail: "user" + n + "@contoso.test",
			DisplayName: "Surname" + n + ", Given" + n, GivenName: "Given" + n, Surname: "Surname" + n, Department: departments[i%len(departments)],
		})
	}
	cred, err := credentialFor(srv)
	if err != nil {
		return err
	}
	rec := &recorder{inner: srv.HTTPClient().Transport, answers: make(map[string]*answer)}
	t, err := entra.New(cloud, cred, &entra.Options{BaseURL: srv.GraphURL, HTTPClient: &http.Client{Transport: rec}, Classes: []string{"user"}})
	if err != nil {
		return err
	}
	if _, err := countImport(ctx, t); err != nil {
		return err
	}
	rec.mu.Lock()
	rec.replay = true
	rec.mu.Unlock()
	var rates []float64
	for range b.runs {
		start := time.Now()
		n, err := countImport(ctx, t)
		if err != nil {
			return err
		}
		if n < users {
			return fmt.Errorf("%d of %d users were imported", n, users)
		}
		rates = append(rates, float64(n)/time.Since(start).Seconds())
	}
	b.add(fmt.Sprintf("full import of %s users, answers from memory", number(float64(users))), "users/s", atLeast(20_000), rates...)
	return nil
}

func countImport(ctx context.Context, c connector.Connector) (n int, err error) {
	s, err := c.Open(ctx, connector.OpenOptions{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	im, ok := connector.As[connector.FullImporter](s)
	if !ok {
		return 0, errors.New("the connector has no full import")
	}
	for item, err := range im.FullImport(ctx, connector.ImportRequest{}) {
		if err != nil {
			return n, err
		}
		if item.Kind == connector.ItemObject {
			n++
		}
	}
	return n, nil
}

// quotaPerSecond is what Graph publishes for changes by one application in one tenant: 3,000 in
// 150 seconds.
const quotaPerSecond = 20

// The default pace of the connector: changes, and resource units for the smallest tenants.
const (
	writesPerSecond = 19.5
	unitsPerSecond  = 325
)

// toEntra exports a company to a mock tenant whose quota, and the pace with it, is scaled, so that it
// ends.
func toEntra(ctx context.Context, b *bench) (err error) {
	users := b.size(10_000, 1_500)
	const scale = 10
	srv, err := entratest.Start(&entratest.Options{Throttle: scale, LogLimit: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	cred, err := credentialFor(srv)
	if err != nil {
		return err
	}
	t, err := entra.New(cloud, cred, &entra.Options{
		BaseURL: srv.GraphURL, RootCAs: srv.CAPool(), WritesPerSecond: writesPerSecond * scale, UnitsPerSecond: unitsPerSecond * scale,
	})
	if err != nil {
		return err
	}
	store, err := sqlstore.OpenMemory(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	set, err := rules.Compile(rules.Standard(rules.StandardOptions{AD: []rules.ADConnector{{Name: source, Exchange: true}}, Entra: cloud}), nil)
	if err != nil {
		return err
	}
	c := &company{name: source, users: users, groups: users / 20}
	engine, err := metaverse.New(store, set, []connector.Connector{c, t}, nil)
	if err != nil {
		return err
	}
	p := &pipe{engine: engine, processor: make(map[string]float64)}
	for _, s := range []struct {
		name string
		kind metaverse.StepKind
	}{{cloud, metaverse.FullImport}, {source, metaverse.FullImport}, {source, metaverse.FullSync}, {cloud, metaverse.FullSync}} {
		if _, err := p.step(ctx, s.name, s.kind); err != nil {
			return err
		}
	}
	created, err := b.export(ctx, p, srv, scale, "objects with managers and members")
	if err != nil {
		return err
	}
	b.add("objects with managers and members: share of the quota used", "%", atLeast(95), created.share)
	b.add("requests for 1,000 created objects", "requests", nil, 1000*float64(created.requests)/float64(max(created.rec.Counters.Adds, 1)))
	if _, err := p.confirm(ctx); err != nil {
		return err
	}
	c.large = []int{users} // a group of everybody comes
	for _, kind := range []metaverse.StepKind{metaverse.FullImport, metaverse.DeltaSync} {
		if _, err := p.step(ctx, source, kind); err != nil {
			return err
		}
	}
	members, err := b.export(ctx, p, srv, scale, "a large group")
	if err != nil {
		return err
	}
	b.add("requests for 1,000 added members", "requests", nil, 1000*float64(members.requests)/float64(max(members.rec.Counters.RefAdds, 1)))
	return nil
}

type exported struct {
	rec      *metaverse.RunRecord
	requests int
	share    float64 // of the quota that was used, in percent; a short export uses more, in a burst
}

// export runs an export and reports what it was refused.
func (b *bench) export(ctx context.Context, p *pipe, srv *entratest.Server, scale float64, name string) (exported, error) {
	requests := func() (all, refused int) {
		for status, n := range srv.StatusCounts() {
			all += n
			if status == http.StatusTooManyRequests {
				refused += n
			}
		}
		return all, refused
	}
	all, refused := requests()
	writes := srv.Writes()
	rec, err := p.step(ctx, cloud, metaverse.Export)
	if err != nil {
		return exported{}, err
	}
	allNow, refusedNow := requests()
	all, refused = allNow-all, refusedNow-refused
	took := rec.Ended.Sub(rec.Started).Seconds()
	b.add(name+": answered 429", "%", atMost(1), 100*float64(refused)/float64(max(all, 1)))
	return exported{rec, all, 100 * float64(srv.Writes()-writes) / (took * quotaPerSecond * scale)}, nil
}
