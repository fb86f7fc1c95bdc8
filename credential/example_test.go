package credential_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/software"
)

// An identity that the library manages: it is set up once, used, and rotated. The mock
// tenant stands for Entra ID; without it, Authority, GraphURL and Options stay empty.
func Example() {
	ctx := context.Background()
	tenant, err := entratest.Start(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = tenant.Close() }()
	dir, err := os.MkdirTemp("", "identity-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()

	options := credential.Options{HTTPClient: tenant.HTTPClient()}
	admin, err := credential.FromClientSecret(credential.Identity{
		TenantID: tenant.TenantID, ClientID: tenant.ClientID, Authority: tenant.AuthorityURL,
	}, credential.NewSecret(tenant.ClientSecret), &options)
	if err != nil {
		fmt.Println(err)
		return
	}

	keys, err := software.Open(filepath.Join(dir, "keys"), software.KeyFile(filepath.Join(dir, "seal")))
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := credential.NewManager(credential.Settings{
		Mode: credential.Managed, Name: "my sync", TenantID: tenant.TenantID,
		Authority: tenant.AuthorityURL, GraphURL: tenant.GraphURL,
	}, keys, credential.NewFileState(filepath.Join(dir, "identity.json")), &credential.ManagerOptions{Options: options})
	if err != nil {
		fmt.Println(err)
		return
	}

	// Once, with an administrator's credential.
	if err := m.Setup(ctx, admin, nil); err != nil {
		fmt.Println(err)
		return
	}
	// From then on.
	cred := m.Credential() // give this to connector/entra, or to any Azure library
	_, err = cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}})
	fmt.Println("signed in:", err == nil)

	// A long-running program calls go m.Run(ctx), which rotates in time. By hand:
	if err := m.Rotate(ctx, nil, nil); err != nil {
		fmt.Println(err)
		return
	}
	status, err := m.Status(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(status.Step, status.Current.Subject, status.Current.DaysRemaining, "days")
	// Output:
	// signed in: true
	// active CN=my sync 89 days
}
