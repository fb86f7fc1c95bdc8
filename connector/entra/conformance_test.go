package entra_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/connectortest"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// issued takes its tokens straight from the mock tenant.
type issued struct{ s *entratest.Server }

func (c issued) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: c.s.IssueToken(), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// quick is the configuration of tests: no pacing, and no waiting between attempts.
func quick(s *entratest.Server) *entra.Options {
	return entra.WithoutSleep(&entra.Options{
		BaseURL: s.GraphURL, RootCAs: s.CAPool(), TenantID: s.TenantID, WritesPerSecond: -1,
	})
}

func connect(t *testing.T, s *entratest.Server, opts *entra.Options) *entra.Tenant {
	t.Helper()
	tenant, err := entra.New("tenant", issued{s}, opts)
	require.NoError(t, err)
	return tenant
}

// immutableID makes a source anchor of a name, as long as a real one.
func immutableID(name string) string {
	return base64.StdEncoding.EncodeToString([]byte((name + "................")[:16]))
}

func dn(name string) string {
	return "CN={" + strings.ToUpper(hex.EncodeToString([]byte(immutableID(name)))) + "}"
}

func TestConformance(t *testing.T) {
	t.Parallel()
	conformance(t, openConformance)
}

// The suite holds as well while a twentieth of all requests fails, in every way that the
// mock knows.
func TestConformanceUnderFaults(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the suite once more")
	}
	conformance(t, func(t *testing.T) connectortest.Directory {
		d, s := directory(t, func(o *entra.Options) { o.Attempts = 12 })
		s.FailRate(0.05)
		repair := d.Repair
		d.Repair = func(t *testing.T) { repair(t); s.FailRate(0.05) }
		// What fails for good is told from what fails now and then by failing every time.
		lose := d.LoseAnswer
		d.LoseAnswer = func(t *testing.T) { s.FailRate(0); lose(t) }
		return d
	})
}

func conformance(t *testing.T, open func(*testing.T) connectortest.Directory) {
	t.Helper()
	connectortest.Run(t, connectortest.Harness{
		Open:  open,
		User:  connectortest.Class{Name: "user", Single: "department", Reference: "manager", Required: requiredOfUser},
		Group: connectortest.Class{Name: "group", Single: "description", Members: "member", Required: requiredOfGroup},
		DN:    func(class, name string) string { return dn(class[:1] + strings.TrimPrefix(name, "conf-")) },
		Many:  24,
	})
}

func openConformance(t *testing.T) connectortest.Directory {
	d, _ := directory(t, func(*entra.Options) {})
	return d
}

func directory(t *testing.T, change func(*entra.Options)) (connectortest.Directory, *entratest.Server) {
	t.Helper()
	s := entratest.NewServer(t, &entratest.Options{DeltaPageSize: 4})
	opts := quick(s)
	change(opts)
	tenant := connect(t, s, opts)
	return connectortest.Directory{
		Connector: tenant,
		Modify:    func(t *testing.T, k connector.Key, mods ...attr.Mod) { mustExport(t, tenant, updateOf(k, mods...)) },
		BreakImport: func(_ *testing.T, n int) {
			s.Inject(entratest.Fault{Method: http.MethodGet, Template: "/users/delta", Skip: n / 4, Cut: true, Times: -1})
		},
		RepeatToken: func(*testing.T) { s.SetDeltaFaults(entratest.DeltaFaults{RepeatPages: 3}) },
		// The read before the change is answered, the change itself never is.
		LoseAnswer: func(*testing.T) {
			s.Inject(entratest.Fault{Template: "/$batch", Skip: 1, After: true, Cut: true, Times: -1})
		},
		ExpireWatermark: func(*testing.T) { s.ExpireDeltaTokens() },
		Repair:          func(*testing.T) { s.ClearFaults(); s.SetDeltaFaults(entratest.DeltaFaults{}) },
	}, s
}

func requiredOfUser(name string) attr.Set {
	return attr.NewSet(map[string][]attr.Value{
		"userPrincipalName": {attr.String(name + "@contoso.test")}, "displayName": {attr.String(name)},
		"accountEnabled": {attr.Bool(true)}, "alias": {attr.String(name)},
		"sourceAnchor": {attr.String(immutableID("u" + strings.TrimPrefix(name, "conf-")))},
	})
}

func requiredOfGroup(name string) attr.Set {
	return attr.NewSet(map[string][]attr.Value{
		"displayName": {attr.String(name)}, "securityEnabled": {attr.Bool(true)}, "alias": {attr.String(name)},
		"sourceAnchor": {attr.String(immutableID("g" + strings.TrimPrefix(name, "conf-")))},
	})
}

// updateOf is a change of the object with the key.
func updateOf(k connector.Key, mods ...attr.Mod) connector.Change {
	class := "user"
	if strings.HasPrefix(k.Anchor.Raw(), "Group_") {
		class = "group"
	}
	return connector.Change{ID: "update " + k.Anchor.Raw(), Op: connector.OpUpdate, Class: class, Key: k, Mods: mods}
}

func open(t *testing.T, tenant *entra.Tenant) connector.Session {
	t.Helper()
	s, err := tenant.Open(t.Context(), connector.OpenOptions{})
	require.NoError(t, err)
	return s
}

func export(t *testing.T, tenant *entra.Tenant, changes ...connector.Change) []connector.Result {
	t.Helper()
	e, ok := connector.As[connector.Exporter](open(t, tenant))
	require.True(t, ok)
	results, err := e.Export(t.Context(), changes)
	require.NoError(t, err)
	require.Len(t, results, len(changes))
	return results
}

func mustExport(t *testing.T, tenant *entra.Tenant, changes ...connector.Change) []connector.Result {
	t.Helper()
	results := export(t, tenant, changes...)
	for _, r := range results {
		require.True(t, r.Outcome.Done(), "%v: %v: %v", r.ID, r.Outcome, r.Err)
	}
	return results
}

var _ connector.Connector = (*entra.Tenant)(nil)
