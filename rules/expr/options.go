package expr

import "github.com/hybridsync/hybridsync/connector/attr"

// Options are the options of [Compile]. The zero value, or nil, is good.
type Options struct {
	// Functions are the host's own, in addition to the built-in ones. A name that exists
	// already is refused.
	Functions []Function

	// Attributes tells type and existence of an attribute of the source object. Names are
	// case-sensitive in the language: report exactly the spelling of the schema as known.
	// Nil means that attributes are not checked.
	Attributes func(name string) (AttributeType, bool)

	// AttributeNames are the candidates for "did you mean" when Attributes does not know a
	// name. It is only read then. Nil means no suggestions.
	AttributeNames func() []string

	// UnknownAttribute is the severity of an attribute that Attributes does not know:
	// SeverityWarning by default.
	UnknownAttribute Severity

	// Parameters reports whether %name% exists. Nil means that parameters are not checked;
	// one that is missing then fails the evaluation.
	Parameters func(name string) bool

	// ParameterNames are the candidates for "did you mean" when Parameters does not know a
	// name.
	ParameterNames func() []string

	// Limits bounds compilation and evaluation.
	Limits Limits
}

// An AttributeType is what a schema says about an attribute.
type AttributeType struct {
	Kind  attr.Kind // Invalid means unknown
	Multi bool      // may have several values
}

// Limits bounds what one expression may cost. Zero fields mean the default, negative ones
// are treated like zero.
type Limits struct {
	Source int // length of the source text in bytes; 256 KiB by default
	Depth  int // nesting of the source text; 200 by default
	Steps  int // function calls and operations per evaluation; 10,000,000 by default
	Output int // bytes of text and binary made per evaluation; 64 MiB by default
}

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.Source, 256<<10)
	set(&l.Depth, 200)
	set(&l.Steps, 10_000_000)
	set(&l.Output, 64<<20)
	return l
}
