package sourceanchor

import (
	"bytes"
	"iter"
	"slices"
)

// A Mover is an account as a migration between forests sees it.
type Mover struct {
	Name    string // for reports, such as the DN
	Account Account
}

// A Pair is an account in the forest it leaves and its copy in the forest it goes to.
type Pair struct{ Source, Target Mover }

// A MoveVerdict says what a migration has to do with one account.
type MoveVerdict string

// The verdicts.
const (
	MoveCopy     MoveVerdict = "copy"     // write Value into the target's mS-DS-ConsistencyGuid
	MoveDone     MoveVerdict = "done"     // the target holds the right value already
	MoveConflict MoveVerdict = "conflict" // the target holds another value: decide by hand, never overwrite
	MoveCollides MoveVerdict = "collides" // another object of the target forest has, or would get, that value
	MoveNothing  MoveVerdict = "nothing"  // the source contributes no anchor (linked mailbox)
)

// A Move is the decision on one pair. Nothing is written by this package.
type Move struct {
	Source, Target string
	Verdict        MoveVerdict
	Value          []byte // what mS-DS-ConsistencyGuid of the target has to hold
	Anchor         Anchor // the source anchor that stays
	With           string // with Conflict and Collides: the object in the way
	Reason         string
}

// PlanMoves decides how accounts that move between forests keep their source anchor. The rule
// is Microsoft's: the target's mS-DS-ConsistencyGuid gets the source's, or its objectGUID
// where that is empty, before the target forest is synchronised for the first time; for
// groups as for users. others are all objects of the target forest, with or without those of
// pairs: a value that one of them uses as its anchor already is not copied, and neither is
// one that two pairs would get.
func PlanMoves(pairs []Pair, others iter.Seq[Mover]) []Move {
	targets := make(map[string]bool, len(pairs))
	for _, p := range pairs {
		targets[string(p.Target.Account.ObjectGUID)] = true
	}
	holders := make(map[Anchor]string)
	for o := range others {
		if targets[string(o.Account.ObjectGUID)] {
			continue // its anchor is what is being decided
		}
		if a := OfAccount(o.Account); !a.IsZero() {
			holders[a] = o.Name
		}
	}
	moves := make([]Move, len(pairs))
	for i, p := range pairs {
		moves[i] = planMove(p, holders)
	}
	return moves
}

// planMove decides on one pair, and enters what it gets.
func planMove(p Pair, holders map[Anchor]string) Move {
	m := Move{Source: p.Source.Name, Target: p.Target.Name, Anchor: OfAccount(p.Source.Account)}
	if m.Anchor.IsZero() {
		m.Verdict, m.Reason = MoveNothing, "the source object contributes no source anchor"
		return m
	}
	value := p.Source.Account.ConsistencyGUID
	if len(value) == 0 {
		value = p.Source.Account.ObjectGUID
	}
	m.Value = slices.Clone(value)
	have := p.Target.Account.ConsistencyGUID
	other, taken := holders[m.Anchor]
	switch {
	case taken:
		m.Verdict, m.With, m.Reason = MoveCollides, other, "another object of the target forest has this source anchor"
		return m
	case len(have) == 0:
		m.Verdict, m.Reason = MoveCopy, "the target holds no mS-DS-ConsistencyGuid"
	case bytes.Equal(have, value):
		m.Verdict, m.Reason = MoveDone, "the target holds the source anchor already"
	default:
		m.Verdict, m.With = MoveConflict, p.Target.Name
		m.Reason = "the target holds another mS-DS-ConsistencyGuid"
		if a := FromBytes(have); !a.IsZero() {
			holders[a] = p.Target.Name
		}
		return m
	}
	holders[m.Anchor] = p.Target.Name
	return m
}

// A SwitchStep is what the switch from objectGUID to mS-DS-ConsistencyGuid does with one
// object.
type SwitchStep struct {
	Object   string
	Decision WriteBackDecision
	Value    []byte // with WriteGUID: what to write
	Reason   string
}

// PlanSwitch decides what has to be written when a deployment on objectGUID goes over to
// mS-DS-ConsistencyGuid: a copy of each object's objectGUID, so that no source anchor
// changes. An object that holds another value would change its anchor; it is reported as
// [Conflicts] and has to be settled first. Objects that need nothing are left out. groups
// includes groups. It consumes objects as the result is read.
func PlanSwitch(objects iter.Seq[Mover], groups bool) iter.Seq[SwitchStep] {
	return func(yield func(SwitchStep) bool) {
		for o := range objects {
			if len(o.Account.ObjectGUID) != 16 {
				if !yield(SwitchStep{o.Name, Conflicts, nil, "objectGUID does not have 16 bytes"}) {
					return
				}
				continue
			}
			step := SwitchStep{Object: o.Name, Decision: WriteBack(o.Account, FromBytes(o.Account.ObjectGUID), groups)}
			switch step.Decision {
			case WriteGUID:
				step.Value, step.Reason = slices.Clone(o.Account.ObjectGUID), "mS-DS-ConsistencyGuid is empty"
			case Conflicts:
				step.Reason = "mS-DS-ConsistencyGuid holds another value than objectGUID: the source anchor would change"
			default:
				continue
			}
			if !yield(step) {
				return
			}
		}
	}
}
