package scheduler_test

import (
	"context"
	"fmt"
	"time"

	"github.com/hybridsync/hybridsync/scheduler"
)

// A cycle every night at three, and orders from whoever can open the store.
func Example() {
	nightly, err := scheduler.Cron("0 3 * * *", time.UTC)
	if err != nil {
		fmt.Println(err)
		return
	}
	engine := newFake() // in earnest: a *metaverse.Engine
	s, err := scheduler.New(engine, []scheduler.Connector{{Name: "contoso.com"}, {Name: "tenant", Cloud: true}},
		&scheduler.Options{Schedule: nightly})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	plan, err := s.Plan(ctx, scheduler.Delta)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(plan[0].Connector, plan[0].Kind, "because", plan[0].Reason)
	if _, err := s.Control().Suspend(ctx, "an operator", "a migration"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(s.Control().Start(ctx, "somebody else", scheduler.Delta) != nil)
	// Output:
	// contoso.com full-import because it was not read in full before
	// true
}
