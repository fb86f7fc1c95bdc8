package sourceanchor

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Names of the attributes that source anchors are usually taken from.
const (
	AttributeObjectGUID      = "objectGUID"
	AttributeConsistencyGUID = "mS-DS-ConsistencyGuid"
)

// A Situation says why the source-anchor attribute is being chosen.
type Situation uint8

// The situations.
const (
	// NewInstallation: nothing was ever synchronised by this deployment.
	NewInstallation Situation = iota
	// SwitchAttribute: a deployment on objectGUID wants to go over to
	// mS-DS-ConsistencyGuid.
	SwitchAttribute
	// AddForest: a forest joins a deployment on mS-DS-ConsistencyGuid.
	AddForest
)

// Facts are what the choice of the source-anchor attribute depends on.
type Facts struct {
	Situation Situation
	// Stored is the attribute that an earlier installation of the same tenant recorded, ""
	// for none.
	Stored string
	// Requested is the attribute that the operator asks for, "" to let the library choose.
	Requested string
	// InUse says that mS-DS-ConsistencyGuid is set on some object of the directory, see
	// [InUse]. Whoever has set it may rely on it.
	InUse bool
	// AcceptInUse passes over InUse: the operator knows that the values are this tenant's
	// own source anchors, for example because a staging server follows a switched primary.
	AcceptInUse bool
}

// A Choice is the chosen attribute and why. It is meant to be recorded in the store, so
// that every server of a deployment can be held to it ([Choice.Check]).
type Choice struct {
	Attribute string    `json:"attribute"`
	Reason    string    `json:"reason"`
	Time      time.Time `json:"time"`
}

// Conditions of choices.
var (
	// ErrInUse: mS-DS-ConsistencyGuid is in use already and must not be taken over.
	ErrInUse = errors.New("mS-DS-ConsistencyGuid is in use")
	// ErrFixed: the attribute was chosen before and cannot be changed.
	ErrFixed = errors.New("the source-anchor attribute is fixed")
)

// Choose selects the source-anchor attribute as Microsoft Entra Connect does: what was
// recorded before stays; otherwise mS-DS-ConsistencyGuid where nobody uses it, else
// objectGUID. Switching to mS-DS-ConsistencyGuid and adding a forest fail with [ErrInUse]
// where it is in use. Source: plan-connect-design-concepts.
func Choose(f Facts, now time.Time) (Choice, error) {
	choice := func(attribute, reason string) (Choice, error) { return Choice{attribute, reason, now}, nil }
	inUse := f.InUse && !f.AcceptInUse
	switch f.Situation {
	case SwitchAttribute:
		if f.Stored != "" && !strings.EqualFold(f.Stored, AttributeObjectGUID) {
			return Choice{}, fmt.Errorf("sourceanchor: %w: it is %s, and only objectGUID can be switched to mS-DS-ConsistencyGuid", ErrFixed, f.Stored)
		}
		if inUse {
			return Choice{}, fmt.Errorf("sourceanchor: %w: objects hold values that are not known to be source anchors", ErrInUse)
		}
		return choice(AttributeConsistencyGUID, "switched from objectGUID")
	case AddForest:
		if strings.EqualFold(f.Stored, AttributeConsistencyGUID) && inUse {
			return Choice{}, fmt.Errorf("sourceanchor: %w in the forest to be added", ErrInUse)
		}
	}
	if f.Stored != "" {
		if f.Requested != "" && !strings.EqualFold(f.Requested, f.Stored) {
			return Choice{}, fmt.Errorf("sourceanchor: %w: an earlier installation recorded %s, and %s is asked for", ErrFixed, f.Stored, f.Requested)
		}
		return choice(f.Stored, "recorded by an earlier installation")
	}
	switch {
	case f.Requested != "":
		if strings.EqualFold(f.Requested, AttributeConsistencyGUID) && inUse {
			return Choice{}, fmt.Errorf("sourceanchor: %w: choose objectGUID, or accept the values that are there", ErrInUse)
		}
		return choice(f.Requested, "asked for")
	case inUse:
		return choice(AttributeObjectGUID, "mS-DS-ConsistencyGuid is in use by another application")
	default:
		return choice(AttributeConsistencyGUID, "nobody uses mS-DS-ConsistencyGuid")
	}
}

// Check compares the choice of a deployment with the attribute that one of its servers is
// configured for. A difference matches [ErrFixed].
func (c Choice) Check(configured string) error {
	if c.Attribute == "" || strings.EqualFold(c.Attribute, configured) {
		return nil
	}
	return fmt.Errorf("sourceanchor: %w: this deployment uses %s (%s), and this server is configured for %s",
		ErrFixed, c.Attribute, c.Reason, configured)
}
