package entratest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// BenchmarkList reads pages of 999 out of 100,000 users.
func BenchmarkList(b *testing.B) {
	s := entratest.NewServer(b, nil)
	for i := range 100_000 {
		s.AddUser(entratest.User{
			UserPrincipalName: fmt.Sprintf("u%06d@contoso.test", i), DisplayName: "Some Body", GivenName: "Some", Surname: "Body",
			Mail: fmt.Sprintf("u%06d@contoso.test", i), Department: "Department", JobTitle: "Title",
		})
	}
	c, token := s.HTTPClient(), s.IssueToken()
	defer c.CloseIdleConnections()
	users := 0
	for b.Loop() {
		req, err := http.NewRequest(http.MethodGet, s.GraphURL+"/users?$top=999&$select=id,userPrincipalName,displayName,givenName,surname,mail,accountEnabled,department,jobTitle,proxyAddresses", http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := c.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			b.Fatal(res.Status, err)
		}
		_ = res.Body.Close()
		users += 999
	}
	b.ReportMetric(float64(users)/b.Elapsed().Seconds(), "users/s")
}

// BenchmarkBatchCreate creates users in batches of twenty.
func BenchmarkBatchCreate(b *testing.B) {
	s := entratest.NewServer(b, nil)
	c, token := s.HTTPClient(), s.IssueToken()
	defer c.CloseIdleConnections()
	n := 0
	for b.Loop() {
		items := make([]string, 20)
		for i := range items {
			items[i] = createItem(fmt.Sprint(i), fmt.Sprintf("u%07d@contoso.test", n), "")
			n++
		}
		req, err := http.NewRequest(http.MethodPost, s.GraphURL+"/$batch", strings.NewReader(`{"requests":[`+strings.Join(items, ",")+`]}`))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		res, err := c.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "users/s")
}
