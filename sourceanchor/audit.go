package sourceanchor

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// A LocalObject is an on-premises object as an audit sees it.
type LocalObject struct {
	Name    string // for reports, such as the DN
	Account Account
	Anchor  Anchor // its source anchor; zero means OfAccount
	UPN     string
	SMTP    string // primary address, without the prefix
}

func (o LocalObject) anchor() Anchor {
	if o.Anchor.IsZero() {
		return OfAccount(o.Account)
	}
	return o.Anchor
}

// A CloudObject is an object of the tenant as an audit sees it.
type CloudObject struct {
	ID      string
	Anchor  Anchor // immutableID, zero for none
	UPN     string
	SMTP    string
	Synced  bool // onPremisesSyncEnabled
	Deleted bool
}

// A Trouble is a kind of [Discrepancy].
type Trouble string

// The kinds.
const (
	DuplicateLocal Trouble = "duplicate-local" // two on-premises objects have one anchor
	DuplicateCloud Trouble = "duplicate-cloud" // two cloud objects have one immutableID
	ByteOrder      Trouble = "byte-order"      // the cloud has the anchor with its bytes in printed order
	CaseOnly       Trouble = "case-only"       // anchors differ in case alone
	OtherAnchor    Trouble = "other-anchor"    // same person by name or address, another immutableID
	NoAnchor       Trouble = "no-anchor"       // same person by name or address, no immutableID yet
	OrphanSynced   Trouble = "orphan-synced"   // synchronised cloud object without an on-premises one
)

// A Discrepancy is what an [Audit] found about one pair of objects.
type Discrepancy struct {
	Trouble       Trouble
	Local, Other  string // names of on-premises objects, "" for none
	Cloud, Cloud2 string // object ids, "" for none
	LocalAnchor   Anchor
	CloudAnchor   Anchor
	Reason        string
}

// A RepairKind is a way to repair a [Discrepancy].
type RepairKind string

// The kinds of repair.
const (
	// RepairConsistencyGUID: write Value into the on-premises object's
	// mS-DS-ConsistencyGuid, so that it has the anchor that the cloud knows.
	RepairConsistencyGUID RepairKind = "write-consistency-guid"
	// RepairImmutableID: write Anchor into the cloud object's onPremisesImmutableId. Graph
	// refuses that while the object is synchronised.
	RepairImmutableID RepairKind = "write-immutable-id"
	// RepairByHand: an administrator has to decide.
	RepairByHand RepairKind = "by-hand"
)

// A Repair is one line of a repair plan. Nothing is written by this package.
type Repair struct {
	Kind   RepairKind
	Local  string // the on-premises object, "" for none
	Cloud  string // the cloud object, "" for none
	Value  []byte // with RepairConsistencyGUID
	Anchor Anchor // with RepairImmutableID
	Reason string
}

// An Audit compares a directory with a tenant. It holds an entry for each object: some
// hundred bytes.
type Audit struct {
	locals   []LocalObject
	clouds   []CloudObject
	found    []Discrepancy
	byAnchor map[Anchor]int // cloud objects
	byFold   map[string]int
	byName   map[string][]int // UPN and address, folded
	used     map[int]bool
}

// NewAudit reads both sides and finds duplicates and mismatches. The order of the result
// does not depend on the order of the objects.
func NewAudit(locals iter.Seq[LocalObject], clouds iter.Seq[CloudObject]) *Audit {
	a := &Audit{
		locals: slices.Collect(locals), byAnchor: map[Anchor]int{}, byFold: map[string]int{},
		byName: map[string][]int{}, used: map[int]bool{},
	}
	a.clouds = slices.Collect(clouds)
	slices.SortStableFunc(a.locals, func(x, y LocalObject) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortStableFunc(a.clouds, func(x, y CloudObject) int { return cmp.Compare(x.ID, y.ID) })
	a.indexClouds()
	a.compare()
	for i, c := range a.clouds {
		if c.Synced && !c.Deleted && !a.used[i] && !c.Anchor.IsZero() {
			a.found = append(a.found, Discrepancy{Trouble: OrphanSynced, Cloud: c.ID, CloudAnchor: c.Anchor,
				Reason: "the cloud object is synchronised, and no on-premises object has its anchor, name or address"})
		}
	}
	return a
}

func (a *Audit) indexClouds() {
	for i, c := range a.clouds {
		if !c.Anchor.IsZero() {
			if first, taken := a.byAnchor[c.Anchor]; taken {
				a.found = append(a.found, Discrepancy{Trouble: DuplicateCloud, Cloud: a.clouds[first].ID, Cloud2: c.ID,
					CloudAnchor: c.Anchor, Reason: "two cloud objects have the same immutableID"})
			} else {
				a.byAnchor[c.Anchor] = i
			}
			if _, isGUID := c.Anchor.GUID(); !isGUID {
				a.byFold[strings.ToLower(c.Anchor.text)] = i
			}
		}
		if c.Deleted {
			continue
		}
		names := []string{strings.ToLower(c.UPN)}
		if smtp := strings.ToLower(c.SMTP); smtp != names[0] {
			names = append(names, smtp)
		}
		for _, n := range names {
			if n != "" {
				a.byName[n] = append(a.byName[n], i)
			}
		}
	}
}

func (a *Audit) compare() {
	holders := map[Anchor]string{}
	var unmatched []LocalObject
	for _, o := range a.locals {
		anchor := o.anchor()
		if anchor.IsZero() {
			continue
		}
		if first, taken := holders[anchor]; taken {
			a.found = append(a.found, Discrepancy{Trouble: DuplicateLocal, Local: first, Other: o.Name, LocalAnchor: anchor,
				Reason: "two on-premises objects have the same source anchor"})
			continue
		}
		holders[anchor] = o.Name
		if i, ok := a.byAnchor[anchor]; ok {
			a.used[i] = true
			continue
		}
		unmatched = append(unmatched, o)
	}
	for _, o := range unmatched { // after all that match by anchor
		a.mismatch(o)
	}
}

// mismatch looks for a cloud object that is the same by other evidence.
func (a *Audit) mismatch(o LocalObject) {
	anchor := o.anchor()
	d := Discrepancy{Local: o.Name, LocalAnchor: anchor}
	at := -1
	if i, ok := a.byAnchor[anchor.SwapByteOrder()]; ok && !a.used[i] {
		at, d.Trouble, d.Reason = i, ByteOrder, "the immutableID is the same GUID with its bytes in the order in which it is printed"
	} else if i, ok := a.byFold[strings.ToLower(anchor.text)]; ok && !a.used[i] {
		at, d.Trouble, d.Reason = i, CaseOnly, "anchors are compared with regard to case, and these differ in nothing else"
	} else if i := a.byEvidence(o); i >= 0 {
		at, d.Trouble, d.Reason = i, OtherAnchor, "name or address are the same, and the cloud object has another immutableID"
		if a.clouds[i].Anchor.IsZero() {
			d.Trouble, d.Reason = NoAnchor, "name or address are the same, and the cloud object has no immutableID"
		}
	}
	if at < 0 {
		return // new: it will be created
	}
	a.used[at] = true
	d.Cloud, d.CloudAnchor = a.clouds[at].ID, a.clouds[at].Anchor
	a.found = append(a.found, d)
}

// byEvidence finds a cloud object by primary address, else by sign-in name, as Entra ID
// does. It is -1 where there is none, or more than one.
func (a *Audit) byEvidence(o LocalObject) int {
	for _, same := range []func(CloudObject) bool{
		func(c CloudObject) bool { return o.SMTP != "" && strings.EqualFold(c.SMTP, o.SMTP) },
		func(c CloudObject) bool { return o.UPN != "" && strings.EqualFold(c.UPN, o.UPN) },
	} {
		hit, hits := -1, 0
		for _, i := range append(slices.Clone(a.byName[strings.ToLower(o.SMTP)]), a.byName[strings.ToLower(o.UPN)]...) {
			if i != hit && !a.used[i] && same(a.clouds[i]) {
				hit = i
				hits++
			}
		}
		if hits == 1 {
			return hit
		}
	}
	return -1
}

// Discrepancies returns what was found: duplicates in the cloud, then those on-premises,
// then mismatches, then orphans, each in the order of names.
func (a *Audit) Discrepancies() []Discrepancy { return slices.Clone(a.found) }

// Plan returns how to repair what was found, as data to review: an anchor that the cloud
// knows is never given up where mS-DS-ConsistencyGuid can take it on. consistencyGUID says
// that the deployment uses that attribute; otherwise on-premises objects cannot be given
// another anchor.
func (a *Audit) Plan(consistencyGUID bool) []Repair {
	locals := make(map[string]LocalObject, len(a.locals))
	for _, o := range a.locals {
		locals[o.Name] = o
	}
	clouds := make(map[string]CloudObject, len(a.clouds))
	for _, c := range a.clouds {
		clouds[c.ID] = c
	}
	var plan []Repair
	for _, d := range a.found {
		plan = append(plan, repair(d, locals[d.Local], clouds[d.Cloud], consistencyGUID))
	}
	return plan
}

func repair(d Discrepancy, o LocalObject, c CloudObject, consistencyGUID bool) Repair {
	r := Repair{Kind: RepairByHand, Local: d.Local, Cloud: d.Cloud, Reason: d.Reason}
	switch d.Trouble {
	case NoAnchor:
		r.Kind, r.Anchor = RepairImmutableID, d.LocalAnchor
		r.Reason += "; with it the objects match for certain, and without soft match"
	case ByteOrder, CaseOnly, OtherAnchor:
		value, isGUID := d.CloudAnchor.GUID()
		byGUID := consistencyGUID && isGUID && OfAccount(o.Account) == d.LocalAnchor
		switch {
		case byGUID && len(o.Account.ConsistencyGUID) == 0:
			r.Kind, r.Value = RepairConsistencyGUID, value[:]
			r.Reason += "; the on-premises object takes on the anchor that the cloud knows"
		case !c.Synced:
			r.Kind, r.Anchor = RepairImmutableID, d.LocalAnchor
			r.Reason += "; the cloud object is not synchronised, so that its immutableID can be replaced"
		default:
			r.Reason += "; mS-DS-ConsistencyGuid is not free to take on the cloud's anchor, and a synchronised object's immutableID cannot be replaced"
		}
	}
	return r
}
