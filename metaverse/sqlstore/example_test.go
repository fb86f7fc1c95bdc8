package sqlstore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// A store is opened by path, written in an Update and read in a View.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := sqlstore.Open(ctx, filepath.Join(dir, "state.db"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	err = store.Update(ctx, func(tx metaverse.Tx) error {
		id, err := tx.NewCS(1)
		if err != nil {
			return err
		}
		return tx.PutCS([]*metaverse.CSObject{{
			ID: id, Connector: "corp.example.com", Class: "user", Anchor: connector.TextAnchor("42"),
			DN: "CN=Ann,DC=corp,DC=example,DC=com", DNKey: "cn=ann,dc=corp,dc=example,dc=com", Imported: true,
			Image: attr.NewSet(map[string][]attr.Value{"mail": {attr.String("ann@example.com")}}),
		}})
	})
	if err != nil {
		log.Fatal(err)
	}
	err = store.View(ctx, func(r metaverse.Reader) error {
		ids, err := r.CSByAnchor("corp.example.com", []connector.Anchor{connector.TextAnchor("42")})
		if err != nil {
			return err
		}
		objects, err := r.CS(ids)
		if err != nil {
			return err
		}
		fmt.Println(objects[0].DN, objects[0].State, objects[0].Image.Text("mail"))
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	problems, err := store.Check(ctx)
	fmt.Println(len(problems), err)
	// Output:
	// CN=Ann,DC=corp,DC=example,DC=com normal-disconnector ann@example.com
	// 0 <nil>
}
