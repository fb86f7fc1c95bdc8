package rules

import "time"

// A Direction tells which way a rule's values flow.
type Direction uint8

// The directions.
const (
	Inbound  Direction = iota + 1 // connector space to metaverse
	Outbound                      // metaverse to connector space
)

// A LinkType says what a rule may do to bring an object of one side together with one of
// the other.
type LinkType uint8

// The link types.
const (
	// Provision joins, and where there is nothing to join makes the target: inbound it
	// projects, outbound it provisions. It keeps the metaverse object alive.
	Provision LinkType = iota + 1
	// Join joins only.
	Join
	// StickyJoin joins only, and keeps the metaverse object alive.
	StickyJoin
)

// A FlowType says where the value of a flow comes from.
type FlowType uint8

// The flow types.
const (
	Direct     FlowType = iota + 1 // the source attribute as it is
	Constant                       // a fixed text
	Expression                     // the expression language
)

// A MergeType says how the values of several rules for one attribute go together.
type MergeType uint8

// The merge types. Entra Connect's Replace is the same as Update and is read as such.
const (
	Update               MergeType = iota + 1 // the rule with the lowest precedence number supplies all values
	Merge                                     // the values of all rules, without exact duplicates
	MergeCaseInsensitive                      // the same, without duplicates that differ only in case
)

// A Rule is one sync rule: plain data, as people write it. [Compile] checks and compiles
// rules. Lower precedence numbers win.
type Rule struct {
	ID          string // unique; a GUID in Entra Connect's exports
	Name        string // unique per direction and connector by custom
	Description string
	Tag         string // Entra Connect's immutable tag of stock rules
	Direction   Direction
	Connector   string // name of the connector
	SourceType  string // object class on the source side
	TargetType  string // object class on the target side; "*" inbound joins to any class
	LinkType    LinkType
	Precedence  int
	Disabled    bool
	// PasswordSync marks the rule of the accounts whose passwords are synchronised.
	PasswordSync bool
	// SoftDeleteExpiry is kept from Entra Connect's exports; 0 everywhere that we know.
	SoftDeleteExpiry time.Duration
	Scope            []ScopeGroup // any group must hold; none means all objects of the class
	Join             []JoinGroup  // tried in order
	Flows            []Flow
}

// A ScopeGroup is a list of conditions that must all hold.
type ScopeGroup []ScopeCondition

// A ScopeCondition compares one attribute of the source object with a value.
type ScopeCondition struct {
	Attribute string
	Operator  Operator
	Value     string // may contain %Parameter%
}

// An Operator is a comparison of a scope condition, spelled as in Entra Connect's exports.
type Operator string

// The operators of scope conditions.
const (
	Equal              Operator = "EQUAL"
	NotEqual           Operator = "NOTEQUAL"
	LessThan           Operator = "LESSTHAN"
	LessThanOrEqual    Operator = "LESSTHAN_OR_EQUAL"
	GreaterThan        Operator = "GREATERTHAN"
	GreaterThanOrEqual Operator = "GREATERTHAN_OR_EQUAL"
	Contains           Operator = "CONTAINS"
	NotContains        Operator = "NOTCONTAINS"
	StartsWith         Operator = "STARTSWITH"
	NotStartsWith      Operator = "NOTSTARTSWITH"
	EndsWith           Operator = "ENDSWITH"
	NotEndsWith        Operator = "NOTENDSWITH"
	IsNull             Operator = "ISNULL"
	IsNotNull          Operator = "ISNOTNULL"
	IsIn               Operator = "ISIN"
	IsNotIn            Operator = "ISNOTIN"
	IsBitSet           Operator = "ISBITSET"
	IsBitNotSet        Operator = "ISBITNOTSET"
	IsMemberOf         Operator = "ISMEMBEROF"
	IsNotMemberOf      Operator = "ISNOTMEMBEROF"
)

// A JoinGroup is a list of equalities that must all hold between a connector-space object
// and a metaverse object.
type JoinGroup []JoinCondition

// A JoinCondition is one equality of a join.
type JoinCondition struct {
	CS            string // attribute of the connector-space object
	MV            string // attribute of the metaverse object
	CaseSensitive bool
}

// A Flow gives one attribute of the target object its value.
type Flow struct {
	Target      string
	Type        FlowType
	Source      []string // Direct: the one attribute; Expression: those it reads, for information
	Constant    string   // Constant: the text, converted to the target's kind
	Expression  string   // Expression: the source text
	ExecuteOnce bool     // only when the target object is made
	Merge       MergeType
}
