package ad_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

// A mock domain controller stands in for a real one. The account may read and is about to
// write mS-DS-ConsistencyGuid and groups: what it lacks is told before anything is imported.
func ExamplePreflight() {
	dc, err := adtest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = dc.Close() }()
	groups := dc.Must(dc.AddOU("Groups"))
	account := dc.Must(dc.AddUser("svc-sync", nil))
	if err := dc.SetPassword(account, "correct horse battery staple"); err != nil {
		log.Fatal(err)
	}
	if err := dc.Delegate(adtest.Delegation{Account: account, GetChanges: true}); err != nil {
		log.Fatal(err)
	}

	d, err := ad.New("contoso", ad.Options{URLs: []string{dc.URL()}, CAFile: dc.CAFile(), BindName: "svc-sync@contoso.test",
		Password: func(context.Context) (string, error) { return "correct horse battery staple", nil }})
	if err != nil {
		log.Fatal(err)
	}
	report, err := ad.Preflight(context.Background(), d, ad.Uses{GroupContainer: groups,
		Features: []ad.Feature{ad.FeatureDelta, ad.FeatureConsistencyGUID, ad.FeatureGroups}})
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range report.Verdicts {
		fmt.Printf("%s: %s\n", v.State, v.Delegation)
		if v.State != ad.Granted {
			fmt.Println("  " + report.Commands(v.Delegation)[0])
		}
	}
	// Output:
	// granted: Replicating Directory Changes on DC=contoso,DC=test
	// missing: read and write mS-DS-ConsistencyGuid of user objects beneath DC=contoso,DC=test
	//   dsacls "DC=contoso,DC=test" /I:S /G "CONTOSO\svc-sync:RPWP;mS-DS-ConsistencyGuid;user"
	// missing: create and delete objects of class group on OU=Groups,DC=contoso,DC=test
	//   dsacls "OU=Groups,DC=contoso,DC=test" /G "CONTOSO\svc-sync:CCDC;group"
	// missing: read and write all properties of group objects beneath OU=Groups,DC=contoso,DC=test
	//   dsacls "OU=Groups,DC=contoso,DC=test" /I:S /G "CONTOSO\svc-sync:RPWP;;group"
}

// An account for a connector is planned, shown, made and taken back again.
func ExampleProvisioner() {
	dc, err := adtest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = dc.Close() }()
	ctx := context.Background()
	admin, err := ad.New("contoso", ad.Options{URLs: []string{dc.URL()}, CAFile: dc.CAFile(), BindName: dc.AdminUPN(),
		Password:           func(context.Context) (string, error) { return dc.AdminPassword(), nil },
		AllowAdministrator: true}) // somebody has to give the permissions
	if err != nil {
		log.Fatal(err)
	}
	p := ad.NewProvisioner(admin)
	plan, err := p.Plan(ctx, ad.AccountRequest{Name: "MSOL_sync",
		Uses: ad.Uses{Features: []ad.Feature{ad.FeatureDelta, ad.FeatureConsistencyGUID}}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("make", plan.DN)
	for _, g := range plan.Grants {
		fmt.Println("grant", g.What)
	}
	done, err := p.Apply(ctx, plan, func(_ context.Context, _, password string) error {
		return nil // put it into a vault
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("granted", len(done.Grants))
	if err := p.Undo(ctx, done); err != nil {
		log.Fatal(err)
	}
	_, err = dc.Get(done.DN)
	fmt.Println("gone", err != nil)
	// Output:
	// make CN=MSOL_sync,CN=Users,DC=contoso,DC=test
	// grant Replicating Directory Changes on DC=contoso,DC=test
	// grant read and write mS-DS-ConsistencyGuid of user objects beneath DC=contoso,DC=test
	// granted 2
	// gone true
}
