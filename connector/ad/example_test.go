package ad_test

import (
	"context"
	"fmt"
	"os"

	"github.com/hybridsync/hybridsync/connector/ad"
)

// A connector for two domain controllers of one domain. New checks the options and dials
// nothing.
func ExampleNew() {
	d, err := ad.New("contoso.com", ad.Options{
		URLs:     []string{"ldaps://dc1.contoso.com", "ldaps://dc2.contoso.com"},
		BindName: "svc-sync@contoso.com",
		Password: func(context.Context) (string, error) { return os.Getenv("AD_PASSWORD"), nil },
		Include:  []string{"OU=People,DC=contoso,DC=com", "OU=Groups,DC=contoso,DC=com"},
		Classes:  []string{"user", "group"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Info().Type, d.Info().Name, d.Capabilities().DeltaImport)
	// Output: ad contoso.com true
}
