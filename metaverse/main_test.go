package metaverse_test

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// TestMain has the property tests try the same cases each time, so that a build fails because of a
// change and not by chance. Others are tried where a flag of theirs is given:
//
//	go test ./metaverse -run TestRandomEditsAgreeWithTheModel -rapid.checks=5000
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || strings.HasPrefix(f.Name, "rapid.") })
	if !asked {
		if err := flag.Set("rapid.seed", "1"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
