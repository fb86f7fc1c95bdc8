package ad

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// An identity is the account that a connection is bound as.
type identity struct {
	dn, name string // distinguished name, sAMAccountName
	sid      secdesc.SID
	token    secdesc.Token
}

// whoAmI finds the account and its security context. The domain controller itself tells
// the SIDs of the connection; among them only one is that of a user.
func (l *link) whoAmI(ctx context.Context, bindName string, parts []partition) (*identity, error) {
	root, err := l.read(ctx, "", anything, "tokenGroups")
	if err != nil && resultCode(err) == 0 {
		return nil, err
	}
	var sids []secdesc.SID
	if root != nil {
		sids = parseSIDs(values(root, "tokenGroups"))
	}
	me, err := l.findAccount(ctx, bindName, parts, sids)
	if err != nil {
		return nil, err
	}
	if len(sids) == 0 { // a server that tells only with the account
		e, err := l.read(ctx, me.dn, anything, "tokenGroups")
		if err != nil {
			return nil, err
		}
		if e != nil {
			sids = parseSIDs(values(e, "tokenGroups"))
		}
	}
	// What every connection over the network has, whether or not it was told.
	me.token = secdesc.NewToken(append(sids, me.sid, secdesc.Everyone, secdesc.AuthenticatedUsers, secdesc.Network, secdesc.ThisOrganization)...)
	return me, nil
}

func parseSIDs(raw []string) []secdesc.SID {
	var out []secdesc.SID
	for _, r := range raw {
		if s, err := secdesc.SIDFromBytes([]byte(r)); err == nil {
			out = append(out, s)
		}
	}
	return out
}

// findAccount looks for the account, by the SIDs of the connection where these are known
// and by the name that it signs in with otherwise.
func (l *link) findAccount(ctx context.Context, bindName string, parts []partition, sids []secdesc.SID) (*identity, error) {
	var filter strings.Builder
	filter.WriteString("(&(objectClass=user)(|")
	for _, s := range sids {
		if s.OfDomain() {
			filter.WriteString("(objectSid=" + s.String() + ")")
		}
	}
	for _, condition := range nameConditions(bindName) {
		filter.WriteString(condition)
	}
	filter.WriteString("))")
	bases := []string{l.root.defaultNC}
	for _, p := range parts {
		if p.dn != l.root.defaultNC {
			bases = append(bases, p.dn)
		}
	}
	for _, base := range bases {
		found, err := l.search(ctx, &ldap.SearchRequest{BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: filter.String(),
			Attributes: []string{"objectSid", "sAMAccountName"}})
		if err != nil {
			return nil, err
		}
		for _, e := range found.entries {
			sid, err := secdesc.SIDFromBytes([]byte(single(e, "objectSid")))
			if err == nil && (len(sids) == 0 || slices.Contains(sids, sid)) {
				return &identity{dn: e.DN, name: single(e, "sAMAccountName"), sid: sid}, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: the account of this connection cannot be found or read in the directory", connector.ErrPermission)
}

// nameConditions are filters for an account by the name that it signs in with.
func nameConditions(name string) []string {
	escaped := ldap.EscapeFilter(name)
	if parsed, err := ldap.ParseDN(name); err == nil && len(parsed.RDNs) > 1 {
		return []string{"(distinguishedName=" + escaped + ")"}
	}
	if _, account, ok := strings.Cut(name, `\`); ok {
		return []string{"(sAMAccountName=" + ldap.EscapeFilter(account) + ")"}
	}
	if account, _, ok := strings.Cut(name, "@"); ok {
		return []string{"(userPrincipalName=" + escaped + ")", "(sAMAccountName=" + ldap.EscapeFilter(account) + ")"}
	}
	return nil
}

// powers are the groups whose members may do everything or can get to it, by the last part
// of their SID.
var powers = []struct {
	rid     uint32
	builtin bool // of BUILTIN, rather than of a domain
	name    string
	refused bool
}{
	{500, false, "the built-in Administrator", true},
	{502, false, "krbtgt", true},
	{512, false, "Domain Admins", true},
	{516, false, "Domain Controllers", true},
	{518, false, "Schema Admins", true},
	{519, false, "Enterprise Admins", true},
	{544, true, "Administrators", true},
	{548, true, "Account Operators", false},
	{549, true, "Server Operators", false},
	{550, true, "Print Operators", false},
	{551, true, "Backup Operators", false},
	{517, false, "Cert Publishers", false},
	{520, false, "Group Policy Creator Owners", false},
	{526, false, "Key Admins", false},
	{527, false, "Enterprise Key Admins", false},
}

// privileges names what makes the account more powerful than a connector's should be.
// Names are translated in directories of other languages, SIDs are not.
func (me *identity) privileges() (refused, warned []string) {
	for _, p := range powers {
		for sid := range me.token {
			builtin := sid == secdesc.Administrators.Domain().WithRID(p.rid)
			if sid.RID() != p.rid || builtin != p.builtin || !p.builtin && !sid.OfDomain() {
				continue
			}
			if p.refused {
				refused = append(refused, p.name)
			} else {
				warned = append(warned, p.name)
			}
		}
	}
	return refused, warned
}

// refuseAdministrator ends the session of an account that is too powerful.
func (s *session) refuseAdministrator(ctx context.Context) error {
	if s.d.opts.AllowAdministrator {
		return nil
	}
	root, err := s.main.read(ctx, "", anything, "tokenGroups")
	if err != nil {
		return err
	}
	if root == nil {
		return nil
	}
	me := identity{token: secdesc.NewToken(parseSIDs(values(root, "tokenGroups"))...)}
	refused, _ := me.privileges()
	if len(refused) == 0 {
		return nil
	}
	return &connector.Error{Op: "open", Connector: s.d.name, Code: connector.CodePermission,
		Err: fmt.Errorf("%w: the account has the powers of %s, and whoever gets hold of the connector would get hold of the forest; "+
			"use an account with a connector's permissions, or set AllowAdministrator in a lab", connector.ErrInvalid, strings.Join(refused, ", "))}
}
