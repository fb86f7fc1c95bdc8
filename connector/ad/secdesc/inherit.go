package secdesc

// Inherit returns the entries that a new object of a class inherits from the container it
// is put into. owner takes the place of the creator in entries about it.
func (d *Descriptor) Inherit(class GUID, owner SID) []ACE {
	var out []ACE
	for _, a := range d.DACL {
		if !a.Flags.Has(ContainerInherit) {
			continue
		}
		matches := a.InheritedObjectType.IsZero() || a.InheritedObjectType == class
		passes := !a.Flags.Has(NoPropagate)
		mapped, sid := a.Mask.Map(), a.SID
		if sid == CreatorOwner && !owner.IsZero() {
			sid = owner
		}
		changed := mapped != a.Mask || sid != a.SID
		if matches {
			here := a
			here.Flags = Inherited
			here.Mask, here.SID = mapped, sid
			if passes && !changed {
				here.Flags |= ContainerInherit
			} else {
				here.InheritedObjectType = GUID{}
				here.Kind = here.Kind.plain(here)
			}
			out = append(out, here)
		}
		if passes && (!matches || changed) {
			on := a // for those beneath alone
			on.Flags = Inherited | ContainerInherit | InheritOnly
			out = append(out, on)
		}
	}
	return out
}

// plain returns the kind without objects where the entry names none.
func (k Kind) plain(a ACE) Kind {
	if a.ObjectType.IsZero() && a.InheritedObjectType.IsZero() {
		switch k {
		case AllowObject:
			return Allow
		case DenyObject:
			return Deny
		}
	}
	return k
}
