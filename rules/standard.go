package rules

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// StandardOptions are the choices that shape the standard rule set: those of Entra
// Connect's wizard. The zero value makes no rules; name at least one connector.
type StandardOptions struct {
	// AD lists the Active Directory connectors, one for each forest. Their order is that
	// of precedence: where two forests tie, the first wins.
	AD []ADConnector

	// Entra is the name of the Microsoft Entra ID connector; "" means that there is none.
	Entra string

	// AnchorAttribute is where the source anchor of users comes from: "objectGUID", the
	// default, "mS-DS-ConsistencyGuid", which falls back to objectGUID, or another
	// attribute, text or binary. Groups follow the first two; all other objects use
	// objectGUID.
	AnchorAttribute string

	// UPNAttribute is the attribute of Active Directory that becomes the name for signing
	// in; "" means userPrincipalName. With another one, onPremisesUserPrincipalName keeps
	// the directory's own.
	UPNAttribute string

	// Matching says how users of several forests are recognised as one person.
	Matching UserMatching

	// MatchingAttribute is the attribute for [MatchAttribute].
	MatchingAttribute string

	// MemberLimit is the largest number of members of a group; 0 means 250,000. A larger
	// group is not made; one that grows beyond it is not updated and reports an error.
	MemberLimit int

	// Devices adds the rules for computers.
	Devices bool

	// ExchangeHybrid adds the rules that write Exchange attributes back.
	ExchangeHybrid bool

	// GraphAddresses makes the rules of ExchangeHybrid those for a connector of Entra ID that
	// shows of Exchange Online no more than the addresses of users and groups, as one of
	// public Graph does: X.500 addresses of the cloud's own are added to those of Active
	// Directory, and users get the identity that they have in the cloud. The rest (junk-mail
	// lists, archive state, holds, voice mail) Entra Connect reads in its private service.
	// Compile the rules with [StandardMetaverse].
	GraphAddresses bool

	// Services lists the services whose attributes are sent; nil means all.
	Services []Service

	// ExcludedAttributes are metaverse attributes that are not sent to Entra ID. What it
	// holds already stays.
	ExcludedAttributes []string

	// Extensions are directory extensions. Compile the rules with [StandardMetaverse].
	Extensions []DirectoryExtension
}

// An ADConnector is one forest.
type ADConnector struct {
	Name     string
	Exchange bool // the forest has Exchange's schema
	Lync     bool // the forest has the schema of Lync or Skype for Business
	// FilterGroup is the DN of a group; with one, only its direct members are sent to
	// Entra ID.
	FilterGroup string
	// AnchorReadOnly makes no rule that writes the source anchor to mS-DS-ConsistencyGuid.
	AnchorReadOnly bool
	// ExchangeReadOnly makes none of the rules of [StandardOptions.ExchangeHybrid].
	ExchangeReadOnly bool
	// GroupContainer is the DN of the container that security groups of the cloud are
	// written to; "" means that they are not.
	GroupContainer string
	// DeviceContainer is the DN of the container, of class msDS-DeviceContainer, that
	// devices of the cloud are written to; "" means that they are not.
	DeviceContainer string
}

// UserMatching says how users of several forests are recognised as one person.
type UserMatching uint8

// The ways of matching users.
const (
	MatchOnce        UserMatching = iota // every user exists in one forest only
	MatchMail                            // same mail; users without mail are not synchronised
	MatchSID                             // objectSid, msExchMasterAccountSid, msRTCSIP-OriginatorSid
	MatchAccountName                     // sAMAccountName and mailNickname
	MatchAttribute                       // a chosen attribute
)

// A DirectoryExtension is an attribute of Active Directory that is sent to Entra ID under
// the name extension_<AppID>_<Attribute>.
type DirectoryExtension struct {
	Attribute   string
	AppID       string // of the tenant's extension application, dashes are left out
	Kind        attr.Kind
	MultiValued bool
	Users       bool
	Groups      bool
}

// Name returns the name of the extension in the metaverse and in Entra ID.
func (d *DirectoryExtension) Name() string {
	return "extension_" + strings.ReplaceAll(d.AppID, "-", "") + "_" + d.Attribute
}

// defaultMemberLimit is what the service takes.
const defaultMemberLimit = 250_000

// objectGUID and consistencyGUID are the anchor attributes with a meaning of their own.
const (
	objectGUID      = "objectGUID"
	consistencyGUID = "mS-DS-ConsistencyGuid"
	upnName         = "userPrincipalName"
)

func (o StandardOptions) withDefaults() StandardOptions {
	if o.AnchorAttribute == "" {
		o.AnchorAttribute = objectGUID
	}
	if o.UPNAttribute == "" {
		o.UPNAttribute = upnName
	}
	if o.MemberLimit <= 0 {
		o.MemberLimit = defaultMemberLimit
	}
	if o.Services == nil {
		o.Services = Services()
	}
	return o
}

// Standard returns the standard rule set: our own, equal in effect to that of Entra
// Connect. Precedence starts at 100, so that rules of one's own go below. The same
// options give the same rules with the same ids.
func Standard(opts StandardOptions) []Rule {
	s := &standard{StandardOptions: opts.withDefaults(), next: firstStandard}
	s.fromAD()
	if s.Entra != "" {
		s.groupsFromEntra()
		s.devicesFromEntra()
		s.fromEntra()
		s.toEntra()
		s.toAD()
		s.groupsToAD()
		s.devicesToAD()
	}
	return s.rules
}

// StandardMetaverse returns the metaverse schema for [Standard] with the same options.
func StandardMetaverse(opts StandardOptions) *MetaverseSchema {
	m := DefaultMetaverse()
	for i := range opts.Extensions {
		e := &opts.Extensions[i]
		m = m.With(MetaverseAttribute{Name: e.Name(), Kind: e.Kind, MultiValued: e.MultiValued, Indexed: e.Kind == attr.KindString})
	}
	if opts.ExchangeHybrid && opts.GraphAddresses {
		m = m.With(MetaverseAttribute{Name: cloudX500, Kind: attr.KindString, MultiValued: true})
	}
	if name := opts.MatchingAttribute; opts.Matching == MatchAttribute && name != "" {
		if _, ok := m.Attribute(name); !ok {
			m = m.With(MetaverseAttribute{Name: name, Kind: attr.KindString, Indexed: true})
		}
	}
	return m
}

// firstStandard is the precedence of the first standard rule.
const firstStandard = 100

// standard builds the rule set.
type standard struct {
	StandardOptions
	rules []Rule
	next  int
}

// add appends a rule for the connector with the next precedence.
func (s *standard) add(connector string, r Rule) {
	r.Connector = connector
	r.Precedence = s.next
	s.next++
	if r.LinkType == 0 {
		r.LinkType = Join
	}
	r.ID = standardID(r.Direction, connector, r.Name)
	for i := range r.Flows {
		if r.Flows[i].Merge == 0 {
			r.Flows[i].Merge = Update
		}
	}
	s.rules = append(s.rules, r)
}

// addAD appends the rule for every forest, in the order of the forests.
func (s *standard) addAD(r Rule) {
	for _, c := range s.AD {
		s.addFor(c, r)
	}
}

func (s *standard) addFor(c ADConnector, r Rule) {
	r.Flows = slices.Clone(r.Flows)
	s.add(c.Name, r)
}

// standardID derives a GUID from what makes a rule the same rule.
func standardID(d Direction, connector, name string) string {
	h := sha256.Sum256([]byte(strings.Join([]string{"hybridsync standard rule", d.String(), connector, name}, "\x00")))
	h[6] = h[6]&0x0f | 0x80 // version 8: made our own way
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// all returns the scope in which all conditions hold. Each is written "attribute OPERATOR
// value".
func all(conditions ...string) []ScopeGroup {
	return []ScopeGroup{scopeGroup(conditions...)}
}

func scopeGroup(conditions ...string) ScopeGroup {
	var g ScopeGroup
	for _, c := range conditions {
		name, rest, _ := strings.Cut(c, " ")
		op, value, _ := strings.Cut(rest, " ")
		g = append(g, ScopeCondition{Attribute: name, Operator: Operator(op), Value: value})
	}
	return g
}

// joinOn returns join criteria of one condition per group, each written "cs=mv".
func joinOn(pairs ...string) []JoinGroup {
	var groups []JoinGroup
	for _, p := range pairs {
		cs, mv, _ := strings.Cut(p, "=")
		groups = append(groups, JoinGroup{{CS: cs, MV: mv}})
	}
	return groups
}

// direct returns direct flows, each written "attribute" or "target<-source".
func direct(list string) (flows []Flow) {
	for field := range strings.FieldsSeq(list) {
		target, source, renamed := strings.Cut(field, "<-")
		if !renamed {
			source = target
		}
		for i, name := range expandName(target) {
			flows = append(flows, Flow{Target: name, Type: Direct, Source: []string{expandName(source)[i]}})
		}
	}
	return flows
}

// constant returns a constant flow.
func constant(target, text string) Flow {
	return Flow{Target: target, Type: Constant, Constant: text}
}

// formula returns an expression flow.
func formula(target, source string) Flow {
	return Flow{Target: target, Type: Expression, Expression: source}
}

// each returns an expression flow for each attribute: the pattern with @ replaced by it.
func each(list, pattern string) (flows []Flow) {
	for field := range strings.FieldsSeq(list) {
		for _, name := range expandName(field) {
			flows = append(flows, formula(name, strings.ReplaceAll(pattern, "@", "["+name+"]")))
		}
	}
	return flows
}
