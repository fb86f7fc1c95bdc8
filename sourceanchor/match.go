package sourceanchor

import "fmt"

// A Subject is a new on-premises object for which a cloud object may exist already.
type Subject struct {
	Anchor      Anchor
	Type        string // "User", "Group", "Contact"
	MailEnabled bool   // groups and contacts are matched by address only when they are
}

// A Candidate is a cloud object that has something in common with a subject.
type Candidate struct {
	ID     string // object id, for reports
	Type   string
	Anchor Anchor // its immutableID, zero for none

	MatchesAnchor bool // its immutableID is the subject's
	MatchesSMTP   bool // it holds the subject's primary SMTP address
	MatchesUPN    bool // it has the subject's userPrincipalName

	Privileged            bool // holds or is eligible for an administrative role
	Synced                bool // mastered on-premises by a sync client (onPremisesSyncEnabled)
	HasOnPremisesObjectID bool // has an onPremisesObjectIdentifier
	Deleted               bool // in the recycle bin of the tenant
}

// Policy are the tenant's or the operator's switches.
type Policy struct {
	BlockHardMatch bool // no takeover by source anchor
	BlockSoftMatch bool // no takeover by address or user name
	NoUPNMatch     bool // soft match by address only
}

// A Verdict says what to do with a new object.
type Verdict uint8

// The verdicts.
const (
	Create  Verdict = iota // nothing matches: create the object
	Take                   // take over Candidate and stamp it with the anchor
	Restore                // restore Candidate, which is deleted, and take it over
	Refuse                 // report Code on the object; do nothing
)

var verdictNames = [...]string{"create", "take", "restore", "refuse"}

// String returns the verdict's name.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("verdict(%d)", v)
}

// A Decision is the outcome of [Match].
type Decision struct {
	Verdict   Verdict
	Candidate string // ID of the candidate that decided, "" for none
	How       string // "hard", "soft-smtp", "soft-upn", "" for none
	Code      string // error name, with Refuse
	Reason    string // why, for people
}

// Match decides which existing cloud object a new on-premises object is, in the order of
// Entra ID: by source anchor, else by primary SMTP address, else by userPrincipalName.
// Candidates are those that any of the three found, in any order. A match is refused when
// more than one object qualifies, when the target is of another type or privileged, when
// it is mastered elsewhere, and when the policy blocks it.
// Source: how-to-connect-install-existing-tenant, including its protections of July 2026.
func Match(s Subject, candidates []Candidate, p Policy) Decision {
	if hits := filter(candidates, func(c Candidate) bool { return c.MatchesAnchor }); len(hits) > 0 {
		return hard(s, hits, p)
	}
	if s.Type != "User" && !s.MailEnabled {
		return Decision{Verdict: Create, Reason: "objects without mail are not matched"}
	}
	live := filter(candidates, func(c Candidate) bool { return !c.Deleted })
	if hits := filter(live, func(c Candidate) bool { return c.MatchesSMTP }); len(hits) > 0 {
		return soft(s, hits, p, "soft-smtp")
	}
	if s.Type != "User" || p.NoUPNMatch {
		return Decision{Verdict: Create, Reason: "nothing matches"}
	}
	if hits := filter(live, func(c Candidate) bool { return c.MatchesUPN }); len(hits) > 0 {
		return soft(s, hits, p, "soft-upn")
	}
	return Decision{Verdict: Create, Reason: "nothing matches"}
}

// hard settles a match by source anchor.
func hard(s Subject, hits []Candidate, p Policy) Decision {
	refuse := func(c Candidate, code, reason string) Decision {
		return Decision{Refuse, c.ID, "hard", code, reason}
	}
	if live := filter(hits, func(c Candidate) bool { return !c.Deleted }); len(live) > 0 {
		hits = live
	}
	c := hits[0]
	switch {
	case len(hits) > 1:
		return refuse(c, "AttributeValueMustBeUnique", "more than one cloud object has this source anchor")
	case c.Type != s.Type:
		return refuse(c, "ObjectTypeMismatch", "the cloud object with this source anchor is of another type")
	case p.BlockHardMatch:
		return refuse(c, "InvalidHardMatch", "taking over cloud objects by source anchor is blocked")
	case c.Privileged:
		return refuse(c, "InvalidHardMatch", "the cloud object holds, or is eligible for, an administrative role")
	case c.HasOnPremisesObjectID:
		return refuse(c, "AttributeUpdateNotAllowed", "the cloud object belongs to another on-premises object (onPremisesObjectIdentifier)")
	case c.Synced:
		return refuse(c, "InvalidHardMatch", "the cloud object is mastered by another sync client")
	case c.Deleted:
		return Decision{Restore, c.ID, "hard", "", "a deleted cloud object has this source anchor"}
	}
	return Decision{Take, c.ID, "hard", "", "a cloud object has this source anchor"}
}

// soft settles a match by address or user name.
func soft(s Subject, hits []Candidate, p Policy, how string) Decision {
	refuse := func(c Candidate, code, reason string) Decision {
		return Decision{Refuse, c.ID, how, code, reason}
	}
	c := hits[0]
	switch {
	case len(hits) > 1:
		return refuse(c, "AttributeValueMustBeUnique", "more than one cloud object matches")
	case c.Type != s.Type:
		return refuse(c, "ObjectTypeMismatch", "the matching cloud object is of another type")
	case p.BlockSoftMatch:
		return refuse(c, "InvalidSoftMatch", "taking over cloud objects by address or user name is blocked")
	case !c.Anchor.IsZero():
		return refuse(c, "InvalidSoftMatch", "the matching cloud object has another source anchor")
	case c.Privileged:
		return refuse(c, "ExistingAdminRoleConflict", "the matching cloud object holds an administrative role")
	case c.Synced:
		return refuse(c, "InvalidSoftMatch", "the matching cloud object is mastered by another sync client")
	}
	return Decision{Take, c.ID, how, "", "a cloud object matches"}
}

func filter(all []Candidate, keep func(Candidate) bool) (out []Candidate) {
	for _, c := range all {
		if keep(c) {
			out = append(out, c)
		}
	}
	return out
}
