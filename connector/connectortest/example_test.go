package connectortest_test

import (
	"context"
	"fmt"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/connectortest"
	"github.com/hybridsync/hybridsync/connector/memdir"
)

// A test of a program that uses connectors wants to see what it does when an import breaks
// off after two objects.
func ExampleWithFaults() {
	ctx := context.Background()
	dir, err := memdir.New("hr", nil)
	if err != nil {
		panic(err)
	}
	for _, dn := range []string{"CN=ann", "CN=bob", "CN=cid"} {
		if err := dir.Put(connector.Object{Class: "user", DN: dn}); err != nil {
			panic(err)
		}
	}
	faulty := connectortest.WithFaults(dir, connectortest.FaultPlan{Faults: []connectortest.Fault{
		{Kind: connectortest.Cut, On: connectortest.OnFullImport, After: 2, Times: 1},
	}})
	session, err := faulty.Open(ctx, connector.OpenOptions{})
	if err != nil {
		panic(err)
	}
	full, _ := connector.As[connector.FullImporter](session)
	for item, err := range full.FullImport(ctx, connector.ImportRequest{}) {
		if err != nil {
			fmt.Println("error:", err)
			break
		}
		fmt.Println(item.Object.DN)
	}
	fmt.Println("fired:", faulty.Trace()[0].Kind)
	// Output:
	// CN=ann
	// CN=bob
	// error: hr: full-import: directory unavailable
	// fired: cut
}
