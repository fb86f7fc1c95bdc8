// Package connectortest proves that a connector keeps the contract of package connector.
//
// # The suite
//
// [Run] holds a connector against every rule that the engine relies on: that declared
// capabilities are those that sessions have, that an import ends with Complete or was
// partial, that deltas add up to what a full import shows, that exports can be repeated, that
// errors can be branched on, and so on. A test of a connector is one function:
//
//	func TestConformance(t *testing.T) {
//		connectortest.Run(t, connectortest.Harness{
//			Open:  func(t *testing.T) connectortest.Directory { … },
//			User:  connectortest.Class{Name: "user", Single: "displayName", Multi: "otherTelephone", Reference: "manager"},
//			Group: connectortest.Class{Name: "group", Single: "displayName", Members: "member"},
//			DN:    func(class, name string) string { return "CN=" + name + ",OU=Test,DC=example" },
//		})
//	}
//
// The suite works on objects that it makes itself and leaves others alone, so that it runs
// against real directories, which are never empty. It makes and edits them through
// [Directory.Seed] and its siblings, behind the connector's back, or through exports where
// the harness has none.
//
// A test is skipped only when the connector declares that it lacks the capability, or when
// the harness lacks what the test needs; the reason is logged. Every failure states the
// rule that was broken.
//
// # Faults
//
// [WithFaults] wraps any connector into one that misbehaves as planned: streams that are
// cut, answers that are lost, watermarks that have expired. It is for tests of the engine
// and of programs that use it. With [Chaos] the faults come by chance, the same for the same
// seed; [Storms] has scenarios, [RequireFired] makes sure that they blew, and [JumpingClock]
// is a clock that jumps.
//
// # Concurrency
//
// The tests of one Run are run one after the other. Several Runs may be run in parallel.
package connectortest
