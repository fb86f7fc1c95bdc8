package secdesc_test

import (
	"fmt"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// May a helper of the service desk, who got the right by a group, set passwords?
func Example() {
	group, _ := secdesc.ParseSID("S-1-5-21-1004336348-1177238915-682003330-1700")
	resetPassword := secdesc.MustGUID("00299570-246d-11d0-a768-00aa006e0529")
	d, err := secdesc.ParseSDDL("O:BAD:(A;;RP;;;AU)(OA;CIID;CR;00299570-246d-11d0-a768-00aa006e0529;;"+group.String()+")", secdesc.SID{})
	if err != nil {
		fmt.Println(err)
		return
	}
	access := d.Evaluate(secdesc.NewToken(group, secdesc.AuthenticatedUsers), secdesc.Object{})
	fmt.Println(access.Control(resetPassword), access.Whole())
	// Output: true RP
}
