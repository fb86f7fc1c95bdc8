package connector

import (
	"strconv"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A ChangeOp is what a [Change] does to its object.
type ChangeOp uint8

// The operations of a change.
const (
	OpAdd    ChangeOp = iota + 1 // create the object
	OpUpdate                     // modify, rename or move it
	OpDelete                     // remove it
)

var changeOpNames = [...]string{"invalid", "add", "update", "delete"}

// String returns the operation's name in lower case.
func (o ChangeOp) String() string {
	if int(o) < len(changeOpNames) {
		return changeOpNames[o]
	}
	return "op(" + strconv.Itoa(int(o)) + ")"
}

// A Change is what an export asks of the directory for one object.
type Change struct {
	// ID names the change within the run. It comes back in the [Result] and is the same
	// when the same change is sent again.
	ID string
	Op ChangeOp
	// Class is the object's class.
	Class string
	// Key names the object. An add has no anchor; its DN is where the object shall be, in
	// directories that have locations.
	Key Key
	// NewDN, in an update, is where the object shall be; "" leaves it in place.
	NewDN string
	// Mods are the changes of attributes, in name order. An add has only replacements and
	// additions.
	Mods []attr.Mod
	// Expected holds, for attributes that Mods replace, what the engine believes the
	// directory to hold. A connector may use it to detect a conflict; it may ignore it.
	Expected attr.Set
}

// An Outcome is the fate of one change.
type Outcome uint8

// The outcomes of a change.
const (
	// Applied: the directory has taken the change.
	Applied Outcome = iota + 1
	// NoChange: the directory held it already.
	NoChange
	// Rejected: the directory refused; the same change will be refused again until
	// something else changes. Err says why.
	Rejected
	// Retry: not applied, worth another try after RetryAfter.
	Retry
	// Conflict: another object holds what must be unique; ConflictWith names it if known.
	Conflict
	// Unknown: sent, answer lost. It may or may not have been applied. Read to find out.
	Unknown
)

var outcomeNames = [...]string{"invalid", "applied", "no-change", "rejected", "retry", "conflict", "unknown"}

// String returns the outcome's name in lower case.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "outcome(" + strconv.Itoa(int(o)) + ")"
}

// Done reports whether the directory now holds what the change asked for.
func (o Outcome) Done() bool { return o == Applied || o == NoChange }

// A Result is the fate of one change of an export batch.
type Result struct {
	ID      string // of the change
	Outcome Outcome
	// Anchor and DN are those of the object after an applied add or update, where the
	// directory assigned or changed them; unset means as sent.
	Anchor Anchor
	DN     string
	// RetryAfter, with Retry, is how long to wait at least; 0 leaves it to the caller.
	RetryAfter time.Duration
	// ConflictWith, with Conflict, names the object in the way, if known.
	ConflictWith Key
	// Skipped lists attributes that the directory offers no way to write. The rest of the
	// change was carried out; the outcome tells how.
	Skipped []string
	// Err explains Rejected, Retry, Conflict and Unknown. Its text never holds attribute
	// values. [CodeOf] gives its error name.
	Err error
}
