package sourceanchor

import (
	"bytes"
	"errors"
)

// An Account is what decisions about one on-premises object need to know.
type Account struct {
	ObjectGUID      []byte // 16 bytes
	ConsistencyGUID []byte // as the directory holds it; empty when it is not set
	// LinkedMailbox says that the object is a mailbox whose account is in another forest
	// (msExchRecipientTypeDetails is exactly 2). It contributes no source anchor.
	LinkedMailbox bool
	Group         bool // the object is a group
}

// OfAccount returns the source anchor of an object in a deployment on
// mS-DS-ConsistencyGuid: that attribute where it is set, objectGUID otherwise, and the zero
// Anchor for linked mailboxes.
func OfAccount(a Account) Anchor {
	switch {
	case a.LinkedMailbox:
		return Anchor{}
	case len(a.ConsistencyGUID) > 0:
		return FromBytes(a.ConsistencyGUID)
	default:
		return FromBytes(a.ObjectGUID)
	}
}

// A WriteBackDecision says what to do with mS-DS-ConsistencyGuid.
type WriteBackDecision uint8

// The decisions.
const (
	LeaveAlone WriteBackDecision = iota // nothing to write
	WriteGUID                           // write objectGUID, before the first export
	Conflicts                           // it holds another value than the anchor: report, never overwrite
)

// WriteBack decides whether objectGUID has to be written into an object's
// mS-DS-ConsistencyGuid: only where it is empty, never over another value. anchor is the
// source anchor under which the object is known, the zero Anchor for a new object. Groups
// are written only when groups is set; documents disagree whether Entra Connect does.
func WriteBack(a Account, anchor Anchor, groups bool) WriteBackDecision {
	switch {
	case a.LinkedMailbox, a.Group && !groups:
		return LeaveAlone
	case len(a.ConsistencyGUID) == 0:
		if anchor.IsZero() || anchor == FromBytes(a.ObjectGUID) {
			return WriteGUID
		}
		return Conflicts
	case !anchor.IsZero() && FromBytes(a.ConsistencyGUID) != anchor:
		return Conflicts
	default:
		return LeaveAlone
	}
}

// InUse reports whether any of a stream of objects holds a mS-DS-ConsistencyGuid that is
// not a copy of its own objectGUID. It stops at the first one and returns its name.
func InUse(objects func(yield func(name string, a Account) bool)) (name string, inUse bool) {
	objects(func(n string, a Account) bool {
		if len(a.ConsistencyGUID) > 0 && !bytes.Equal(a.ConsistencyGUID, a.ObjectGUID) {
			name, inUse = n, true
			return false
		}
		return true
	})
	return name, inUse
}

// ErrChanged says that an object's source anchor is not the one under which the cloud knows
// it. Nothing more may be exported for the object until the old value is back.
var ErrChanged = errors.New("SourceAnchor attribute has changed.") //nolint:revive,staticcheck // the text that administrators know

// Guard decides whether an object may go on under its source anchor. confirmed is the
// anchor that the cloud has confirmed, the zero Anchor before the first export; cloudType is
// the type of the cloud object, and sourceType that of the on-premises object. A contact
// that is promoted to a user gets a new anchor: the types differ, and that is allowed.
func Guard(current, confirmed Anchor, cloudType, sourceType string) error {
	if confirmed.IsZero() || cloudType != sourceType || current == confirmed {
		return nil
	}
	return ErrChanged
}
