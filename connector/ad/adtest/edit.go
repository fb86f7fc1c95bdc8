package adtest

import (
	"sort"
	"strings"
)

// An Object is a copy of what the directory holds of an object.
type Object struct {
	DN      string
	GUID    GUID
	Class   string // the most specific one
	Deleted bool
	// Attrs are all attributes that a search for "*" returns to an administrator, by their
	// names in the schema, whatever the number of values.
	Attrs Attrs
}

// First returns the first value of an attribute, "" if there is none.
func (o *Object) First(attr string) string {
	if v := o.Attrs[attr]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Must returns the DN that an edit returned, and fails the test if it failed. On a server
// that [Start] made it panics then.
func (s *Server) Must(dn string, err error) string {
	if err != nil {
		if s.tb == nil {
			panic(err)
		}
		s.tb.Helper()
		s.tb.Fatal(err)
	}
	return dn
}

// edit makes a change as the system itself.
func (s *Server) edit(f func(d *directory, u *update) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f(s.dir, &update{v: s.dir.systemViewer(), secure: true, deleted: true})
}

// Add creates an object with the attributes given, objectClass among them.
func (s *Server) Add(dn string, attrs Attrs) error {
	return s.edit(func(d *directory, u *update) error {
		_, err := d.add(u, dn, attrs.mods())
		return err
	})
}

// mods lists the attributes in name order, empty ones left out.
func (a Attrs) mods() []Mod {
	var out []Mod
	for n, v := range a {
		if len(v) > 0 {
			out = append(out, AddValues(n, v...))
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Attr < out[j].Attr })
	return out
}

// AddUser creates an enabled user and returns its DN. name is a logon name, for an object
// below CN=Users, or a whole DN. What attrs leaves out is made up: sAMAccountName,
// userPrincipalName, displayName, userAccountControl 512; nil values leave an attribute out.
func (s *Server) AddUser(name string, attrs Attrs) (string, error) {
	dn, plain := s.dnFor("CN", name, s.UsersDN())
	logon := strings.ReplaceAll(plain, " ", ".")
	return dn, s.addWith(dn, attrs, Attrs{"objectClass": {"user"}, "sAMAccountName": {short(logon)},
		"userPrincipalName": {logon + "@" + s.opts.Domain}, "displayName": {plain}, "userAccountControl": {"512"},
		"pwdLastSet": {text10(filetime(s.opts.Clock()))}})
}

// AddGroup creates a global security group, unless attrs says otherwise, and returns its
// DN. name is that of an object below CN=Users, or a whole DN.
func (s *Server) AddGroup(name string, attrs Attrs) (string, error) {
	dn, plain := s.dnFor("CN", name, s.UsersDN())
	return dn, s.addWith(dn, attrs, Attrs{"objectClass": {"group"}, "sAMAccountName": {plain}, "groupType": {"-2147483646"}})
}

// AddContact creates a contact and returns its DN. name is that of an object below CN=Users,
// or a whole DN.
func (s *Server) AddContact(name string, attrs Attrs) (string, error) {
	dn, plain := s.dnFor("CN", name, s.UsersDN())
	return dn, s.addWith(dn, attrs, Attrs{"objectClass": {"contact"}, "displayName": {plain}})
}

// AddComputer creates an enabled workstation account and returns its DN. name is that of an
// object below CN=Computers, or a whole DN.
func (s *Server) AddComputer(name string, attrs Attrs) (string, error) {
	dn, plain := s.dnFor("CN", name, "CN=Computers,"+s.BaseDN())
	return dn, s.addWith(dn, attrs, Attrs{"objectClass": {"computer"}, "sAMAccountName": {short(plain) + "$"},
		"userAccountControl": {"4096"}, "dNSHostName": {fold(plain) + "." + s.opts.Domain}})
}

// AddOU creates an organisational unit and returns its DN. name is that of an object below
// the domain, or a whole DN.
func (s *Server) AddOU(name string) (string, error) {
	dn, _ := s.dnFor("OU", name, s.BaseDN())
	return dn, s.Add(dn, Attrs{"objectClass": {"organizationalUnit"}})
}

func (s *Server) addWith(dn string, attrs, defaults Attrs) error {
	known := map[string]bool{}
	all := Attrs{}
	for n, v := range attrs {
		known[fold(n)] = true
		all[n] = v
	}
	for n, v := range defaults {
		if !known[fold(n)] {
			all[n] = v
		}
	}
	return s.Add(dn, all)
}

// dnFor returns the DN that a name stands for, and the name in it.
func (s *Server) dnFor(typ, name, parent string) (dn, plain string) {
	if strings.Contains(name, "=") {
		if names, ok := parseDN(name); ok && len(names) > 0 {
			return name, names[0].value
		}
	}
	return formatRDN(typ, name) + "," + parent, name
}

// short cuts a logon name to what old protocols allow.
func short(name string) string {
	if r := []rune(name); len(r) > 20 {
		return string(r[:20])
	}
	return name
}

// Modify changes attributes of an object, all or none. dn may be a <GUID=...> form, here
// and in the other methods.
func (s *Server) Modify(dn string, mods ...Mod) error {
	return s.edit(func(d *directory, u *update) error { return d.modify(u, dn, mods) })
}

// Move puts an object under another parent and returns its new DN.
func (s *Server) Move(dn, parent string) (string, error) {
	var moved string
	err := s.edit(func(d *directory, u *update) error {
		e, err := d.find(dn)
		if err != nil {
			return err
		}
		if err := d.rename(u, dn, formatRDN(e.rdnDef.name, e.rdnValue), parent); err != nil {
			return err
		}
		moved = e.dn
		return nil
	})
	return moved, err
}

// Rename gives an object another name, without the CN= or OU=, and returns its new DN.
func (s *Server) Rename(dn, name string) (string, error) {
	var renamed string
	err := s.edit(func(d *directory, u *update) error {
		e, err := d.find(dn)
		if err != nil {
			return err
		}
		if err := d.rename(u, dn, formatRDN(e.rdnDef.name, name), ""); err != nil {
			return err
		}
		renamed = e.dn
		return nil
	})
	return renamed, err
}

// SetEnabled enables or disables an account.
func (s *Server) SetEnabled(dn string, enabled bool) error {
	return s.edit(func(d *directory, u *update) error {
		e, err := d.find(dn)
		if err != nil {
			return err
		}
		uac := number(e.first(d.s.uac)) | uacDisabled
		if enabled {
			uac &^= uacDisabled
		}
		return d.modify(u, dn, []Mod{Replace("userAccountControl", text10(uac))})
	})
}

// SetPassword sets an account's password, so that it can bind.
func (s *Server) SetPassword(dn, password string) error {
	return s.Modify(dn, Replace("unicodePwd", encodePassword(password)))
}

// AddMember adds objects to a group.
func (s *Server) AddMember(group string, members ...string) error {
	return s.Modify(group, AddValues("member", members...))
}

// RemoveMember takes objects from a group.
func (s *Server) RemoveMember(group string, members ...string) error {
	return s.Modify(group, DeleteValues("member", members...))
}

// Delete deletes an object that has none below it.
func (s *Server) Delete(dn string) error {
	return s.edit(func(d *directory, u *update) error { return d.delete(u, dn, false) })
}

// DeleteTree deletes an object and all below it.
func (s *Server) DeleteTree(dn string) error {
	return s.edit(func(d *directory, u *update) error { return d.delete(u, dn, true) })
}

// Restore brings a deleted object back to where it was and returns its DN. With
// [Options.RecycleBin] it has its attributes and links again, without it only what a
// tombstone keeps.
func (s *Server) Restore(guid GUID) (string, error) {
	var dn string
	err := s.edit(func(d *directory, u *update) error {
		e := d.byGUID[guid]
		if e == nil || !e.isTombstone() {
			return noObject(0x208D, "")
		}
		parents := d.dnTexts([]string{e.first(d.s.lastKnownParent)})
		if len(parents) == 0 {
			return noObject(0x208D, "")
		}
		name, _, _ := strings.Cut(e.rdnValue, "\nDEL:")
		dn = formatRDN(upper(e.rdnDef.name), name) + "," + parents[0]
		return d.modify(u, e.dn, []Mod{DeleteValues("isDeleted"), Replace("distinguishedName", dn)})
	})
	return dn, err
}

// Get returns a copy of an object, a deleted one too.
func (s *Server) Get(dn string) (*Object, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, err := s.dir.find(dn)
	if err != nil {
		return nil, err
	}
	o := s.dir.object(e)
	return &o, nil
}

// Dump returns copies of all objects of the domain that are not deleted, by DN.
func (s *Server) Dump() []Object {
	return s.dump(func(e *entry) bool { return !e.deleted })
}

// Tombstones returns copies of the deleted objects of the domain, by DN.
func (s *Server) Tombstones() []Object { return s.dump((*entry).isTombstone) }

func (s *Server) dump(want func(*entry) bool) []Object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []Object
	for _, e := range s.dir.partitions[0].entries {
		if !e.purged && want(e) {
			out = append(out, s.dir.object(e))
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].DN < out[j].DN })
	return out
}

func (d *directory) object(e *entry) Object {
	o := Object{DN: e.dn, GUID: e.guid, Class: e.class.name, Deleted: e.isTombstone(), Attrs: Attrs{}}
	v := d.systemViewer()
	for _, def := range d.everything(e) {
		if values := d.values(v, e, def); len(values) > 0 {
			o.Attrs[def.name] = append([]string(nil), values...)
		}
	}
	return o
}

// HighestUSN is the server's highestCommittedUSN.
func (s *Server) HighestUSN() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.dir.usn
}

// InvocationID identifies the server's database; DirSync cookies bear it.
func (s *Server) InvocationID() GUID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.self.invocation
}
