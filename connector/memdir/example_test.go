package memdir_test

import (
	"context"
	"fmt"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
)

func user(dn, name string) connector.Object {
	return connector.Object{Class: "user", DN: dn, Attributes: attr.NewSet(map[string][]attr.Value{
		"displayName": {attr.String(name)},
	})}
}

func Example() {
	ctx := context.Background()
	dir, err := memdir.New("hr", nil)
	if err != nil {
		panic(err)
	}
	err = dir.Put(user("CN=ann,DC=example", "Ann"), user("CN=bob,DC=example", "Bob"))
	if err != nil {
		panic(err)
	}

	// The connector's side: a full import, and what the engine keeps of it.
	session, err := dir.Open(ctx, connector.OpenOptions{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = session.Close(ctx) }()
	full, _ := connector.As[connector.FullImporter](session)
	var watermark connector.Watermark
	for item, err := range full.FullImport(ctx, connector.ImportRequest{}) {
		if err != nil {
			panic(err)
		}
		switch item.Kind {
		case connector.ItemObject:
			fmt.Println("object", item.Object.DN)
		case connector.ItemComplete:
			watermark = item.Complete.Watermark
			fmt.Println("complete", item.Complete.Objects)
		}
	}

	// The administrator's side changes something; a delta import tells what.
	err = dir.Modify(connector.Key{DN: "CN=bob,DC=example"},
		attr.Mod{Name: "displayName", Replace: true, Adds: []attr.Value{attr.String("Robert")}})
	if err != nil {
		panic(err)
	}
	delta, _ := connector.As[connector.DeltaImporter](session)
	for item, err := range delta.DeltaImport(ctx, watermark, connector.ImportRequest{}) {
		if err != nil {
			panic(err)
		}
		if item.Kind == connector.ItemUpdate {
			fmt.Println("update", item.Object.DN, item.Mods[0].Name, "=", item.Mods[0].Adds[0].Text())
		}
	}
	// Output:
	// object CN=ann,DC=example
	// object CN=bob,DC=example
	// complete 2
	// update CN=bob,DC=example displayName = Robert
}

func ExampleDirectory_SetFaults() {
	ctx := context.Background()
	dir, err := memdir.New("hr", nil)
	if err != nil {
		panic(err)
	}
	session, err := dir.Open(ctx, connector.OpenOptions{})
	if err != nil {
		panic(err)
	}
	// The add below is carried out, but its answer gets lost.
	dir.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate {
		return memdir.Fate{Outcome: connector.Unknown}
	}})
	export, _ := connector.As[connector.Exporter](session)
	results, err := export.Export(ctx, []connector.Change{{
		ID: "1", Op: connector.OpAdd, Class: "user", Key: connector.Key{DN: "CN=ann,DC=example"},
		Mods: []attr.Mod{{Name: "displayName", Replace: true, Adds: []attr.Value{attr.String("Ann")}}},
	}})
	fmt.Println(results[0].Outcome, err, dir.Len())
	// Output: unknown <nil> 1
}
