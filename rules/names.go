package rules

import (
	"fmt"
	"strings"
)

// The names of the enumerations, as YAML files and Entra Connect's tools spell them.
var (
	directionNames = [...]string{Inbound: "Inbound", Outbound: "Outbound"}
	linkTypeNames  = [...]string{Provision: "Provision", Join: "Join", StickyJoin: "StickyJoin"}
	flowTypeNames  = [...]string{Direct: "Direct", Constant: "Constant", Expression: "Expression"}
	mergeNames     = [...]string{Update: "Update", Merge: "Merge", MergeCaseInsensitive: "MergeCaseInsensitive"}
)

// String returns Inbound or Outbound.
func (d Direction) String() string { return enumName(directionNames[:], d) }

// String returns Provision, Join or StickyJoin.
func (l LinkType) String() string { return enumName(linkTypeNames[:], l) }

// String returns Direct, Constant or Expression.
func (f FlowType) String() string { return enumName(flowTypeNames[:], f) }

// String returns Update, Merge or MergeCaseInsensitive.
func (m MergeType) String() string { return enumName(mergeNames[:], m) }

func enumName[E ~uint8](names []string, e E) string {
	if int(e) < len(names) && names[e] != "" {
		return names[e]
	}
	return fmt.Sprintf("invalid(%d)", e)
}

// ParseDirection returns the direction with that name, without regard to case.
func ParseDirection(s string) (Direction, error) {
	return parseEnum[Direction]("direction", directionNames[:], s)
}

// ParseLinkType returns the link type with that name, without regard to case.
func ParseLinkType(s string) (LinkType, error) {
	return parseEnum[LinkType]("link type", linkTypeNames[:], s)
}

// ParseFlowType returns the flow type with that name, without regard to case.
func ParseFlowType(s string) (FlowType, error) {
	return parseEnum[FlowType]("flow type", flowTypeNames[:], s)
}

// ParseMergeType returns the merge type with that name, without regard to case. Replace is
// read as Update.
func ParseMergeType(s string) (MergeType, error) {
	if strings.EqualFold(s, "Replace") {
		return Update, nil
	}
	return parseEnum[MergeType]("merge type", mergeNames[:], s)
}

func parseEnum[E ~uint8](what string, names []string, s string) (E, error) {
	for i, name := range names {
		if name != "" && strings.EqualFold(name, s) {
			return E(i), nil
		}
	}
	return 0, fmt.Errorf("unknown %s %q, want one of %s", what, s, strings.Join(names[1:], ", "))
}
