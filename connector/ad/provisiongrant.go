package ad

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// The parts of descriptors.
const (
	ownerPart = 0x1
	dacl      = 0x4
)

// partsControl limits reading and writing of a descriptor to some of its parts. The others,
// such as the audit list, stay as they are.
func partsControl(parts byte) ldap.Control {
	return &ldap.ControlString{ControlType: sdFlagsOID, Criticality: true, ControlValue: string([]byte{0x30, 3, 2, 1, parts})}
}

// readDescriptor reads the access control list of an object.
func (l *link) readDescriptor(ctx context.Context, dn string) (*secdesc.Descriptor, error) {
	found, err := l.search(ctx, &ldap.SearchRequest{BaseDN: dn, Scope: ldap.ScopeBaseObject, Filter: anything,
		Attributes: []string{"nTSecurityDescriptor"}, Controls: []ldap.Control{partsControl(dacl), showDeleted()}})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dn, err)
	}
	for _, e := range found.entries {
		if raw := single(e, "nTSecurityDescriptor"); raw != "" {
			d, err := secdesc.Parse([]byte(raw))
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", connector.ErrProtocol, dn, err)
			}
			if d.DACL == nil {
				return nil, fmt.Errorf("%w: %s has no access control list, everybody may do everything with it", connector.ErrInvalid, dn)
			}
			return d, nil
		}
	}
	return nil, fmt.Errorf("%w: the permissions of %s cannot be read", connector.ErrPermission, dn)
}

func (l *link) writeDescriptor(ctx context.Context, dn string, d *secdesc.Descriptor, parts byte) error {
	raw, err := d.Bytes()
	if err != nil {
		return fmt.Errorf("%s: %w", dn, err)
	}
	request := &ldap.ModifyRequest{DN: dn, Controls: []ldap.Control{partsControl(parts), showDeleted()}}
	request.Replace("nTSecurityDescriptor", []string{string(raw)})
	return l.do(ctx, func() error { return l.conn.Modify(request) })
}

// takeOwnership makes the domain's administrators the owner of an object, which then may
// read and change its permissions whatever these say.
func (l *link) takeOwnership(ctx context.Context, dn string) error {
	owned := &secdesc.Descriptor{Owner: secdesc.Administrators}
	if err := l.writeDescriptor(ctx, dn, owned, ownerPart); err != nil {
		return fmt.Errorf("taking ownership of %s: %w", dn, err)
	}
	return nil
}

// grant adds an entry to an object's list, unless it has it. A list can only be written as
// a whole, so what was written is read again: somebody else may have written meanwhile.
func (l *link) grant(ctx context.Context, dn string, ace secdesc.ACE) (added bool, err error) {
	return l.editDescriptor(ctx, dn, func(d *secdesc.Descriptor) bool {
		if d.Contains(ace) {
			return false
		}
		d.Add(ace)
		return true
	})
}

// revoke removes an entry from an object's list. An object that is gone has none.
func (l *link) revoke(ctx context.Context, dn string, ace secdesc.ACE) error {
	_, err := l.editDescriptor(ctx, dn, func(d *secdesc.Descriptor) bool { return d.Remove(ace) })
	if errors.Is(err, connector.ErrNotFound) {
		return nil
	}
	return err
}

// editDescriptor edits a list until it is as edit wants it, which reports whether it
// changed anything.
func (l *link) editDescriptor(ctx context.Context, dn string, edit func(*secdesc.Descriptor) bool) (changed bool, err error) {
	const attempts = 3
	for range attempts {
		d, err := l.readDescriptor(ctx, dn)
		if err != nil {
			return changed, err
		}
		if !edit(d) {
			return changed, nil
		}
		if err := l.writeDescriptor(ctx, dn, d, dacl); err != nil {
			return changed, fmt.Errorf("the permissions of %s: %w", dn, err)
		}
		changed = true
	}
	return changed, fmt.Errorf("%w: the permissions of %s do not stay as they are written", connector.ErrConflict, dn)
}
