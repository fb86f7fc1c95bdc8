package entra_test

import (
	"context"
	"fmt"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

func Example() {
	ctx := context.Background()
	server, err := entratest.Start(nil) // a tenant on loopback
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close() }()
	server.AddUser(entratest.User{UserPrincipalName: "ada@contoso.test", DisplayName: "Ada"})

	tenant, err := entra.New("contoso", issued{server}, &entra.Options{BaseURL: server.GraphURL, RootCAs: server.CAPool()})
	if err != nil {
		fmt.Println(err)
		return
	}
	session, err := tenant.Open(ctx, connector.OpenOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = session.Close(ctx) }()
	importer, _ := connector.As[connector.FullImporter](session)
	for item, err := range importer.FullImport(ctx, connector.ImportRequest{}) {
		switch {
		case err != nil:
			fmt.Println(err)
		case item.Kind == connector.ItemObject:
			fmt.Println(item.Object.Class, item.Object.Attributes.Text("displayName"))
		case item.Kind == connector.ItemComplete:
			fmt.Println("complete:", item.Complete.Objects)
		}
	}
	// Output:
	// user Ada
	// complete: 1
}
