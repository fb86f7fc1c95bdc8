// Package sourceanchor knows the value that ties an on-premises object to its cloud object
// for life, and everything that is decided by it.
//
// # Words
//
// The source anchor of an object is a value that identifies it across directories and never
// changes while the object lives. In the cloud the same value is the immutableID
// (onPremisesImmutableId in Microsoft Graph). When a sync server is rebuilt from nothing,
// objects find each other again by it; when a user signs in through federation, it is the
// claim that names the user. An anchor, without "source", is something else: the identity
// of an object within its own directory.
//
// Most deployments use a GUID: objectGUID, or mS-DS-ConsistencyGuid, an attribute that
// starts out as a copy of objectGUID and survives a move to another forest. Its text form is
// the standard Base64 of the sixteen bytes in the order in which Active Directory stores
// them, where the first three fields of the GUID are little-endian. Taking the bytes in the
// order in which the GUID is printed is the classic mistake; [Anchor.SuspectBigEndian]
// recognises most cases of it.
//
//	guid, err := sourceanchor.ParseGUID("01234567-89ab-cdef-0123-456789abcdef")
//	anchor := sourceanchor.FromGUID(guid)
//	anchor.ImmutableID() // "Z0UjAauJ780BI0VniavN7w=="
//
// # Decisions
//
// The other half of the package are decisions, each a pure function over facts that the
// caller has gathered: which attribute becomes the anchor ([Choose]), whether and what to
// write into mS-DS-ConsistencyGuid ([WriteBack]), whether a changed anchor may pass
// ([Guard]), and which cloud object a new on-premises object is matched with ([Match]).
// Nothing here reads or writes a directory.
//
// # Migrations
//
// [PlanMoves] says how accounts keep their anchors when they move to another forest, and
// what would collide there. [PlanSwitch] takes a deployment from objectGUID to
// mS-DS-ConsistencyGuid. [NewAudit] compares a directory with a tenant, reports duplicates
// and mismatches, and [Audit.Plan] turns them into repairs: data to review and to carry out
// with the tool of one's choice.
//
// # Errors and concurrency
//
// Parse errors are [*ParseError] and say what is wrong. All values are immutable and all
// functions are safe for concurrent use.
package sourceanchor
