package sourceanchor_test

import (
	"fmt"

	"github.com/hybridsync/hybridsync/sourceanchor"
)

func Example() {
	guid, err := sourceanchor.ParseGUID("01234567-89ab-cdef-0123-456789abcdef")
	if err != nil {
		fmt.Println(err)
		return
	}
	anchor := sourceanchor.FromGUID(guid)
	fmt.Println(anchor.ImmutableID())
	fmt.Println(anchor.DN())

	// A value that was copied without its end.
	_, err = sourceanchor.ParseGUIDAnchor("ASNFZ4mrze8BI0VniavN7w")
	fmt.Println(err)
	// Output:
	// Z0UjAauJ780BI0VniavN7w==
	// CN={5A30556A4161754A373830424930566E6961764E37773D3D}
	// sourceanchor: immutableID "ASNFZ4mrze8BI0VniavN7w" lacks the padding (==) of Base64
}

func ExampleMatch() {
	subject := sourceanchor.Subject{Anchor: sourceanchor.FromInt(4711), Type: "User", MailEnabled: true}
	found := []sourceanchor.Candidate{{ID: "c72903ed", Type: "User", MatchesUPN: true, Privileged: true}}
	d := sourceanchor.Match(subject, found, sourceanchor.Policy{})
	fmt.Println(d.Verdict, d.Code)
	// Output: refuse ExistingAdminRoleConflict
}
