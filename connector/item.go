package connector

import (
	"strconv"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Watermark is a point in a directory's history, kept between runs, from which a delta
// import can start. It is opaque and versioned by the connector that made it. A connector
// that does not know a watermark's version or that no longer holds its history says
// [ErrWatermarkExpired].
type Watermark []byte

// A Checkpoint is a point inside one import, kept until that import completes, from which
// it can resume. It is opaque and versioned like a watermark, but never one.
type Checkpoint []byte

// An ItemKind tells what an [Item] is.
type ItemKind uint8

// The kinds of items.
const (
	// ItemObject is a whole object: what it does not hold does not exist.
	ItemObject ItemKind = iota + 1
	// ItemUpdate is a change of an object known from earlier imports: class, anchor and
	// DN are current, Object.Attributes is empty and Mods tells what changed. An empty DN
	// or class means unchanged. The engine reads an object that it does not know whole,
	// with [ObjectReader]. Full imports never yield updates.
	ItemUpdate
	// ItemDelete says that the object named by Object's anchor or DN is gone.
	ItemDelete
	// ItemCheckpoint is a resume point that covers every item before it.
	ItemCheckpoint
	// ItemComplete is the last item of an import that saw all it had to see.
	ItemComplete
)

var itemKindNames = [...]string{"invalid", "object", "update", "delete", "checkpoint", "complete"}

// String returns the kind's name in lower case.
func (k ItemKind) String() string {
	if int(k) < len(itemKindNames) {
		return itemKindNames[k]
	}
	return "item(" + strconv.Itoa(int(k)) + ")"
}

// An Item is one element of an import stream. It is the receiver's to keep: a connector
// does not touch it, or what it points to, after it was yielded.
type Item struct {
	Kind       ItemKind
	Object     *Object     // ItemObject, ItemUpdate, ItemDelete
	Mods       []attr.Mod  // ItemUpdate
	Err        error       // trouble with this object alone; it is then not staged
	Checkpoint Checkpoint  // ItemCheckpoint
	Complete   *Completion // ItemComplete
}

// A Completion closes an import stream.
type Completion struct {
	// Watermark is where the next delta import starts; nil where there is no delta import.
	Watermark Watermark
	// Objects is the number of objects, updates and deletions that the directory sent,
	// including those that carried an error. A full import that was resumed counts what came
	// before its checkpoint, too.
	Objects int64
}

// An ImportRequest parameterises one import. The zero value asks for all with defaults.
type ImportRequest struct {
	// Resume continues an interrupted import of the same kind after this checkpoint. A
	// checkpoint that is no longer good gives [ErrWatermarkExpired] before any item; the
	// engine then starts over.
	Resume Checkpoint
	// PageSize is the number of objects to ask for at a time; 0 lets the connector choose.
	PageSize int
	// Progress, when not nil, is called now and then on the caller's goroutine with the
	// number of objects that the directory reported in total, where it reports one.
	Progress func(total int64)
}
