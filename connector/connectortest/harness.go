package connectortest

import (
	"testing"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Harness tells the suite how to get at a connector and what to ask of it. Open, User and
// Group with their names are required; [Run] fails when they are missing.
type Harness struct {
	// Open returns a connector to a directory without objects of earlier tests. It is
	// called once for each test, and cleans up with t.Cleanup.
	Open func(t *testing.T) Directory

	// User and Group name an object class like users and one like groups.
	User, Group Class
	// DN returns where an object with that name is to be created. Nil means that objects
	// have no DNs.
	DN func(class, name string) string
	// OtherDN returns a place in another container. Nil leaves out the tests of moves.
	OtherDN func(class, name string) string

	// Many is the number of users for tests that need several pages; 0 means 20.
	Many int
	// PageSize is what these tests ask for; 0 means 4.
	PageSize int
	// Edits is the number of random edits of the test that compares deltas with full
	// imports; 0 means 60.
	Edits int
	// Volatile names attributes that change by themselves; they are not compared.
	Volatile []string
	// AnyName says that the directory takes classes and attributes of any name.
	AnyName bool
	// Options returns the options of a session; nil means the zero value. The suite sets
	// Classes and Attributes itself where a test is about them.
	Options func() connector.OpenOptions
}

// A Class names an object class and attributes of it that can be imported and exported.
type Class struct {
	Name string
	// Single is a single-valued string attribute, without uniqueness, that may be absent.
	// It takes letters, digits and dashes, and distinguishes case.
	Single string
	// Multi is a multi-valued string attribute; "" leaves out the tests of it.
	Multi string
	// Reference is a single-valued reference to a user; "" leaves out the tests of it.
	Reference string
	// Members is a multi-valued reference to users; "" leaves out the tests of it. Of
	// groups it is required.
	Members string
	// Required returns the further attributes without which an object with that name cannot
	// be created. Nil means none.
	Required func(name string) attr.Set
}

// A Directory is one connected directory under test. All functions but Connector may be nil:
// then edits are made through the connector's exports, and tests that need a fault are
// skipped.
type Directory struct {
	Connector connector.Connector

	// Seed creates objects in the order given and returns how to find them: by anchor or
	// DN or both. References name objects that exist already.
	Seed func(t *testing.T, objects ...connector.Object) []connector.Key
	// Modify changes attributes of an object.
	Modify func(t *testing.T, k connector.Key, mods ...attr.Mod)
	// Rename gives an object another DN.
	Rename func(t *testing.T, k connector.Key, newDN string)
	// Delete removes an object.
	Delete func(t *testing.T, k connector.Key)

	// BreakImport makes the connection fail in each import after n objects were sent, or
	// after the page that holds the n-th.
	BreakImport func(t *testing.T, n int)
	// RepeatToken makes the directory answer each page of an import with the same token.
	RepeatToken func(t *testing.T)
	// ExpireWatermark makes the directory refuse every watermark that it has given out.
	ExpireWatermark func(t *testing.T)
	// LoseAnswer lets the directory carry out the changes of the next export and then
	// fail before it answers.
	LoseAnswer func(t *testing.T)
	// Repair ends the trouble that BreakImport and RepeatToken made.
	Repair func(t *testing.T)
}

func (h *Harness) withDefaults() *Harness {
	out := *h
	if out.Many == 0 {
		out.Many = 20
	}
	if out.PageSize == 0 {
		out.PageSize = 4
	}
	if out.Edits == 0 {
		out.Edits = 60
	}
	return &out
}

func (h *Harness) validate(t *testing.T) {
	t.Helper()
	switch {
	case h.Open == nil:
		t.Fatal("connectortest: Harness.Open is missing")
	case h.User.Name == "" || h.User.Single == "":
		t.Fatal("connectortest: Harness.User needs Name and Single")
	case h.Group.Name == "" || h.Group.Single == "" || h.Group.Members == "":
		t.Fatal("connectortest: Harness.Group needs Name, Single and Members")
	case h.DN == nil && h.OtherDN != nil:
		t.Fatal("connectortest: Harness.OtherDN without DN")
	}
}
