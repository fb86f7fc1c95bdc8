// Command tenantsim serves a mock Microsoft Entra tenant on a loopback
// address: the token endpoint and Microsoft Graph v1.0, for demonstrations and
// for clients in any language.
//
//	go run ./examples/tenantsim -users 100
//
// It prints one line of JSON with what a client needs, and serves until it is
// interrupted:
//
//	{"graph":"https://127.0.0.1:41234/v1.0","authority":"https://127.0.0.1:41234","tenant":"...","client_id":"...","client_secret":"...","ca_file":"..."}
//
// Then, with the values of that line:
//
//	curl --cacert $ca_file $authority/$tenant/oauth2/v2.0/token -d grant_type=client_credentials \
//	     -d client_id=$client_id --data-urlencode client_secret=$client_secret \
//	     -d scope=https://graph.microsoft.com/.default
//	curl --cacert $ca_file -H "Authorization: Bearer $token" $graph/users
//
// Requests that no correct client sends are reported on standard error. What
// the tenant can and cannot do is in the documentation of package entratest.
package main
