package ad

import (
	"context"
	"errors"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// wellKnownDeleted is the well-known GUID of the container of deleted objects.
const wellKnownDeleted = "18e2ea80684f11d2b9aa00c04f79f805"

// Preflight implements [connector.Preflighter]. That the session could be opened proves
// already that server, certificate, account, partitions and containers are right.
func (s *session) Preflight(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	findings, err := s.preflight(ctx, n)
	return findings, s.d.failure("preflight", err)
}

func (s *session) preflight(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	l, err := s.link(ctx)
	if err != nil {
		return nil, err
	}
	rights, err := s.report(ctx, l, s.d.opts.Uses, n.Attributes)
	if err != nil {
		return nil, err
	}
	findings := append(s.checkNames(n), s.checkSchema()...)
	if n.Import || n.Delta {
		more, err := s.checkVisible(ctx, l)
		if err != nil {
			return nil, err
		}
		findings = append(findings, more...)
	}
	if n.Import || n.Delta {
		more, err := s.checkChanges(ctx, l, n.Delta, rights.downLevel)
		if err != nil {
			return nil, err
		}
		findings = append(findings, more...)
	}
	findings = append(findings, rights.Findings()...)
	if n.Export && s.d.opts.ReadOnly {
		findings = append(findings, connector.Finding{Severity: connector.Failure, Code: connector.CodePermission,
			Message: "the connector is configured as read-only", Remedy: "clear Options.ReadOnly"})
	}
	return findings, nil
}

// checkNames compares classes and attributes with the schema.
func (s *session) checkNames(n connector.Needs) []connector.Finding {
	var out []connector.Finding
	for _, c := range n.Classes {
		if _, ok := s.plan.classes[attr.Fold(c)]; !ok {
			out = append(out, connector.Finding{Severity: connector.Failure, Code: connector.CodeMissingClass, Object: c,
				Message: "the class is not among those that are imported", Remedy: "add it to Options.Classes"})
		}
	}
	for _, name := range n.Attributes {
		a := s.plan.schema.attribute(name)
		switch {
		case a == nil:
			out = append(out, connector.Finding{Severity: connector.Warning, Code: connector.CodeSchemaViolation, Object: name,
				Message: "the schema of the directory has no such attribute, it will always be empty",
				Remedy:  "extend the schema (for Exchange attributes with Exchange's set-up) or remove the attribute from the rules"})
		case n.Delta && !a.reported() && !attr.EqualName(name, "distinguishedName") && !attr.EqualName(name, "objectGUID"):
			out = append(out, connector.Finding{Severity: connector.Notice, Code: connector.CodeSchemaViolation, Object: name,
				Message: "delta imports do not report changes of this attribute", Remedy: "schedule full imports, or use another attribute"})
		}
	}
	for _, name := range n.Write {
		a := s.plan.schema.attribute(name)
		switch {
		case a == nil:
			out = append(out, connector.Finding{Severity: connector.Warning, Code: connector.CodeSchemaViolation, Object: name,
				Message: "the schema of the directory has no such attribute, it is left out of what is written", Remedy: "extend the schema (newer versions of Windows and of Exchange bring more) or remove the attribute from the rules"})
		case a.readOnly():
			out = append(out, connector.Finding{Severity: connector.Failure, Code: connector.CodeSchemaViolation, Object: name,
				Message: "the directory maintains this attribute itself", Remedy: "remove the flow to it from the rules"})
		}
	}
	return out
}

// checkVisible looks whether anything can be seen in the searched containers. A missing
// read right gives no error, only silence.
func (s *session) checkVisible(ctx context.Context, l *link) ([]connector.Finding, error) {
	var out []connector.Finding
	for _, p := range s.parts {
		for _, base := range s.scope.bases(p) {
			first, err := l.search(ctx, &ldap.SearchRequest{
				BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: s.scope.filter(s.plan.filter), Attributes: []string{"objectGUID"},
				Controls: []ldap.Control{ldap.NewControlPaging(1), domainScope()},
			})
			if err != nil {
				return nil, err
			}
			if len(first.entries) == 0 {
				out = append(out, connector.Finding{Severity: connector.Warning, Code: connector.CodePermission, Object: base,
					Message: "the account sees no object to import here", Remedy: "grant it read access to the objects in this container, if there are any"})
			}
		}
	}
	return out, nil
}

// checkChanges tries DirSync as imports use it.
func (s *session) checkChanges(ctx context.Context, l *link, delta bool, account string) ([]connector.Finding, error) {
	var out []connector.Finding
	for _, p := range s.parts {
		d := Delegation{Feature: FeatureDelta, On: p.dn, Rights: secdesc.ControlAccess, About: getChanges.name, about: getChanges.id}
		remedy := "run as an administrator of the domain: " + d.DSACLS(account)
		if s.d.opts.DirSync == DirSyncNever {
			out = append(out, connector.Finding{Severity: connector.Notice, Code: connector.CodePermission, Object: p.dn,
				Message: "changes are found by uSNChanged: whole objects come for small changes, every other domain controller means a full import, and what becomes readable is not seen",
				Remedy:  "schedule full imports; better, grant Replicating Directory Changes and use DirSync"})
			if delta {
				more, err := s.checkDeleted(ctx, l, p, account)
				if err != nil {
					return nil, err
				}
				out = append(out, more...)
			}
			continue
		}
		if s.d.opts.DirSync != DirSyncObjectSecurity {
			switch err := s.tryChanges(ctx, l, p, false); {
			case errors.Is(err, connector.ErrPermission) && s.d.opts.DirSync == DirSyncReplication:
				out = append(out, connector.Finding{Severity: connector.Failure, Code: connector.CodePermission, Object: p.dn,
					Message: "the account has no right to replicate directory changes", Remedy: remedy})
				continue
			case errors.Is(err, connector.ErrPermission):
				out = append(out, connector.Finding{Severity: connector.Warning, Code: connector.CodePermission, Object: p.dn,
					Message: "the account has no right to replicate directory changes; imports use object security and see only what it can read",
					Remedy:  remedy + "; until then schedule full imports, which alone find what has become readable"})
			case err != nil:
				return nil, err
			}
		}
		switch err := s.tryChanges(ctx, l, p, true); {
		case resultCode(err) != 0:
			out = append(out, connector.Finding{Severity: connector.Failure, Code: connector.CodePermission, Object: p.dn,
				Message: "the domain controller refuses to tell changes", Remedy: remedy})
		case err != nil:
			return nil, err
		}
		if !delta {
			continue
		}
		more, err := s.checkDeleted(ctx, l, p, account)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// checkDeleted looks whether deletions can be seen.
func (s *session) checkDeleted(ctx context.Context, l *link, p partition, account string) ([]connector.Finding, error) {
	if s.d.opts.Uses.has(FeatureDelta) && s.listsDeleted(l) {
		return nil, nil // the report on permissions tells
	}
	visible, err := l.seesDeleted(ctx, p.dn)
	if err != nil || visible {
		return nil, err
	}
	d := Delegation{Feature: FeatureDelta, On: deletedContainer + p.dn, Rights: listing, deleted: true}
	return []connector.Finding{{Severity: connector.Warning, Code: connector.CodePermission, Object: d.On,
		Message: "the account cannot list deleted objects; without the right to replicate changes, and on Samba, delta imports miss deletions",
		Remedy:  "run as a domain administrator: " + d.DSACLS(account) + "; or schedule full imports"}}, nil
}

func (s *session) tryChanges(ctx context.Context, l *link, p partition, objectSecurity bool) error {
	q := dirSync{partition: p, filter: p.head.filter(), attributes: []string{"objectGUID"}, objectSecurity: objectSecurity}
	_, err := q.run(ctx, l, func(*entry) error { return nil }, nil)
	return err
}

// seesDeleted reports whether the account may see the container of deleted objects.
func (l *link) seesDeleted(ctx context.Context, domain string) (bool, error) {
	found, err := l.search(ctx, &ldap.SearchRequest{
		BaseDN: deletedObjects(domain), Scope: ldap.ScopeBaseObject, Filter: anything, Attributes: []string{"objectClass"},
		Controls: []ldap.Control{showDeleted()},
	})
	switch {
	case resultCode(err) != 0:
		return false, nil
	case err != nil:
		return false, err
	}
	// Some servers show the bare entry to everybody.
	return len(found.entries) > 0 && len(values(found.entries[0], "objectClass")) > 0, nil
}
