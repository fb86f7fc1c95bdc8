package connector_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
)

// How a program reads a whole directory: what counts is that the stream ended with Complete.
func Example() {
	ctx := context.Background()
	dir, err := memdir.New("hr", nil)
	if err != nil {
		log.Fatal(err)
	}
	var ann connector.Object
	ann.Class, ann.DN = "user", "CN=ann,DC=example"
	ann.Attributes.Put("displayName", attr.String("Ann"))
	if err := dir.Put(ann); err != nil {
		log.Fatal(err)
	}

	session, err := connector.WithRetry(dir, nil).Open(ctx, connector.OpenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = session.Close(ctx) }()
	full, ok := connector.As[connector.FullImporter](session)
	if !ok {
		log.Fatal("this directory cannot be imported")
	}
	complete := false
	for item, err := range full.FullImport(ctx, connector.ImportRequest{}) {
		if err != nil {
			log.Fatal(err)
		}
		switch item.Kind {
		case connector.ItemObject:
			fmt.Println(item.Object.DN, item.Object.Attributes.Text("displayName"))
		case connector.ItemComplete:
			complete = true
		}
	}
	fmt.Println("complete:", complete)
	// Output:
	// CN=ann,DC=example Ann
	// complete: true
}

// How a connector turns a listing in pages into a stream.
func ExamplePages() {
	// The directory gives two names at a time and a token for the rest.
	names := map[string]struct {
		page []string
		next string
	}{
		"":   {[]string{"ann", "bob"}, "t1"},
		"t1": {[]string{"cid"}, ""},
	}
	fetch := func(_ context.Context, token string) ([]string, string, error) {
		answer := names[token]
		return answer.page, answer.next, nil
	}
	for page, err := range connector.Pages(context.Background(), fetch, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(page)
	}
	// Output:
	// [ann bob]
	// [cid]
}

// How to react to an error: by condition and by name, never by text.
func ExampleCodeOf() {
	err := error(&connector.Error{
		Op: "export", Connector: "ad", Object: connector.Key{DN: "CN=ann,DC=example"}, Attribute: "mail",
		Code: connector.CodeUniqueValue, Err: connector.ErrConflict,
	})
	fmt.Println(errors.Is(err, connector.ErrConflict), connector.IsTransient(err), connector.CodeOf(err))
	// Output: true false AttributeValueMustBeUnique
}
