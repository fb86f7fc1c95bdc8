package entra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/google/uuid"
	abstractions "github.com/microsoft/kiota-abstractions-go"
	graphcore "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/microsoftgraph/msgraph-sdk-go-core/authentication"
	"github.com/microsoftgraph/msgraph-sdk-go/devices"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"github.com/hybridsync/hybridsync/connector"
)

const (
	maxBody      = 128 << 20 // of an answer; a page of 999 users takes one
	maxErrorBody = 64 << 10
	maxPage      = 999
)

// A client sends requests through the SDK's adapter and returns answers as they came, so
// that null and absent stay apart. It is safe for concurrent use.
type client struct {
	o       *Options
	base    *url.URL
	cred    *credential
	adapter *graphcore.GraphRequestAdapterBase
	http    *http.Client
	pace    *pacer
	path    map[string]string // path parameters of the SDK's request builders
}

func newClient(cred azcore.TokenCredential, o *Options) (*client, error) {
	base, err := url.Parse(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("entra: option BaseURL: %w", err)
	}
	marked := &credential{cred}
	provider, err := authentication.NewAzureIdentityAuthenticationProviderWithScopesAndValidHosts(
		marked, o.Scopes, []string{base.Hostname()})
	if err != nil {
		return nil, fmt.Errorf("entra: authentication provider: %w", err)
	}
	c := &client{o: o, cred: marked, base: base, http: newHTTPClient(o, base), pace: newPacer(o), path: map[string]string{"baseurl": o.BaseURL}}
	c.adapter, err = graphcore.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		provider, graphcore.GraphClientOptions{}, nil, nil, c.http)
	if err != nil {
		return nil, fmt.Errorf("entra: request adapter: %w", err)
	}
	c.adapter.SetBaseUrl(o.BaseURL)
	return c, nil
}

// A recipe builds a request. It is called again for every attempt: nothing of an attempt
// that failed, such as a body that was read, gets into the next.
type recipe func(ctx context.Context) (*abstractions.RequestInformation, error)

// delta is the first page of a delta query.
func (c *client) delta(cl *class, selected []string) recipe {
	return func(ctx context.Context) (*abstractions.RequestInformation, error) {
		if cl.name == classDevice {
			return devices.NewDevicesRequestBuilderInternal(c.path, c.adapter).Delta().ToGetRequestInformation(ctx,
				&devices.DeltaRequestBuilderGetRequestConfiguration{
					QueryParameters: &devices.DeltaRequestBuilderGetQueryParameters{Select: selected},
				})
		}
		if cl.name == classUser {
			return users.NewUsersRequestBuilderInternal(c.path, c.adapter).Delta().ToGetRequestInformation(ctx,
				&users.DeltaRequestBuilderGetRequestConfiguration{
					QueryParameters: &users.DeltaRequestBuilderGetQueryParameters{Select: selected},
				})
		}
		return groups.NewGroupsRequestBuilderInternal(c.path, c.adapter).Delta().ToGetRequestInformation(ctx,
			&groups.DeltaRequestBuilderGetRequestConfiguration{
				QueryParameters: &groups.DeltaRequestBuilderGetQueryParameters{Select: selected},
			})
	}
}

// link is a page that the service named. It must be on the configured host: a token is
// never sent anywhere else.
func (c *client) link(link string) (recipe, error) {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != c.base.Scheme || !strings.EqualFold(u.Host, c.base.Host) || u.User != nil {
		return nil, errors.New("a page link leads to another host than the configured one")
	}
	return func(ctx context.Context) (*abstractions.RequestInformation, error) {
		return users.NewUsersRequestBuilder(link, c.adapter).ToGetRequestInformation(ctx, nil)
	}, nil
}

// plain is a request of which the SDK has no builder, or one that makes another URL.
func (c *client) plain(method abstractions.HttpMethod, path string, body []byte) recipe {
	return func(context.Context) (*abstractions.RequestInformation, error) {
		u, err := url.Parse(c.o.BaseURL + path)
		if err != nil {
			return nil, err
		}
		info := abstractions.NewRequestInformation()
		info.Method = method
		info.SetUri(*u)
		if body != nil {
			info.SetStreamContentAndContentType(body, "application/json")
			info.Headers.Add("Content-Length", strconv.Itoa(len(body)))
		}
		return info, nil
	}
}

// get is plain for reading.
func (c *client) get(path string) recipe { return c.plain(abstractions.GET, path, nil) }

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// once makes one attempt. The error of an answer of 400 and more is a [*GraphError].
func (c *client) once(ctx context.Context, build recipe, header http.Header) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	info, err := build(ctx)
	if err != nil {
		return nil, err
	}
	id := uuid.NewString()
	info.Headers.Add("client-request-id", id)
	info.Headers.Add("return-client-request-id", "true")
	if header.Get("Accept") == "" {
		info.Headers.Add("Accept", "application/json")
	}
	for name, values := range header {
		for _, v := range values {
			info.Headers.Add(name, v)
		}
	}
	var a *answer
	option := abstractions.NewRequestHandlerOption()
	option.SetResponseHandler(func(response any, _ abstractions.ErrorMappings) (any, error) {
		resp, ok := response.(*http.Response)
		if !ok {
			return nil, errors.New("the SDK's adapter gave no response")
		}
		a, err = readAnswer(resp)
		return nil, err
	})
	info.AddRequestOptions([]abstractions.RequestOption{option})
	if err := c.adapter.SendNoContent(ctx, info, nil); err != nil {
		if errors.Is(err, connector.ErrRevoked) { // before its body was complete
			return nil, fmt.Errorf("%w: %w", errUnsent, err)
		}
		return nil, err
	}
	c.pace.observe(a.status, a.header)
	if a.status < http.StatusBadRequest {
		return a, nil
	}
	g := newGraphError(a.status, a.header, a.body, c.o.Clock())
	if g.ClientRequestID == "" {
		g.ClientRequestID = id
	}
	return nil, g
}

// readAnswer reads the body to its end, so that the connection can be used again, but never
// more than there should be.
func readAnswer(resp *http.Response) (*answer, error) {
	defer func() { _ = resp.Body.Close() }()
	limit := int64(maxBody)
	if resp.StatusCode >= http.StatusBadRequest {
		limit = maxErrorBody
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if resp.StatusCode >= http.StatusBadRequest {
		// The status counts more than the rest of its body.
		return &answer{resp.StatusCode, resp.Header, body[:min(len(body), maxErrorBody)]}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("the answer is longer than %d octets", limit)
	}
	return &answer{resp.StatusCode, resp.Header, body}, nil
}

// do sends a request that can be repeated without harm, until it is answered for good or
// the attempts are used up.
func (c *client) do(ctx context.Context, log *slog.Logger, build recipe, header http.Header) (*answer, error) {
	for attempt := 1; ; attempt++ {
		if err := c.pace.spend(ctx, 0, 1); err != nil {
			return nil, err
		}
		a, err := c.once(ctx, build, header)
		if a != nil {
			c.pace.correct(1, a.header)
		}
		if err == nil || ctx.Err() != nil {
			return a, err
		}
		wait, again := c.again(err, attempt)
		if !again {
			return nil, err
		}
		log.DebugContext(ctx, "request is tried again", "attempt", attempt, "wait", wait, "err", describeError(err))
		if err := c.pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}
