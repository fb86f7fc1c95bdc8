package entra_test

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/entra"
)

// A press serves a delta query of users from one page of text in which only the ids change:
// it takes next to no time of its own.
type press struct {
	page  []byte
	at    []int // where the ids begin
	users int
}

const pressPage = 999

func newPress(users int) *press {
	p := &press{users: users}
	for i := range pressPage {
		p.at = append(p.at, len(p.page)+len(`{"id":"`))
		p.page = fmt.Appendf(p.page, `{"id":"00000000-0000-4000-8000-%012d","accountEnabled":true,"businessPhones":["+1 555 %06d"],"city":"Zürich",`+
			`"companyName":"Contoso","country":"Switzerland","createdDateTime":"2026-01-02T03:04:05Z","department":"Operations %d",`+
			`"displayName":"Ada Lovelace %d","employeeId":"E%06d","employeeType":null,"faxNumber":null,"givenName":"Ada","jobTitle":"Engineer",`+
			`"mail":"ada%d@contoso.com","mailNickname":"ada%d","mobilePhone":"+41 79 %06d","officeLocation":"B%d",`+
			`"onPremisesDistinguishedName":null,"onPremisesDomainName":null,"onPremisesExtensionAttributes":{"extensionAttribute1":"one",`+
			`"extensionAttribute2":null,"extensionAttribute3":"three","extensionAttribute4":null},"onPremisesImmutableId":"QF5HMK7n80qvdYsUP%06d==",`+
			`"onPremisesSamAccountName":null,"onPremisesSecurityIdentifier":null,"onPremisesSyncEnabled":null,"onPremisesUserPrincipalName":null,`+
			`"otherMails":[],"postalCode":"8001","preferredLanguage":"de-CH","proxyAddresses":["SMTP:ada%d@contoso.com","smtp:al%d@contoso.com"],`+
			`"state":null,"streetAddress":"Bahnhofstrasse 1","surname":"Lovelace","usageLocation":"CH","userPrincipalName":"ada%d@contoso.com",`+
			`"userType":"Member","manager@delta":[{"@odata.type":"#microsoft.graph.user","id":"00000000-0000-4000-8000-000000000001"}]},`,
			0, i, i%30, i, i, i, i, i, i%40, i, i, i, i)
	}
	p.page = bytes.TrimSuffix(p.page, []byte{','})
	return p
}

func (p *press) answer(w http.ResponseWriter, r seen) {
	page := 0
	if _, token, ok := strings.Cut(r.query, "token="); ok {
		page, _ = strconv.Atoi(token)
	}
	first, n := page*pressPage, pressPage
	link, name := fmt.Sprintf("$skiptoken=%d", page+1), "nextLink"
	if first+n >= p.users {
		link, name, n = "$deltatoken=0", "deltaLink", p.users-first
	}
	end := len(p.page)
	if n < pressPage {
		end = p.at[n] - len(`,{"id":"`)
	}
	body := fmt.Appendf(make([]byte, 0, end+256), `{"@odata.%s":"%s/users/delta()?%s","value":[`, name, r.base, link)
	start := len(body)
	body = append(body, p.page[:end]...)
	for i := range n {
		copy(body[start+p.at[i]:], fmt.Appendf(nil, "00000000-0000-4000-8000-%012d", first+i+1))
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, "]}"...))
}

// run imports everything and returns the live heap in octets near the beginning and at the end.
func (p *press) run(tb testing.TB, tenant *entra.Tenant) (early, late uint64) {
	tb.Helper()
	s, err := tenant.Open(tb.Context(), connector.OpenOptions{})
	require.NoError(tb, err)
	im, ok := connector.As[connector.FullImporter](s)
	require.True(tb, ok)
	n := 0
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for item, err := range im.FullImport(tb.Context(), connector.ImportRequest{}) {
		require.NoError(tb, err)
		if item.Kind != connector.ItemObject {
			continue
		}
		switch n++; n {
		case min(10*pressPage, p.users/10):
			early = live()
		case p.users:
			late = live()
		}
	}
	require.Equal(tb, p.users, n)
	return early, late
}

// A full import holds a page and, of each object, the id: some forty octets.
func TestFullImportHoldsAPage(t *testing.T) { //nolint:paralleltest // it measures the heap
	users := 100_000
	if testing.Short() {
		users = 30_000
	}
	p := newPress(users)
	s := newStub(t, p.answer)
	early, late := p.run(t, newTenant(t, s.options()))
	require.Less(t, int64(late)-int64(early), int64(users*64)+8<<20)
	t.Logf("live heap after the first tenth %d KiB, at the end of %d users %d KiB", early>>10, users, late>>10)
}

func BenchmarkFullImport(b *testing.B) {
	p := newPress(100_000)
	s := newStub(b, p.answer)
	tenant, err := entra.New("tenant", &fixed{token: "secret-token"}, s.options())
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, late := p.run(b, tenant)
		b.ReportMetric(float64(late)/(1<<20), "MiB-live")
	}
	b.ReportMetric(float64(p.users)*float64(b.N)/b.Elapsed().Seconds(), "users/s")
}
