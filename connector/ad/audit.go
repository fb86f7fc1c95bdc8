package ad

import (
	"context"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// sdFlagsOID is the control that says which parts of a descriptor are meant.
const sdFlagsOID = "1.2.840.113556.1.4.801"

const (
	sampleObjects = 300  // of one class, to look at one by one
	sampleNamed   = 10   // objects that a finding names
	protectedMost = 1000 // protected accounts to look at
	sampleBases   = 1000 // containers that are asked whether they hold objects of a class
	confirmed     = 3    // objects for which the domain controller's own word is asked
)

// A State says how a permission stands.
type State string

// The states of permissions.
const (
	Granted State = "granted"
	Missing State = "missing" // everywhere
	Partial State = "partial" // missing for some objects, which the verdict names
	Unknown State = "unknown" // the descriptor cannot be read
)

// A Verdict is a permission that is needed and how it stands.
type Verdict struct {
	Delegation Delegation
	State      State
	// Attributes, for plain reading, are those that cannot be read.
	Attributes []string
	// Containers are the uppermost ones beneath which the permission is missing though it
	// is there above: inheritance is broken or an entry denies it.
	Containers []string
	// Objects are single ones for which it is missing, at most ten of them, out of those
	// that were looked at.
	Objects []string
	// Protected are accounts that a domain controller keeps entries from
	// (AdminSDHolder), at most ten, and how many there are.
	Protected      []string
	ProtectedCount int
	// Disputed: the domain controller says otherwise than the descriptors; its word counts.
	Disputed bool
	// Impossible: the schema does not let objects of the class be made in the container,
	// whatever the permissions.
	Impossible bool
}

// A subject is an object whose descriptor is looked at.
type subject struct {
	dn        string
	sid       secdesc.SID
	protected bool // adminCount is 1
	sd        *secdesc.Descriptor
	children  int // approximate number of children, where the server tells
}

// An audit evaluates what an account may do.
type audit struct {
	s  *session
	l  *link
	me *identity

	containers map[string][]subject // by the folded DN of the container above
	objects    map[[2]string][]subject
	types      map[string]*secdesc.Types
	defaults   map[string][]secdesc.ACE
	domain     secdesc.SID
}

func (s *session) newAudit(l *link, me *identity) *audit {
	return &audit{s: s, l: l, me: me, containers: map[string][]subject{}, objects: map[[2]string][]subject{},
		types: map[string]*secdesc.Types{}, defaults: map[string][]secdesc.ACE{}, domain: me.sid.Domain()}
}

// descriptorControl asks for owner and DACL of descriptors; the SACL takes a privilege.
func descriptorControl() ldap.Control {
	const ownerAndDACL = 0x5
	return &ldap.ControlString{ControlType: sdFlagsOID, Criticality: true, ControlValue: string([]byte{0x30, 3, 2, 1, ownerAndDACL})}
}

var subjectAttributes = []string{"nTSecurityDescriptor", "objectSid", "adminCount", "msDS-Approx-Immed-Subordinates"}

// subjects reads objects with their descriptors, at most limit of them; 0 is no limit.
func (a *audit) subjects(ctx context.Context, base string, scope int, filter string, limit int) ([]subject, error) {
	var out []subject
	req := &ldap.SearchRequest{BaseDN: base, Scope: scope, Filter: filter, Attributes: subjectAttributes,
		Controls: []ldap.Control{descriptorControl(), &ldap.ControlString{ControlType: ldap.ControlTypeMicrosoftDomainScope}}}
	size := a.s.d.opts.PageSize
	if limit > 0 {
		size = min(size, limit)
	}
	for entries, err := range a.l.pages(ctx, req, size) {
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if a.s.scope.excluded(e.DN) {
				continue
			}
			x := subject{dn: e.DN, protected: single(e, "adminCount") == "1", children: atoi(single(e, "msDS-Approx-Immed-Subordinates"))}
			x.sid, _ = secdesc.SIDFromBytes([]byte(single(e, "objectSid")))
			x.sd, _ = secdesc.Parse([]byte(single(e, "nTSecurityDescriptor")))
			out = append(out, x)
		}
		if limit > 0 && len(out) >= limit {
			break
		}
	}
	return out, nil
}

// at reads one object; nil if it cannot be seen.
func (a *audit) at(ctx context.Context, dn string) (*subject, error) {
	found, err := a.subjects(ctx, dn, ldap.ScopeBaseObject, anything, 0)
	if err != nil && resultCode(err) != ldap.LDAPResultNoSuchObject {
		return nil, err
	}
	if len(found) == 0 {
		return nil, nil
	}
	return &found[0], nil
}

// beneath reads the container and all containers beneath it.
func (a *audit) beneath(ctx context.Context, base string) ([]subject, error) {
	key := strings.ToLower(base)
	if known, ok := a.containers[key]; ok {
		return known, nil
	}
	found, err := a.subjects(ctx, base, ldap.ScopeWholeSubtree, "(|"+a.s.plan.containerFilter()+")", 0)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(found, func(x subject) bool { return sameDN(x.dn, base) }) { // of another class
		self, err := a.at(ctx, base)
		if err != nil {
			return nil, err
		}
		if self != nil {
			found = append(found, *self)
		}
	}
	slices.SortFunc(found, func(x, y subject) int { return len(x.dn) - len(y.dn) }) // those above first
	a.containers[key] = found
	return found, nil
}

// ofClass is the filter for objects of exactly that class that are synchronised: the
// domain's own and the accounts of connectors are not.
func (a *audit) ofClass(class string) string {
	one := &plan{schema: a.s.plan.schema, classes: map[string]string{attr.Fold(class): class}}
	return "(&" + one.classFilter() + "(!(isCriticalSystemObject=TRUE))(!(sAMAccountName=MSOL_*))(!(sAMAccountName=AAD_*)))"
}

// sample reads some objects of a class and all protected ones.
func (a *audit) sample(ctx context.Context, base, class string) ([]subject, error) {
	key := [2]string{strings.ToLower(base), class}
	if known, ok := a.objects[key]; ok {
		return known, nil
	}
	found, err := a.subjects(ctx, base, ldap.ScopeWholeSubtree, a.ofClass(class), sampleObjects)
	if err != nil {
		return nil, err
	}
	protected, err := a.subjects(ctx, base, ldap.ScopeWholeSubtree, "(&"+a.ofClass(class)+"(adminCount=1))", protectedMost)
	if err != nil {
		return nil, err
	}
	for _, p := range protected {
		if !slices.ContainsFunc(found, func(x subject) bool { return x.dn == p.dn }) {
			found = append(found, p)
		}
	}
	// The account has rights to itself, as all users have, which say nothing of others.
	found = slices.DeleteFunc(found, func(x subject) bool { return !x.sid.IsZero() && x.sid == a.me.sid })
	a.objects[key] = found
	return found, nil
}

// typesOf returns what entries may be about for objects of a class.
func (a *audit) typesOf(class string) *secdesc.Types {
	if t, ok := a.types[class]; ok {
		return t
	}
	var list []secdesc.Attribute
	for _, name := range a.s.plan.schema.attributesOf(class) {
		if known := a.s.plan.schema.attribute(name); known != nil && !known.id.IsZero() {
			list = append(list, secdesc.Attribute{ID: known.id, Set: known.set})
		}
	}
	var id secdesc.GUID
	if c := a.s.plan.schema.class(class); c != nil {
		id = c.id
	}
	t := secdesc.NewTypes(id, list...)
	a.types[class] = t
	return t
}

// defaultsOf reads the entries that new objects of a class get beside inherited ones.
func (a *audit) defaultsOf(ctx context.Context, class string) ([]secdesc.ACE, error) {
	if known, ok := a.defaults[class]; ok {
		return known, nil
	}
	found, err := a.l.search(ctx, &ldap.SearchRequest{BaseDN: a.l.root.schemaNC, Scope: ldap.ScopeSingleLevel,
		Filter: "(&(objectClass=classSchema)(lDAPDisplayName=" + ldap.EscapeFilter(class) + "))", Attributes: []string{"defaultSecurityDescriptor"}})
	if err != nil {
		return nil, err
	}
	var list []secdesc.ACE
	for _, e := range found.entries {
		if d, err := secdesc.ParseSDDL(single(e, "defaultSecurityDescriptor"), a.domain); err == nil {
			list = d.DACL
		}
	}
	a.defaults[class] = list
	return list, nil
}

// inside reports whether a new object of the class in the container would give the
// permission.
func (a *audit) inside(ctx context.Context, c subject, d Delegation) (bool, []string, error) {
	own, err := a.defaultsOf(ctx, d.Class)
	if err != nil {
		return false, nil, err
	}
	child := &secdesc.Descriptor{Control: secdesc.DACLPresent, DACL: slices.Concat(own, c.sd.Inherit(d.class, secdesc.SID{}))}
	ok, missing := d.granted(child.Evaluate(a.me.token, secdesc.Object{Types: a.typesOf(d.Class)}))
	return ok, missing, nil
}

// judge finds how a permission stands.
func (a *audit) judge(ctx context.Context, d Delegation) (Verdict, error) {
	if d.Class == "" {
		return a.judgeHere(ctx, d)
	}
	v := Verdict{Delegation: d, State: Granted}
	containers, err := a.beneath(ctx, d.On)
	if err != nil {
		return v, err
	}
	if len(containers) == 0 || !slices.ContainsFunc(containers, func(c subject) bool { return c.sd != nil }) {
		v.State = Unknown
		return v, nil
	}
	holds, err := a.judgeContainers(ctx, containers, &v)
	if err != nil {
		return v, err
	}
	objects, err := a.sample(ctx, d.On, d.Class)
	if err != nil {
		return v, err
	}
	a.judgeObjects(objects, &v)
	if v.State == Partial && holds == 0 && len(objects) > 0 && !a.anyGranted(objects, d) {
		v.State, v.Containers, v.Objects = Missing, nil, nil
	}
	return v, a.confirm(ctx, objects, &v)
}

// judgeHere evaluates the object that is named itself.
func (a *audit) judgeHere(ctx context.Context, d Delegation) (Verdict, error) {
	v := Verdict{Delegation: d, State: Unknown}
	if d.deleted { // its descriptor is for nobody to read
		seen, err := a.l.seesDeleted(ctx, strings.TrimPrefix(d.On, deletedContainer))
		if v.State = Missing; seen {
			v.State = Granted
		}
		return v, err
	}
	x, err := a.at(ctx, d.On)
	if err != nil || x == nil || x.sd == nil {
		return v, err
	}
	types := secdesc.NewTypes(d.about) // a class of children
	if d.Rights == secdesc.ControlAccess {
		types = nil
	}
	v.State = Missing
	if ok, _ := d.granted(x.sd.Evaluate(a.me.token, secdesc.Object{SID: x.sid, Types: types})); ok {
		v.State = Granted
	}
	return v, a.confirmChildren(ctx, &v)
}

// confirmChildren asks the domain controller whether the account may create objects of a
// class in a container. Its word counts more than the evaluation, but of deleting it says
// nothing.
func (a *audit) confirmChildren(ctx context.Context, v *Verdict) error {
	d := v.Delegation
	if !d.Rights.Has(secdesc.CreateChild) || d.About == "" {
		return nil
	}
	e, err := a.l.read(ctx, d.On, anything, "allowedChildClassesEffective", "allowedChildClasses")
	if err != nil && resultCode(err) == 0 {
		return err
	}
	if e == nil || len(values(e, "allowedChildClasses")) == 0 {
		return nil // a server that does not tell
	}
	named := func(list []string) bool {
		return slices.ContainsFunc(list, func(n string) bool { return attr.EqualName(n, d.About) })
	}
	v.Impossible = !named(values(e, "allowedChildClasses"))
	if v.State == Granted && !named(values(e, "allowedChildClassesEffective")) {
		v.State, v.Disputed = Missing, true
	}
	return nil
}

// judgeContainers evaluates what objects in each container inherit. It returns how many
// containers that hold such objects give the permission.
func (a *audit) judgeContainers(ctx context.Context, containers []subject, v *Verdict) (holds int, err error) {
	asked := 0
	for i, c := range containers {
		if c.sd == nil {
			continue
		}
		ok, missing, err := a.inside(ctx, c, v.Delegation)
		if err != nil {
			return holds, err
		}
		if ok {
			holds++
			continue
		}
		if i == 0 { // at the very top
			v.State, v.Attributes = Missing, missing
		}
		if v.State == Missing && i > 0 {
			continue
		}
		above := slices.ContainsFunc(v.Containers, func(up string) bool { return within(c.dn, up) })
		if i == 0 || above {
			continue
		}
		if asked++; asked <= sampleBases {
			held, err := a.l.search(ctx, &ldap.SearchRequest{BaseDN: c.dn, Scope: ldap.ScopeWholeSubtree, Filter: a.ofClass(v.Delegation.Class),
				Attributes: []string{"1.1"}, Controls: []ldap.Control{ldap.NewControlPaging(1)}})
			if err != nil {
				return holds, err
			}
			if len(held.entries) == 0 {
				continue
			}
		}
		v.State, v.Attributes = Partial, missing
		v.Containers = append(v.Containers, c.dn)
	}
	if v.State == Missing && holds > 0 {
		// It may be given further down, everywhere where there are objects.
		v.State = Partial
	}
	return holds, nil
}

// judgeObjects evaluates single objects, but for those in containers that are known to be
// wanting.
func (a *audit) judgeObjects(objects []subject, v *Verdict) {
	given := 0
	var wanting, protected []string
	for _, x := range objects {
		if x.sd == nil || slices.ContainsFunc(v.Containers, func(up string) bool { return within(x.dn, up) }) {
			continue
		}
		ok, missing := v.Delegation.granted(x.sd.Evaluate(a.me.token, secdesc.Object{SID: x.sid, Types: a.typesOf(v.Delegation.Class)}))
		switch {
		case ok:
			given++
		case x.protected:
			protected = append(protected, x.dn)
		default:
			wanting = append(wanting, x.dn)
			if v.Attributes == nil {
				v.Attributes = missing
			}
		}
	}
	v.ProtectedCount, v.Protected = len(protected), protected[:min(len(protected), sampleNamed)]
	switch {
	case len(wanting) == 0 && given > 0 && len(v.Containers) == 0:
		v.State = Granted // wherever there is an object
	case len(wanting) == 0:
	case given == 0 && v.State != Granted && len(v.Containers) == 0:
		v.State = Missing
	default:
		v.State, v.Objects = Partial, wanting[:min(len(wanting), sampleNamed)]
	}
}

func (a *audit) anyGranted(objects []subject, d Delegation) bool {
	return slices.ContainsFunc(objects, func(x subject) bool {
		if x.sd == nil {
			return false
		}
		ok, _ := d.granted(x.sd.Evaluate(a.me.token, secdesc.Object{SID: x.sid, Types: a.typesOf(d.Class)}))
		return ok
	})
}

// confirm asks the domain controller which attributes of some objects the account may
// write. Its word counts more than the evaluation.
func (a *audit) confirm(ctx context.Context, objects []subject, v *Verdict) error {
	d := v.Delegation
	if d.About == "" || !d.Rights.Has(secdesc.WriteProperty) || v.State == Partial {
		return nil
	}
	asked, writable := 0, 0
	for _, x := range objects {
		if x.protected || asked == confirmed {
			continue
		}
		e, err := a.l.read(ctx, x.dn, anything, "allowedAttributesEffective", "allowedAttributes")
		if err != nil && resultCode(err) == 0 {
			return err
		}
		if e == nil || len(values(e, "allowedAttributes")) == 0 {
			return nil // a server that does not tell
		}
		asked++
		if slices.ContainsFunc(values(e, "allowedAttributesEffective"), func(n string) bool { return attr.EqualName(n, d.About) }) {
			writable++
		}
	}
	switch {
	case asked > 0 && writable == 0 && v.State != Missing:
		v.State, v.Disputed = Missing, true
	case asked > 0 && writable == asked && v.State != Granted:
		v.State, v.Disputed = Granted, true
	}
	return nil
}
