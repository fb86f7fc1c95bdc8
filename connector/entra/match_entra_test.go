package entra_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// What becomes of a new object for which the tenant may have one already: each row of
// what Entra ID documents that public Graph lets a client decide. Two it does not: an
// onPremisesObjectIdentifier cannot be read in v1.0, so that a target which has one is
// taken over like any other; and contacts cannot be written at all.
func TestMatchingDecisionTable(t *testing.T) {
	t.Parallel()
	yes := true
	bob := func(change func(*entratest.User)) entratest.User {
		u := entratest.User{UserPrincipalName: "bob@contoso.com", DisplayName: "Bob", Mail: "bob@fabrikam.com"}
		if change != nil {
			change(&u)
		}
		return u
	}
	anchored := func(u *entratest.User) { u.OnPremisesImmutableID = immutableID("ada") }
	bySMTP := func(u *entratest.User) { u.Mail = "ada@contoso.com" }
	byUPN := func(u *entratest.User) { u.UserPrincipalName = "ada@contoso.test" }
	const admin = entratest.RoleUserAdministrator
	tests := []struct {
		name   string
		opts   func(*entra.Options)
		seed   func(s *entratest.Server) (target string)
		add    func() connector.Change // of ada@contoso.test with SMTP:ada@contoso.com, if not given
		taken  bool                    // the target is Ada afterwards
		create bool                    // a new object is
		code   connector.Code          // why neither
	}{
		{name: "nothing matches", seed: func(s *entratest.Server) string { return s.AddUser(bob(nil)) }, create: true},
		{name: "hard match", seed: func(s *entratest.Server) string { return s.AddUser(bob(anchored)) }, taken: true},
		{name: "hard match goes before soft match", seed: func(s *entratest.Server) string {
			s.AddUser(entratest.User{UserPrincipalName: "other@contoso.test", DisplayName: "O", Mail: "ada@contoso.com"})
			target := s.AddUser(bob(anchored))
			return target
		}, add: func() connector.Change {
			return addUser("ada", setText("proxyAddresses", "SMTP:ada@contoso.com")) // not mail, which would clash
		}, taken: true},
		{name: "hard match, blocked", opts: func(o *entra.Options) { o.BlockHardMatch = true },
			seed: func(s *entratest.Server) string { return s.AddUser(bob(anchored)) }, code: connector.CodeInvalidHardMatch},
		{name: "hard match, role holder", seed: func(s *entratest.Server) string {
			target := s.AddUser(bob(anchored))
			require.NoError(t, s.AssignRole(admin, target))
			return target
		}, code: connector.CodeInvalidHardMatch},
		{name: "hard match, eligible for a role", seed: func(s *entratest.Server) string {
			target := s.AddUser(bob(anchored))
			require.NoError(t, s.MakeEligible(admin, target))
			return target
		}, code: connector.CodeInvalidHardMatch},
		{name: "hard match, mastered elsewhere", seed: func(s *entratest.Server) string {
			return s.AddUser(bob(func(u *entratest.User) { anchored(u); u.OnPremisesSyncEnabled = &yes }))
		}, code: connector.CodeInvalidHardMatch},
		{name: "hard match, deleted", seed: func(s *entratest.Server) string {
			target := s.AddUser(bob(anchored))
			require.NoError(t, s.Delete(target))
			return target
		}, taken: true},
		{name: "hard match, deleted and blocked", opts: func(o *entra.Options) { o.BlockHardMatch = true }, seed: func(s *entratest.Server) string {
			target := s.AddUser(bob(anchored))
			require.NoError(t, s.Delete(target))
			return target
		}, code: connector.CodeInvalidHardMatch},
		{name: "hard match, deleted and eligible for a role", seed: func(s *entratest.Server) string {
			target := s.AddUser(bob(anchored))
			require.NoError(t, s.MakeEligible(admin, target))
			require.NoError(t, s.Delete(target))
			return target
		}, code: connector.CodeInvalidHardMatch},
		{name: "address", seed: func(s *entratest.Server) string { return s.AddUser(bob(bySMTP)) }, taken: true},
		{name: "address in other case", seed: func(s *entratest.Server) string {
			return s.AddUser(bob(func(u *entratest.User) { u.Mail = "Ada@Contoso.com" }))
		}, taken: true},
		{name: "a secondary address is no match", seed: func(s *entratest.Server) string {
			return s.AddUser(bob(func(u *entratest.User) { u.ProxyAddresses = []string{"smtp:ada@contoso.com"} }))
		}, add: func() connector.Change { return addUser("ada", setText("proxyAddresses", "SMTP:ada@contoso.com")) }, create: true},
		{name: "name", seed: func(s *entratest.Server) string { return s.AddUser(bob(byUPN)) }, taken: true},
		{name: "address before name", seed: func(s *entratest.Server) string {
			s.AddUser(bob(func(u *entratest.User) { u.UserPrincipalName = "ADA@contoso.test" }))
			return s.AddUser(entratest.User{UserPrincipalName: "carol@contoso.test", DisplayName: "C", Mail: "ada@contoso.com"})
		}, code: connector.CodeUniqueValue}, // the address's holder is the match; its new name is another's
		{name: "name, not allowed", opts: func(o *entra.Options) { o.NoUPNMatch = true },
			seed: func(s *entratest.Server) string { return s.AddUser(bob(byUPN)) }, code: connector.CodeUniqueValue},
		{name: "soft match, blocked", opts: func(o *entra.Options) { o.BlockSoftMatch = true },
			seed: func(s *entratest.Server) string { return s.AddUser(bob(byUPN)) }, code: connector.CodeUniqueValue},
		{name: "soft match, other source anchor", seed: func(s *entratest.Server) string {
			return s.AddUser(bob(func(u *entratest.User) { byUPN(u); u.OnPremisesImmutableID = immutableID("eve") }))
		}, code: connector.CodeInvalidSoftMatch},
		{name: "soft match, role holder", seed: func(s *entratest.Server) string {
			target := s.AddUser(bob(byUPN))
			require.NoError(t, s.AssignRole(admin, target))
			return target
		}, code: connector.CodeExistingAdminRole},
		{name: "soft match, role through a group", seed: func(s *entratest.Server) string {
			target := s.AddUser(bob(bySMTP))
			require.NoError(t, s.AssignRole(admin, s.AddGroup(entratest.Group{DisplayName: "admins", AssignableToRole: true, Members: []string{target}})))
			return target
		}, code: connector.CodeExistingAdminRole},
		{name: "soft match, mastered elsewhere", seed: func(s *entratest.Server) string {
			return s.AddUser(bob(func(u *entratest.User) { byUPN(u); u.OnPremisesSyncEnabled = &yes }))
		}, code: connector.CodeInvalidSoftMatch},
		{name: "soft match, was mastered elsewhere", seed: func(s *entratest.Server) string {
			no := false
			return s.AddUser(bob(func(u *entratest.User) { byUPN(u); u.OnPremisesSyncEnabled = &no }))
		}, taken: true},
		{name: "a deleted object is no soft match", seed: func(s *entratest.Server) string {
			target := s.AddUser(bob(byUPN))
			require.NoError(t, s.Delete(target))
			return target
		}, create: true},
		{name: "address of a group", seed: func(s *entratest.Server) string {
			return s.AddGroup(entratest.Group{DisplayName: "ada", MailEnabled: true, GroupTypes: []string{"Unified"}, Mail: "ada@contoso.com"})
		}, code: connector.CodeObjectTypeMismatch},
		{name: "group, address", seed: func(s *entratest.Server) string {
			return s.AddGroup(entratest.Group{DisplayName: "old", MailEnabled: true, NotSecurity: true, GroupTypes: []string{"Unified"}, Mail: "ada@contoso.com"})
		}, add: adaGroup, taken: true},
		{name: "group, distribution group in the way", seed: func(s *entratest.Server) string {
			return s.AddGroup(entratest.Group{DisplayName: "old", MailEnabled: true, NotSecurity: true, Mail: "ada@contoso.com"})
		}, add: adaGroup, code: connector.CodePermissionIssue},
		{name: "group, mastered elsewhere", seed: func(s *entratest.Server) string {
			return s.AddGroup(entratest.Group{DisplayName: "old", MailEnabled: true, NotSecurity: true, Mail: "ada@contoso.com", OnPremisesSyncEnabled: &yes})
		}, add: adaGroup, code: connector.CodeInvalidSoftMatch},
		{name: "group, role holder", seed: func(s *entratest.Server) string {
			target := s.AddGroup(entratest.Group{
				DisplayName: "old", MailEnabled: true, NotSecurity: true, GroupTypes: []string{"Unified"}, Mail: "ada@contoso.com", AssignableToRole: true,
			})
			require.NoError(t, s.AssignRole(admin, target))
			return target
		}, add: adaGroup, code: connector.CodeExistingAdminRole},
		{name: "group without mail is not matched by name", seed: func(s *entratest.Server) string {
			return s.AddGroup(entratest.Group{DisplayName: "ada"})
		}, add: func() connector.Change { return addGroup("ada", boolean("securityEnabled", true)) }, create: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := entratest.NewServer(t, nil)
			opts := quick(s)
			if tt.opts != nil {
				tt.opts(opts)
			}
			target := tt.seed(s)
			before := s.Revision()
			add := addUser("ada", setText("mail", "ada@contoso.com"), setText("department", "Research"))
			if tt.add != nil {
				add = tt.add()
			}
			tenant := connect(t, s, opts)
			r := export(t, tenant, add)[0]
			switch {
			case tt.taken:
				require.Equal(t, connector.Applied, r.Outcome, "%v", r.Err)
				require.Equal(t, target, id(r.Anchor))
				require.Equal(t, dn("ada"), r.DN)
				require.Zero(t, s.StatusCounts()[http.StatusCreated])
				again := mustExport(t, tenant, add)[0]
				require.Equal(t, connector.NoChange, again.Outcome, "the link is stamped: the next time nothing is left to do")
				require.Equal(t, target, id(again.Anchor))
				if add.Class == "user" {
					u, _ := s.User(target)
					require.Equal(t, immutableID("ada"), u.OnPremisesImmutableID)
					require.Equal(t, "The ada", u.DisplayName, "on-premises values go first")
					require.False(t, u.Disabled)
				}
			case tt.create:
				require.Equal(t, connector.Applied, r.Outcome, "%v", r.Err)
				require.NotEqual(t, target, id(r.Anchor))
			default:
				require.Contains(t, []connector.Outcome{connector.Conflict, connector.Rejected}, r.Outcome)
				require.Equal(t, tt.code, connector.CodeOf(r.Err), "%v", r.Err)
				require.NotContains(t, r.Err.Error(), "@", "no values in texts")
				require.Equal(t, before, s.Revision(), "nothing has changed")
				if r.Outcome == connector.Conflict && tt.name != "address before name" {
					require.Equal(t, target, id(r.ConflictWith.Anchor))
				}
			}
		})
	}
}

func adaGroup() connector.Change {
	return addGroup("ada", boolean("mailEnabled", true), setText("proxyAddresses", "SMTP:ada@contoso.com", "smtp:a@contoso.com"))
}

// Two new users of one batch that match the same cloud user, one by address and one by
// name: only one can have it.
func TestOneObjectIsTakenOverOnce(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	s.AddUser(entratest.User{UserPrincipalName: "ada@contoso.test", DisplayName: "A", Mail: "x@contoso.com"})
	rs := export(t, connect(t, s, quick(s)), addUser("ada"), addUser("eve", setText("mail", "x@contoso.com")))
	switch u := s.Users(); len(u) {
	case 1: // Ada has it; Eve's address is not free
		require.Equal(t, immutableID("ada"), u[0].OnPremisesImmutableID)
		require.Equal(t, []connector.Outcome{connector.Applied, connector.Conflict}, []connector.Outcome{rs[0].Outcome, rs[1].Outcome})
	default: // Eve has it; the name that it had is free for Ada
		require.Len(t, u, 2)
		require.Equal(t, []connector.Outcome{connector.Applied, connector.Applied}, []connector.Outcome{rs[0].Outcome, rs[1].Outcome})
		require.NotEqual(t, rs[0].Anchor, rs[1].Anchor)
	}
}

// Who must not be told who holds roles takes over nobody.
func TestMatchesAreRefusedWhenRolesCannotBeRead(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, &entratest.Options{Permissions: []string{"User.ReadWrite.All", "Group.ReadWrite.All"}})
	s.AddUser(entratest.User{UserPrincipalName: "ada@contoso.test", DisplayName: "A"})
	rs := export(t, connect(t, s, quick(s)), addUser("ada"), addUser("new"))
	require.Equal(t, connector.Rejected, rs[0].Outcome)
	require.ErrorIs(t, rs[0].Err, connector.ErrPermission)
	require.ErrorContains(t, rs[0].Err, "RoleManagement.Read.Directory")
	require.Equal(t, connector.Applied, rs[1].Outcome, "others are created: %v", rs[1].Err)
}

// Matching asks in bulk: a thousand new users, a tenth of whom exist, cost few requests.
func TestMatchingReadsInBulk(t *testing.T) {
	t.Parallel()
	const people = 1000
	s := entratest.NewServer(t, nil)
	var adds []connector.Change
	for i := range people {
		name := fmt.Sprintf("user%d", i)
		adds = append(adds, addUser(name, setText("mail", name+"@contoso.com")))
		if i%10 == 0 {
			s.AddUser(entratest.User{UserPrincipalName: strings.ToUpper(name) + "@contoso.test", DisplayName: "old"})
		}
	}
	tenant := connect(t, s, quick(s))
	exporter, ok := connector.As[connector.Exporter](open(t, tenant))
	require.True(t, ok)
	settle(t, exporter, adds)
	require.Len(t, s.Users(), people)
	require.Equal(t, people-people/10, s.Count(http.MethodPost, "/users"))
	require.LessOrEqual(t, s.Count(http.MethodGet, "/users"), 5*(14+14+2), "fifteen values to a filter, five batches")
	require.LessOrEqual(t, s.Count(http.MethodPost, "/$batch"), 5*(10+5), "twenty operations to a request")
}
