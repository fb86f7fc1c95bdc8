package metaverse

import (
	"strconv"
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A CSID identifies a connector-space object within one store. 0 is none.
type CSID int64

// An MVID identifies a metaverse object within one store. 0 is none.
type MVID int64

// A CSState tells how a connector-space object stands to the metaverse.
type CSState uint8

// The states of connector-space objects. The numbers are stored and never change.
const (
	// NormalDisconnector: not linked; tried again in every synchronisation.
	NormalDisconnector CSState = 0
	// Connected: linked to a metaverse object. Every object with a link is.
	Connected CSState = 1
	// ExplicitDisconnector: unlinked on purpose; not a candidate for joins any more.
	ExplicitDisconnector CSState = 2
	// FilteredDisconnector: kept out by a filter, see [Options].
	FilteredDisconnector CSState = 3
	// Placeholder: known only because another object refers to it, or deleted while
	// others still refer to it. Never linked.
	Placeholder CSState = 4
)

var csStateNames = [...]string{"normal-disconnector", "connected", "explicit-disconnector", "filtered-disconnector", "placeholder"}

// String returns the state's name.
func (s CSState) String() string {
	if int(s) < len(csStateNames) {
		return csStateNames[s]
	}
	return "state(" + strconv.Itoa(int(s)) + ")"
}

// An ImportOp is a pending import: what import has staged and synchronisation has not yet
// taken in. The numbers are stored and never change.
type ImportOp uint8

// The kinds of pending imports.
const (
	ImportNone      ImportOp = 0
	ImportAdd       ImportOp = 1 // new in the connected directory
	ImportUpdate    ImportOp = 2 // changed, renamed or moved
	ImportDelete    ImportOp = 3 // gone from the connected directory
	ImportDeleteAdd ImportOp = 4 // came back as another class
)

var importOpNames = [...]string{"none", "add", "update", "delete", "delete-add"}

// String returns the operation's name.
func (o ImportOp) String() string {
	if int(o) < len(importOpNames) {
		return importOpNames[o]
	}
	return "import(" + strconv.Itoa(int(o)) + ")"
}

// A CSObject is one object of a connector space: the engine's picture of one object of one
// connected directory.
type CSObject struct {
	ID        CSID
	Connector string // name of the connector
	Class     string // "" for placeholders whose class is not known
	Anchor    connector.Anchor
	DN        string // as the directory spells it, or as it will be provisioned
	DNKey     string // DN in the form under which DNs are compared; unique in a connector space
	Partition string
	State     CSState
	// Imported says that the directory has the object: an import has shown it, or an
	// export has made it. What was only provisioned, and placeholders, are not imported.
	Imported bool
	// Image holds the attributes as last imported, without those that are references:
	// references live in rows of their own ([CSRef]).
	Image attr.Set
	// Pending is the pending import, kept in a queue of its own: writing the object does
	// not write it and clearing it does not write the object.
	Pending ImportOp
	// Link is the link to the metaverse, kept in rows of its own as well. It is the zero
	// Link for disconnectors and placeholders.
	Link Link
}

// Key returns the object's anchor and DN.
func (o *CSObject) Key() connector.Key { return connector.Key{Anchor: o.Anchor, DN: o.DN} }

// A LinkKind says how a connector-space object was linked. The numbers are stored and never
// change.
type LinkKind uint8

// The kinds of links.
const (
	LinkNone      LinkKind = 0
	LinkJoin      LinkKind = 1 // found its metaverse object, or was found by it
	LinkProject   LinkKind = 2 // made its metaverse object
	LinkProvision LinkKind = 3 // was made by its metaverse object
	LinkExplicit  LinkKind = 4 // joined by an operator
)

var linkKindNames = [...]string{"none", "join", "project", "provision", "explicit"}

// String returns the kind's name.
func (k LinkKind) String() string {
	if int(k) < len(linkKindNames) {
		return linkKindNames[k]
	}
	return "link(" + strconv.Itoa(int(k)) + ")"
}

// A Link ties a connector-space object to its metaverse object. A connector-space object
// has at most one; a metaverse object at most one into each connector space.
type Link struct {
	MV   MVID
	Kind LinkKind
	// Rule is the id of the rule that made the link.
	Rule string
	// Sticky says that the metaverse object lives as long as this link.
	Sticky bool
	// Outbound lists the reference flows from the metaverse object to this object.
	Outbound []ReferenceFlow
}

// A CSLink is what a link says about references: where they come from and where they go to.
type CSLink struct {
	CS        CSID
	Connector string // of the object
	MV        MVID
	Outbound  []ReferenceFlow
}

// A ReferenceFlow copies a reference attribute value by value, without ever evaluating it
// as a whole: that is what keeps one new member of a large group cheap.
type ReferenceFlow struct {
	Target string // attribute of the object that receives
	Source string // attribute of the object that gives
	Rule   string // id of the rule
}

// An MVObject is one identity: the values that the rules chose among those that the linked
// connector-space objects offer.
type MVObject struct {
	ID    MVID
	Class string // "person", "group", "device"
	// Attributes holds the values, without those that are copied references.
	Attributes attr.Set
	// Origins says for each attribute where it comes from, in attribute order. Merged
	// attributes have several entries.
	Origins []Origin
}

// An Origin explains one attribute of a metaverse object.
type Origin struct {
	Attribute string // of the metaverse object
	Rule      string // id of the inbound rule that won
	CS        CSID   // the contributing object
	// Source, when not "", says that the attribute is a copied reference: its values are
	// the links of the values of attribute Source of CS.
	Source string
}

// A CSRef is one value of a reference attribute: Source refers to Target. Both are objects
// of the same connector space; a target that was never imported is a placeholder.
type CSRef struct {
	Source    CSID
	Attribute string
	Target    CSID
}

// A CSRefAttribute names all values of a reference attribute of a connector-space object.
type CSRefAttribute struct {
	Source    CSID
	Attribute string
}

// An MVRefAttribute names all values of a copied reference attribute of a metaverse object.
type MVRefAttribute struct {
	Source    MVID
	Attribute string
}

// An MVRef is one value of a copied reference attribute of the metaverse.
type MVRef struct {
	Source    MVID
	Attribute string
	Target    MVID
}

// A RefWork is one reference value that synchronisation has to look at.
type RefWork struct {
	Kind      RefWorkKind
	Source    int64 // a CSID or an MVID, as Kind says
	Attribute string
	Target    int64 // of the same sort as Source
}

// A RefWorkKind says what a [RefWork] is about. The numbers are stored and never change.
type RefWorkKind uint8

// The kinds of reference work.
const (
	// WorkCS: a value of a connector-space object came, went, or its source or target
	// got another link.
	WorkCS RefWorkKind = 1
	// WorkMV: a value of a metaverse object is to be checked, and what follows from it
	// in every connector space.
	WorkMV RefWorkKind = 2
)

// A ValueKey is an entry of the index over attribute values by which joins find objects.
type ValueKey struct {
	Attribute string
	Key       string // value in comparison form, see rules.JoinKey
}

// A PendingExport is what the metaverse wants of one connector-space object and the
// connected directory does not have yet. The image of the object, with Sent applied, is
// what the directory should show at the next import; with Pending applied as well, what
// the metaverse wants. References are in [ExportRef] rows.
type PendingExport struct {
	CS        CSID
	Connector string
	Op        connector.ChangeOp // OpAdd, OpUpdate or OpDelete; 0 when only Sent is left
	NewDN     string             // where the object shall be moved to; "" for nowhere
	Pending   []attr.Mod         // not sent yet
	Sent      []attr.Mod         // sent, not yet confirmed by an import
	// DeleteSent says that a deletion was sent; an import has yet to confirm it.
	DeleteSent bool
	// Unknown says that the last attempt's answer was lost, or that the process may have
	// died while it waited for it: read before sending again. In a directory where an object
	// cannot be renamed it stays so after a creation that no reading has shown, which may yet
	// take effect; a deletion then waits for that until NotBefore.
	Unknown bool
	// References says that there are unsent [ExportRef] rows for the object.
	References bool
	NotBefore  time.Time // do not try before this time
	Attempts   int       // failed attempts since the last success
}

// Ready reports whether there is anything to send.
func (p *PendingExport) Ready() bool { return p.Op != 0 }

// An ExportRef is one pending value-level change of a reference attribute.
type ExportRef struct {
	Source    CSID // the object to change
	Attribute string
	Target    CSID // the object referred to
	Delete    bool // take the value away instead of adding it
	Sent      bool // sent, not yet confirmed by an import
}

// An ObjectError is trouble with one connector-space object, kept until the object gets
// through the step that failed.
type ObjectError struct {
	CS        CSID
	Connector string
	Step      string // "import", "sync", "export"
	Code      string // error name
	Attribute string
	Rule      string // name of the rule
	Message   string // for people; no attribute values
	First     time.Time
	Last      time.Time
	Count     int // runs that ended with this error
	// Object names the object for reports. Stores fill it in when reading; where the
	// object does not exist (an import error of an unknown object), CS is 0 and the writer
	// sets it.
	Object connector.Key
}
