package entratest_test

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// A tenant with one user, read over HTTPS.
func Example() {
	tenant, err := entratest.Start(nil) // in a test: entratest.NewServer(t, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = tenant.Close() }()
	tenant.AddUser(entratest.User{UserPrincipalName: "ada@contoso.test", DisplayName: "Ada Allen"})

	req, err := http.NewRequest(http.MethodGet, tenant.GraphURL+"/users/ada@contoso.test?$select=displayName", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+tenant.IssueToken())
	res, err := tenant.HTTPClient().Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	var user struct{ DisplayName string }
	if err := json.NewDecoder(res.Body).Decode(&user); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.StatusCode, user.DisplayName, tenant.Writes())
	// Output: 200 Ada Allen 0
}
