package adtest

import (
	"fmt"
	"slices"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// Descriptor returns a copy of an object's security descriptor: its own entries and those
// that it inherits.
func (s *Server) Descriptor(dn string) (*secdesc.Descriptor, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, err := s.dir.find(dn)
	if err != nil {
		return nil, err
	}
	c := *e.sd
	c.DACL = slices.Clone(c.DACL)
	return &c, nil
}

// SetDescriptor replaces an object's own access control list, and its owner where the
// descriptor names one. What is inherited, by the object and by those below it, follows.
func (s *Server) SetDescriptor(dn string, sd *secdesc.Descriptor) error {
	return s.rewrite(dn, func(own *secdesc.Descriptor) error {
		own.Control = sd.Control | secdesc.DACLPresent
		own.DACL = sd.Explicit()
		if !sd.Owner.IsZero() {
			own.Owner = sd.Owner
		}
		return nil
	})
}

// AddEntry puts an entry into an object's own access control list, at its place in
// canonical order. The text is SDDL, such as (OA;CIIO;RPWP;<attribute>;<class>;<SID>).
func (s *Server) AddEntry(dn, sddl string) error {
	return s.rewrite(dn, func(own *secdesc.Descriptor) error {
		ace, err := secdesc.ParseACE(sddl, s.dir.sid())
		if err != nil {
			return err
		}
		own.Add(ace)
		return nil
	})
}

// SID returns the SID of an account or group.
func (s *Server) SID(dn string) (secdesc.SID, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, err := s.dir.find(dn)
	if err != nil {
		return secdesc.SID{}, err
	}
	if e.sid == "" {
		return secdesc.SID{}, fmt.Errorf("adtest: %s has no SID", dn)
	}
	return e.secSID(), nil
}

// ProtectAdministrators does what domain controllers do every hour (SDProp): administrators
// and members of other powerful groups get adminCount 1 and the descriptor of
// CN=AdminSDHolder,CN=System, which inherits nothing. It returns how many objects changed.
// An object that an edit method gives adminCount 1 gets that descriptor at once.
func (s *Server) ProtectAdministrators() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir.sdProp()
}

// rewrite edits an object's own entries.
func (s *Server) rewrite(dn string, edit func(own *secdesc.Descriptor) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.dir.find(dn)
	if err != nil {
		return err
	}
	return s.dir.rewrite(e, edit)
}

func (d *directory) rewrite(e *entry, edit func(own *secdesc.Descriptor) error) error {
	own := *e.own
	own.DACL = slices.Clone(own.DACL)
	if err := edit(&own); err != nil {
		return err
	}
	d.begin().touch(e)
	d.secure(e, &own)
	return nil
}

// A Delegation gives an account or the members of a group rights that a plain domain user
// does not have, as entries of access control lists. [Server.AddEntry] writes single ones.
type Delegation struct {
	// Account is the DN of a user or group.
	Account string
	// GetChanges is the right Replicating Directory Changes, for DirSync without the
	// OBJECT_SECURITY flag. It is for the whole domain.
	GetChanges bool
	// ReadDeleted lets the account list the container of deleted objects.
	ReadDeleted bool
	// Under is the DN of the object that gets the entries for the rights that follow, from
	// where those below inherit them; "" is the domain. What does not inherit, such as
	// protected accounts, does not have them.
	Under string
	// Write names attributes that may be written; "*" stands for all.
	Write []string
	// Classes limits Write to objects of these classes. Empty means all.
	Classes []string
	// Create, Delete and ResetPassword are rights to create objects, to delete or move
	// them and to set passwords.
	Create, Delete, ResetPassword bool
}

// A Hiding takes away an account's right to read what is there now.
type Hiding struct {
	// Account is the DN of a user or group.
	Account string
	// Under is the DN of an object that, with all below it, cannot be read.
	Under string
	// Attributes, unless empty, are all that cannot be read of these objects.
	Attributes []string
}

// Delegate gives rights.
func (s *Server) Delegate(r Delegation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dir
	account, err := d.find(r.Account)
	if err != nil {
		return err
	}
	domain := d.partitions[0].head
	under := domain
	if r.Under != "" {
		if under, err = d.find(r.Under); err != nil {
			return err
		}
	}
	inherited, err := d.delegated(r)
	if err != nil {
		return err
	}
	give := func(e *entry, list ...secdesc.ACE) error {
		if len(list) == 0 {
			return nil
		}
		return d.rewrite(e, func(own *secdesc.Descriptor) error {
			for _, a := range list {
				a.SID = account.secSID()
				own.Add(a)
			}
			return nil
		})
	}
	if r.GetChanges {
		if err := give(domain, secdesc.ACE{Kind: secdesc.AllowObject, Mask: secdesc.ControlAccess, ObjectType: rightGetChanges}); err != nil {
			return err
		}
	}
	if r.ReadDeleted {
		if err := give(d.deletedObjects[d.partitions[0]], secdesc.ACE{Mask: secdesc.ListContents | secdesc.ReadProperty}); err != nil {
			return err
		}
	}
	return give(under, inherited...)
}

// delegated are the entries that those below inherit.
func (d *directory) delegated(r Delegation) ([]secdesc.ACE, error) {
	var out []secdesc.ACE
	plain := func(mask secdesc.Mask) {
		out = append(out, secdesc.ACE{Kind: secdesc.Allow, Flags: secdesc.ContainerInherit, Mask: mask})
	}
	if r.Create {
		plain(secdesc.CreateChild)
	}
	if r.Delete {
		plain(secdesc.DeleteChild | secdesc.Delete | secdesc.DeleteTree)
	}
	if r.ResetPassword {
		out = append(out, secdesc.ACE{Kind: secdesc.AllowObject, Flags: secdesc.ContainerInherit, Mask: secdesc.ControlAccess, ObjectType: rightResetPassword})
	}
	classes := []secdesc.GUID{{}}
	if len(r.Classes) > 0 {
		classes = nil
		for _, n := range r.Classes {
			c := d.s.class(n)
			if c == nil {
				return nil, fmt.Errorf("adtest: no class %s in the schema", n)
			}
			classes = append(classes, secdesc.GUID(c.guid))
		}
	}
	for _, n := range r.Write {
		var attribute secdesc.GUID
		if n != "*" {
			a := d.s.attr(n)
			if a == nil {
				return nil, fmt.Errorf("adtest: no attribute %s in the schema", n)
			}
			attribute = secdesc.GUID(a.guid)
		}
		for _, class := range classes {
			a := secdesc.ACE{Kind: secdesc.AllowObject, Flags: secdesc.ContainerInherit, Mask: secdesc.WriteProperty, ObjectType: attribute, InheritedObjectType: class}
			if !class.IsZero() {
				a.Flags |= secdesc.InheritOnly
			} else if attribute.IsZero() {
				a.Kind = secdesc.Allow
			}
			out = append(out, a)
		}
	}
	return out, nil
}

// Hide takes away rights to read, by entries that deny them on every object.
func (s *Server) Hide(h Hiding) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dir
	account, err := d.find(h.Account)
	if err != nil {
		return err
	}
	under, err := d.find(h.Under)
	if err != nil {
		return err
	}
	list := []secdesc.ACE{{Kind: secdesc.Deny, Mask: secdesc.ListContents | secdesc.ListObject | secdesc.ReadProperty | secdesc.ReadControl}}
	if len(h.Attributes) > 0 {
		list = nil
	}
	for _, n := range h.Attributes {
		a := d.s.attr(n)
		if a == nil {
			return fmt.Errorf("adtest: no attribute %s in the schema", n)
		}
		list = append(list, secdesc.ACE{Kind: secdesc.DenyObject, Mask: secdesc.ReadProperty, ObjectType: secdesc.GUID(a.guid)})
	}
	var objects []*entry
	under.walk(func(e *entry) { objects = append(objects, e) })
	for _, e := range objects {
		if err := d.rewrite(e, func(own *secdesc.Descriptor) error {
			for _, a := range list {
				a.SID = account.secSID()
				own.Add(a)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// RevokeAll takes back all that [Server.Delegate], [Server.Hide] and [Server.AddEntry] did
// for an account: every entry that names it.
func (s *Server) RevokeAll(account string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dir
	who, err := d.find(account)
	if err != nil {
		return err
	}
	named := func(a secdesc.ACE) bool { return a.SID == who.secSID() }
	for _, p := range d.partitions {
		for _, e := range slices.Clone(p.entries) {
			if e.purged || !slices.ContainsFunc(e.own.DACL, named) {
				continue
			}
			if err := d.rewrite(e, func(own *secdesc.Descriptor) error {
				own.DACL = slices.DeleteFunc(own.DACL, named)
				return nil
			}); err != nil {
				return err
			}
		}
	}
	return nil
}
