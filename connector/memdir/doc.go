// Package memdir is a directory in memory with a connector to it: the reference
// implementation of the contract in package connector, for tests, for demonstrations, and
// to be read before one writes a connector.
//
// # Two sides
//
// A [Directory] has the administrator's side: [Directory.Put], [Directory.Modify],
// [Directory.Rename], [Directory.Delete] and [Directory.Get] work on its objects as people
// and programs other than the sync engine would. And it is a [connector.Connector]: its
// sessions import and export what the other side sees.
//
//	dir, err := memdir.New("hr", nil)
//	err = dir.Put(connector.Object{Class: "user", DN: "CN=Ann,DC=example", Attributes: …})
//	session, err := dir.Open(ctx, connector.OpenOptions{})
//
// # How it behaves
//
// Like a small Active Directory. Objects have an anchor for life and a DN that may change;
// renaming an object renames what lies below it, and one with objects below it cannot be
// deleted. References are links: they follow their target when it is renamed and vanish
// when it is deleted ([Options.LooseReferences] turns that off). A schema, where one is
// given, is enforced. Values are compared with regard to case.
//
// Every change enters a history of bounded length. A watermark is a position in it; a delta
// import tells, object by object, what is now different from then, from the present state
// and not by replaying events: that is what makes it safe to read a change twice. The files
// to read for this are history.go and import.go.
//
// # Faults
//
// [Directory.SetFaults] makes the connector misbehave: imports that break off, page tokens
// that repeat, watermarks that expire, export answers that get lost. Package connectortest
// has a decorator that does such things to any connector.
//
// # Limits
//
// Everything is in memory and one lock guards it. There are no permissions, no passwords
// and no restoring of deleted objects.
//
// # Concurrency
//
// A Directory is safe for concurrent use. Its sessions are not, as the contract says.
package memdir
