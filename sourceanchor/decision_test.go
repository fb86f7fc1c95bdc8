package sourceanchor_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/sourceanchor"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	tests := []struct {
		name  string
		facts sourceanchor.Facts
		want  string
		err   error
	}{
		{"new, unused", sourceanchor.Facts{}, "mS-DS-ConsistencyGuid", nil},
		{"new, in use", sourceanchor.Facts{InUse: true}, "objectGUID", nil},
		{"new, in use but our own", sourceanchor.Facts{InUse: true, AcceptInUse: true}, "mS-DS-ConsistencyGuid", nil},
		{"stored stays", sourceanchor.Facts{Stored: "employeeID", InUse: true}, "employeeID", nil},
		{"stored, same asked for", sourceanchor.Facts{Stored: "objectGUID", Requested: "objectguid"}, "objectGUID", nil},
		{"stored, other asked for", sourceanchor.Facts{Stored: "objectGUID", Requested: "employeeID"}, "", sourceanchor.ErrFixed},
		{"asked for", sourceanchor.Facts{Requested: "employeeID"}, "employeeID", nil},
		{"consistency asked for, in use", sourceanchor.Facts{Requested: "mS-DS-ConsistencyGuid", InUse: true}, "", sourceanchor.ErrInUse},
		{"switch", sourceanchor.Facts{Situation: sourceanchor.SwitchAttribute, Stored: "objectGUID"}, "mS-DS-ConsistencyGuid", nil},
		{"switch, in use", sourceanchor.Facts{Situation: sourceanchor.SwitchAttribute, Stored: "objectGUID", InUse: true}, "", sourceanchor.ErrInUse},
		{"switch, in use, accepted", sourceanchor.Facts{Situation: sourceanchor.SwitchAttribute, Stored: "objectGUID", InUse: true, AcceptInUse: true}, "mS-DS-ConsistencyGuid", nil},
		{"switch from another", sourceanchor.Facts{Situation: sourceanchor.SwitchAttribute, Stored: "employeeID"}, "", sourceanchor.ErrFixed},
		{"forest added", sourceanchor.Facts{Situation: sourceanchor.AddForest, Stored: "mS-DS-ConsistencyGuid"}, "mS-DS-ConsistencyGuid", nil},
		{"forest added, in use there", sourceanchor.Facts{Situation: sourceanchor.AddForest, Stored: "mS-DS-ConsistencyGuid", InUse: true}, "", sourceanchor.ErrInUse},
		{"forest added, objectGUID", sourceanchor.Facts{Situation: sourceanchor.AddForest, Stored: "objectGUID", InUse: true}, "objectGUID", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := sourceanchor.Choose(tt.facts, now)
			if tt.err != nil {
				require.ErrorIs(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, c.Attribute)
			require.NotEmpty(t, c.Reason)
			require.Equal(t, now, c.Time)
			require.NoError(t, c.Check(tt.want))
			require.ErrorIs(t, c.Check("somethingElse"), sourceanchor.ErrFixed)
		})
	}
}

func TestConsistencyGUID(t *testing.T) {
	t.Parallel()
	guid := []byte("0123456789abcdef")
	other := []byte("fedcba9876543210")
	own, foreign := sourceanchor.FromBytes(guid), sourceanchor.FromBytes(other)
	tests := []struct {
		name    string
		account sourceanchor.Account
		known   sourceanchor.Anchor
		groups  bool
		anchor  sourceanchor.Anchor
		write   sourceanchor.WriteBackDecision
	}{
		{"new user", sourceanchor.Account{ObjectGUID: guid}, sourceanchor.Anchor{}, false, own, sourceanchor.WriteGUID},
		{"known by objectGUID", sourceanchor.Account{ObjectGUID: guid}, own, false, own, sourceanchor.WriteGUID},
		{"known by another anchor, attribute empty", sourceanchor.Account{ObjectGUID: guid}, foreign, false, own, sourceanchor.Conflicts},
		{"already written", sourceanchor.Account{ObjectGUID: guid, ConsistencyGUID: guid}, own, false, own, sourceanchor.LeaveAlone},
		{"brought from another forest", sourceanchor.Account{ObjectGUID: guid, ConsistencyGUID: other}, sourceanchor.Anchor{}, false, foreign, sourceanchor.LeaveAlone},
		{"changed by someone", sourceanchor.Account{ObjectGUID: guid, ConsistencyGUID: other}, own, false, foreign, sourceanchor.Conflicts},
		{"linked mailbox", sourceanchor.Account{ObjectGUID: guid, LinkedMailbox: true}, sourceanchor.Anchor{}, false, sourceanchor.Anchor{}, sourceanchor.LeaveAlone},
		{"group", sourceanchor.Account{ObjectGUID: guid, Group: true}, sourceanchor.Anchor{}, false, own, sourceanchor.LeaveAlone},
		{"group by option", sourceanchor.Account{ObjectGUID: guid, Group: true}, sourceanchor.Anchor{}, true, own, sourceanchor.WriteGUID},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.anchor, sourceanchor.OfAccount(tt.account))
			require.Equal(t, tt.write, sourceanchor.WriteBack(tt.account, tt.known, tt.groups))
		})
	}
}

func TestInUseStopsAtTheFirst(t *testing.T) {
	t.Parallel()
	guid := []byte("0123456789abcdef")
	asked := 0
	name, used := sourceanchor.InUse(func(yield func(string, sourceanchor.Account) bool) {
		for _, o := range []struct {
			name string
			acc  sourceanchor.Account
		}{
			{"empty", sourceanchor.Account{ObjectGUID: guid}},
			{"own copy", sourceanchor.Account{ObjectGUID: guid, ConsistencyGUID: guid}},
			{"foreign", sourceanchor.Account{ObjectGUID: guid, ConsistencyGUID: []byte("x")}},
			{"after", sourceanchor.Account{}},
		} {
			asked++
			if !yield(o.name, o.acc) {
				return
			}
		}
	})
	require.True(t, used)
	require.Equal(t, "foreign", name)
	require.Equal(t, 3, asked)
}

func TestGuard(t *testing.T) {
	t.Parallel()
	a, b := sourceanchor.FromInt(1), sourceanchor.FromInt(2)
	require.NoError(t, sourceanchor.Guard(a, sourceanchor.Anchor{}, "", "User"))
	require.NoError(t, sourceanchor.Guard(a, a, "User", "User"))
	require.NoError(t, sourceanchor.Guard(a, b, "Contact", "User"), "a contact is promoted")
	require.EqualError(t, sourceanchor.Guard(a, b, "User", "User"), "SourceAnchor attribute has changed.")
}

func TestMatch(t *testing.T) {
	t.Parallel()
	user := sourceanchor.Subject{Anchor: sourceanchor.FromInt(1), Type: "User", MailEnabled: true}
	group := sourceanchor.Subject{Anchor: sourceanchor.FromInt(1), Type: "Group"}
	hard := sourceanchor.Candidate{ID: "h", Type: "User", Anchor: user.Anchor, MatchesAnchor: true}
	smtp := sourceanchor.Candidate{ID: "s", Type: "User", MatchesSMTP: true}
	upn := sourceanchor.Candidate{ID: "u", Type: "User", MatchesUPN: true}
	with := func(c sourceanchor.Candidate, change func(*sourceanchor.Candidate)) sourceanchor.Candidate {
		change(&c)
		return c
	}
	privileged := func(c *sourceanchor.Candidate) { c.Privileged = true }
	synced := func(c *sourceanchor.Candidate) { c.Synced = true }
	deleted := func(c *sourceanchor.Candidate) { c.Deleted = true }
	asGroup := func(c *sourceanchor.Candidate) { c.Type = "Group" }
	tests := []struct {
		name       string
		subject    sourceanchor.Subject
		candidates []sourceanchor.Candidate
		policy     sourceanchor.Policy
		verdict    sourceanchor.Verdict
		id, code   string
	}{
		{"nothing", user, nil, sourceanchor.Policy{}, sourceanchor.Create, "", ""},
		{"hard", user, []sourceanchor.Candidate{upn, hard}, sourceanchor.Policy{}, sourceanchor.Take, "h", ""},
		{"hard blocked", user, []sourceanchor.Candidate{hard}, sourceanchor.Policy{BlockHardMatch: true}, sourceanchor.Refuse, "h", "InvalidHardMatch"},
		{"hard, privileged", user, []sourceanchor.Candidate{with(hard, privileged)}, sourceanchor.Policy{}, sourceanchor.Refuse, "h", "InvalidHardMatch"},
		{"hard, other forest's", user, []sourceanchor.Candidate{with(hard, func(c *sourceanchor.Candidate) { c.HasOnPremisesObjectID = true })}, sourceanchor.Policy{}, sourceanchor.Refuse, "h", "AttributeUpdateNotAllowed"},
		{"hard, synced", user, []sourceanchor.Candidate{with(hard, synced)}, sourceanchor.Policy{}, sourceanchor.Refuse, "h", "InvalidHardMatch"},
		{"hard, other type", user, []sourceanchor.Candidate{with(hard, asGroup)}, sourceanchor.Policy{}, sourceanchor.Refuse, "h", "ObjectTypeMismatch"},
		{"hard, deleted", user, []sourceanchor.Candidate{with(hard, deleted)}, sourceanchor.Policy{}, sourceanchor.Restore, "h", ""},
		{"hard, deleted and privileged", user, []sourceanchor.Candidate{with(with(hard, deleted), privileged)}, sourceanchor.Policy{}, sourceanchor.Refuse, "h", "InvalidHardMatch"},
		{"hard, live before deleted", user, []sourceanchor.Candidate{with(hard, deleted), with(hard, func(c *sourceanchor.Candidate) { c.ID = "live" })}, sourceanchor.Policy{}, sourceanchor.Take, "live", ""},
		{"hard, twice", user, []sourceanchor.Candidate{hard, hard}, sourceanchor.Policy{}, sourceanchor.Refuse, "h", "AttributeValueMustBeUnique"},
		{"address before name", user, []sourceanchor.Candidate{upn, smtp}, sourceanchor.Policy{}, sourceanchor.Take, "s", ""},
		{"name", user, []sourceanchor.Candidate{upn}, sourceanchor.Policy{}, sourceanchor.Take, "u", ""},
		{"name not allowed", user, []sourceanchor.Candidate{upn}, sourceanchor.Policy{NoUPNMatch: true}, sourceanchor.Create, "", ""},
		{"soft blocked", user, []sourceanchor.Candidate{smtp}, sourceanchor.Policy{BlockSoftMatch: true}, sourceanchor.Refuse, "s", "InvalidSoftMatch"},
		{"soft, other anchor", user, []sourceanchor.Candidate{with(smtp, func(c *sourceanchor.Candidate) { c.Anchor = sourceanchor.FromInt(9) })}, sourceanchor.Policy{}, sourceanchor.Refuse, "s", "InvalidSoftMatch"},
		{"soft, privileged", user, []sourceanchor.Candidate{with(upn, privileged)}, sourceanchor.Policy{}, sourceanchor.Refuse, "u", "ExistingAdminRoleConflict"},
		{"soft, synced", user, []sourceanchor.Candidate{with(upn, synced)}, sourceanchor.Policy{}, sourceanchor.Refuse, "u", "InvalidSoftMatch"},
		{"soft, other type", user, []sourceanchor.Candidate{with(smtp, asGroup)}, sourceanchor.Policy{}, sourceanchor.Refuse, "s", "ObjectTypeMismatch"},
		{"soft, twice", user, []sourceanchor.Candidate{smtp, smtp}, sourceanchor.Policy{}, sourceanchor.Refuse, "s", "AttributeValueMustBeUnique"},
		{"soft, deleted is no match", user, []sourceanchor.Candidate{with(smtp, deleted)}, sourceanchor.Policy{}, sourceanchor.Create, "", ""},
		{"group without mail", group, []sourceanchor.Candidate{with(smtp, asGroup)}, sourceanchor.Policy{}, sourceanchor.Create, "", ""},
		{"group with mail", sourceanchor.Subject{Type: "Group", MailEnabled: true}, []sourceanchor.Candidate{with(smtp, asGroup)}, sourceanchor.Policy{}, sourceanchor.Take, "s", ""},
		{"groups have no user names", sourceanchor.Subject{Type: "Group", MailEnabled: true}, []sourceanchor.Candidate{with(upn, asGroup)}, sourceanchor.Policy{}, sourceanchor.Create, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := sourceanchor.Match(tt.subject, tt.candidates, tt.policy)
			require.Equal(t, tt.verdict.String(), d.Verdict.String())
			require.Equal(t, tt.id, d.Candidate)
			require.Equal(t, tt.code, d.Code)
			require.NotEmpty(t, d.Reason)
		})
	}
}

func TestCensus(t *testing.T) {
	t.Parallel()
	var c sourceanchor.Census
	text := func(s string) sourceanchor.Anchor {
		a, err := sourceanchor.FromString(s)
		require.NoError(t, err)
		return a
	}
	c.Add(text("E1"), "one")
	c.Add(text("E2"), "two")
	c.Add(sourceanchor.Anchor{}, "nobody")
	c.Add(sourceanchor.Anchor{}, "nobody else")
	require.Empty(t, c.Duplicates())
	c.Add(text("E1"), "again")
	c.Add(text("e2"), "case")
	require.Equal(t, []sourceanchor.Duplicate{
		{Anchor: text("E1"), First: "one", Second: "again"},
		{Anchor: text("e2"), First: "two", Second: "case", CaseOnly: true},
	}, c.Duplicates())
}

func TestUnstableAttributesAreNamed(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, sourceanchor.CheckAttribute("Mail"))
	require.NotEmpty(t, sourceanchor.CheckAttribute("userPrincipalName"))
	require.Empty(t, sourceanchor.CheckAttribute("employeeID"))
}
