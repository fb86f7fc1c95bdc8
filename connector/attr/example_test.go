package attr_test

import (
	"fmt"

	"github.com/hybridsync/hybridsync/connector/attr"
)

func Example() {
	var have, want attr.Set
	have.Put("displayName", attr.String("Ann"))
	have.Put("member", attr.Reference("CN=ann"), attr.Reference("CN=bob"))

	want.Put("DISPLAYNAME", attr.String("Ann Lee")) // names have no case
	want.Put("member", attr.Reference("CN=bob"), attr.Reference("CN=cid"))

	for _, m := range attr.Mods(&have, &want) {
		for _, v := range m.Adds {
			fmt.Println(m.Name, "+", v.Text())
		}
		for _, v := range m.Deletes {
			fmt.Println(m.Name, "-", v.Text())
		}
		have.Apply(m)
	}
	fmt.Println(have.Equal(&want))
	fmt.Println(have) // values are personal data and do not print
	// Output:
	// DISPLAYNAME + Ann Lee
	// member + CN=cid
	// member - CN=ann
	// true
	// displayName(1) member(2)
}
