package adtest

import (
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// add creates an object.
func (d *directory) add(u *update, dn string, attrs []Mod) (*entry, error) {
	parent, own, err := d.parentOf(dn)
	if err != nil {
		return nil, err
	}
	class, err := d.classOf(attrs)
	if err != nil {
		return nil, err
	}
	if !u.v.creates(parent, class) || u.refused(parent, nil) {
		return nil, accessDenied()
	}
	if d.s.attr(own.typ) != class.rdn {
		return nil, namingViolation(0x2015)
	}
	if !class.under(parent.class) {
		return nil, namingViolation(0x2099)
	}
	if parent.children[rdn{class.rdn.name, own.value}.key()] != nil {
		return nil, exists(0x2071)
	}
	if class.rdn.upper > 0 && len([]rune(own.value)) > class.rdn.upper {
		return nil, constraint(0x2082, class.rdn)
	}
	// The object is built beside the tree and put there when all is known to be right.
	e := &entry{class: class, rdnDef: class.rdn, rdnValue: own.value, nc: parent.nc}
	st := d.stage(u, e)
	st.creating = true
	for _, a := range attrs {
		if def := d.s.attr(a.Attr); def != nil && (def == d.s.objectClass || def == class.rdn || def == d.s.name) {
			continue
		}
		a.Op = ModAdd
		if err := st.apply(a); err != nil {
			return nil, err
		}
	}
	d.complete(st)
	if err := st.check(); err != nil {
		return nil, err
	}
	if err := st.mandatory(); err != nil {
		return nil, err
	}
	w := d.begin()
	made := d.insert(w, parent.nc, parent, class, own.value)
	st.e = made
	if owner := u.v.owner(); owner != made.own.Owner {
		d.secure(made, d.defaultFor(class, owner))
	}
	if class.isA("user") || class.isA("group") {
		d.setSID(made, sidWithRID(d.domainSID, d.nextRID))
		d.nextRID++
	} else if sid := st.plain[d.s.objectSid]; len(sid) == 1 {
		d.setSID(made, sid[0])
		delete(st.plain, d.s.objectSid)
	}
	st.commit(made.usnChanged)
	return made, nil
}

// parentOf finds where a new object goes.
func (d *directory) parentOf(dn string) (*entry, rdn, error) {
	names, ok := parseDN(dn)
	if !ok || len(names) < 2 {
		return nil, rdn{}, badName()
	}
	parent, nearest := d.lookup(names[1:])
	if parent == nil || parent.deleted {
		if nearest == nil {
			return nil, rdn{}, d.missing(dn, names, nil)
		}
		return nil, rdn{}, noObject(0x208D, nearest.dn)
	}
	return parent, names[0], nil
}

// classOf finds the most specific class that is asked for.
func (d *directory) classOf(attrs []Mod) (*classDef, error) {
	var class *classDef
	for _, a := range attrs {
		if d.s.attr(a.Attr) != d.s.objectClass {
			continue
		}
		for _, n := range a.Values {
			c := d.s.class(n)
			if c == nil {
				return nil, ldapErr(ldap.LDAPResultNoSuchAttribute, 0x200A, "Error in attribute conversion operation")
			}
			if c.kind == 1 && (class == nil || c.isA(class.name)) {
				class = c
			}
		}
	}
	if class == nil {
		return nil, classViolation(0x2014)
	}
	if slices.Contains([]string{"attributeSchema", "classSchema", "domainDNS", "builtinDomain", "configuration", "dMD"}, class.name) {
		return nil, unwilling(0x20B8)
	}
	return class, nil
}

// complete fills in what AD does at creation.
func (d *directory) complete(st *staged) {
	def := func(name, value string) {
		if a := d.s.mustAttr(name); len(st.plain[a]) == 0 {
			st.plain[a] = []string{value}
		}
	}
	c := st.e.class
	switch {
	case c.isA("user"):
		machine := c.isA("computer")
		if machine {
			def("userAccountControl", text10(uacDefaultMachine))
			def("primaryGroupID", "515")
			def("isCriticalSystemObject", "FALSE")
		} else {
			def("userAccountControl", text10(uacDefaultUser))
			def("primaryGroupID", "513")
		}
		def("accountExpires", "9223372036854775807")
		for _, n := range []string{"codePage", "countryCode", "badPwdCount", "badPasswordTime", "lastLogoff", "lastLogon",
			"logonCount", "pwdLastSet"} {
			def(n, "0")
		}
		if len(st.plain[d.s.samName]) == 0 {
			name := "$" + upper(d.guids.next().String()[:6]) + "-" + upper(d.guids.next().String()[24:36])
			if machine {
				name += "$"
			}
			st.plain[d.s.samName] = []string{name}
		}
	case c.isA("group"):
		def("groupType", "-2147483646")
		if len(st.plain[d.s.samName]) == 0 {
			st.plain[d.s.samName] = []string{"$" + upper(d.guids.next().String()[:6]) + "-" + upper(d.guids.next().String()[24:36])}
		}
	case c.name == "foreignSecurityPrincipal":
		if sid, ok := parseSID(st.e.rdnValue); ok && len(st.plain[d.s.objectSid]) == 0 {
			st.plain[d.s.objectSid] = []string{sid}
		}
	}
}

func upper(s string) string { return strings.ToUpper(s) }
