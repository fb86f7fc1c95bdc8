package connector

import (
	"iter"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// Needs tells a preflight check what is going to be asked of the directory.
type Needs struct {
	Import     bool     // objects will be read
	Delta      bool     // changes will be read
	Export     bool     // objects will be changed
	Classes    []string // object classes in use; empty means all configured
	Attributes []string // attributes that will be read
	Write      []string // attributes that will be written
	// Waiting yields the values of an attribute that wait to be exported, with the keys of
	// their objects, and what kept it from yielding them all. Nil where nobody knows.
	Waiting func(attribute string) iter.Seq2[Waiting, error]
}

// A Waiting is a value that waits to be exported.
type Waiting struct {
	Object Key
	Op     ChangeOp
	Class  string
	Value  attr.Value
}

// A Severity grades a [Finding].
type Severity uint8

// The severities.
const (
	Notice  Severity = iota // worth knowing
	Warning                 // works, but not as it should
	Failure                 // will not work
)

// String returns notice, warning or error.
func (s Severity) String() string {
	switch s {
	case Notice:
		return "notice"
	case Warning:
		return "warning"
	default:
		return "error"
	}
}

// A Finding is one thing that a preflight check found.
type Finding struct {
	Severity Severity
	Code     Code   // error name, the same for every finding of a kind
	Object   string // DN or other name of what it is about; "" for the whole directory
	Message  string // what was found
	Remedy   string // what to do about it
	// Commands are command lines for an administrator that carry the remedy out, each one
	// by itself; none where there is no such thing.
	Commands []string
}
