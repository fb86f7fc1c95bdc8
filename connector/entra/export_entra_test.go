package entra_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

func addUser(name string, mods ...attr.Mod) connector.Change {
	return connector.Change{
		ID: "add " + name, Op: connector.OpAdd, Class: "user", Key: connector.Key{DN: dn(name)},
		Mods: append([]attr.Mod{
			{Name: "accountEnabled", Replace: true, Adds: []attr.Value{attr.Bool(true)}},
			setText("displayName", "The "+name), setText("sourceAnchor", immutableID(name)), setText("userPrincipalName", name+"@contoso.test"),
		}, mods...),
	}
}

func boolean(name string, value bool) attr.Mod {
	return attr.Mod{Name: name, Replace: true, Adds: []attr.Value{attr.Bool(value)}}
}

func addGroup(name string, mods ...attr.Mod) connector.Change {
	return connector.Change{
		ID: "add " + name, Op: connector.OpAdd, Class: "group", Key: connector.Key{DN: dn(name)},
		Mods: append([]attr.Mod{setText("displayName", name), setText("sourceAnchor", immutableID(name))}, mods...),
	}
}

func refs(anchors ...connector.Anchor) (out []attr.Value) {
	for _, a := range anchors {
		out = append(out, attr.Reference(a.Text()))
	}
	return out
}

func members(adds, deletes []attr.Value) attr.Mod {
	return attr.Mod{Name: "member", Adds: adds, Deletes: deletes}
}

func id(a connector.Anchor) string { _, id, _ := strings.Cut(a.Raw(), "_"); return id }

func TestCreateUserFillsInWhatGraphRequires(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	ch := addUser("ada.l", setText("extensionAttribute5", "five"), setText("telephoneNumber", "+1 555"), setText("commonName", "cn"))
	ch.Mods = ch.Mods[2:] // neither accountEnabled nor displayName
	r := mustExport(t, connect(t, s, quick(s)), ch)[0]
	require.Equal(t, []string{"commonName"}, r.Skipped)
	require.Equal(t, dn("ada.l"), r.DN)
	u, ok := s.User(id(r.Anchor))
	require.True(t, ok)
	require.Equal(t, "ada.l", u.MailNickname)
	require.Equal(t, "ada.l", u.DisplayName)
	require.True(t, u.Disabled, "nobody said that the account is enabled")
	require.Equal(t, immutableID("ada.l"), u.OnPremisesImmutableID)
	require.Equal(t, []string{"+1 555"}, s.Property(id(r.Anchor), "businessPhones"))
}

func TestReplayChangesNothing(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	tenant := connect(t, s, quick(s))
	first := mustExport(t, tenant, addUser("ada", setText("department", "x")), addGroup("staff", boolean("securityEnabled", true)))
	writes, revision := s.Writes(), s.Revision()
	again := mustExport(t, tenant, addUser("ada", setText("department", "x")), addGroup("staff", boolean("securityEnabled", true)))
	for i, r := range again {
		require.Equal(t, connector.NoChange, r.Outcome)
		require.Equal(t, first[i].Anchor, r.Anchor)
	}
	require.Equal(t, revision, s.Revision())
	require.Equal(t, writes+1, s.Writes(), "only the creation of the group, which was refused")
	gone := connector.Change{Op: connector.OpDelete, Class: "user", Key: connector.Key{Anchor: first[0].Anchor}}
	require.Equal(t, connector.Applied, mustExport(t, tenant, gone)[0].Outcome)
	require.Equal(t, connector.NoChange, mustExport(t, tenant, gone)[0].Outcome)
}

func TestConflictsNameAttributeAndObject(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	taken := s.AddUser(entratest.User{UserPrincipalName: "ada@contoso.test", DisplayName: "A", Mail: "ada@contoso.com"})
	opts := quick(s)
	opts.BlockSoftMatch = true // the creation is sent
	tenant := connect(t, s, opts)
	clash := addUser("bob", setText("mail", "ada@contoso.com"))
	rs := export(t, tenant, addUser("ada"), clash)
	for i, attribute := range []string{"userPrincipalName", ""} {
		require.Equal(t, connector.Conflict, rs[i].Outcome, "%v", rs[i].Err)
		require.ErrorIs(t, rs[i].Err, connector.ErrConflict)
		require.Equal(t, connector.CodeUniqueValue, connector.CodeOf(rs[i].Err))
		require.Equal(t, "User_"+taken, rs[i].ConflictWith.Anchor.Raw())
		require.NotContains(t, rs[i].Err.Error(), "contoso")
		if attribute != "" {
			require.ErrorContains(t, rs[i].Err, "attribute "+attribute)
		}
	}
	require.Len(t, s.Users(), 1)
}

func TestConflictWithinABatchSettlesItself(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	tenant := connect(t, s, quick(s))
	rs := mustExport(t, tenant, addUser("ada"), addUser("bob"))
	// Bob takes the name that Ada gives up, in an order of Graph's choosing.
	mustExport(t, tenant,
		updateOf(connector.Key{Anchor: rs[1].Anchor}, setText("userPrincipalName", "ada@contoso.test")),
		updateOf(connector.Key{Anchor: rs[0].Anchor}, setText("userPrincipalName", "eve@contoso.test")))
	u, _ := s.User(id(rs[1].Anchor))
	require.Equal(t, "ada@contoso.test", u.UserPrincipalName)
}

func TestDeletedUserIsRestored(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	tenant := connect(t, s, quick(s))
	first := mustExport(t, tenant, addUser("ada", setText("department", "old")))[0]
	mustExport(t, tenant, connector.Change{Op: connector.OpDelete, Class: "user", Key: connector.Key{Anchor: first.Anchor}})
	second := mustExport(t, tenant, addUser("ada", setText("department", "new")))[0]
	require.Equal(t, first.Anchor, second.Anchor)
	u, ok := s.User(id(first.Anchor))
	require.True(t, ok)
	require.Equal(t, "new", u.Department)
	require.Equal(t, 0, s.Count(http.MethodPost, "/users")-1, "created once")

	// Deleted and made again in one batch, deleted behind our back, and with restoring off.
	rs := mustExport(t, tenant, connector.Change{Op: connector.OpDelete, Class: "user", Key: connector.Key{Anchor: first.Anchor}}, addUser("ada"))
	require.Equal(t, first.Anchor, rs[1].Anchor)
	opts := quick(s)
	opts.NoRestore = true
	require.NoError(t, s.Delete(id(first.Anchor)))
	require.False(t, connect(t, s, opts).Capabilities().Restore)
	r := export(t, connect(t, s, opts), addUser("ada"))[0]
	require.Equal(t, connector.Conflict, r.Outcome, "%v", r.Err)
}

func TestObjectsOfAnotherEngineAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	yes := true
	user := s.AddUser(entratest.User{UserPrincipalName: "ada@contoso.test", DisplayName: "A", OnPremisesSyncEnabled: &yes, OnPremisesImmutableID: immutableID("ada")})
	group := s.AddGroup(entratest.Group{DisplayName: "G", OnPremisesSyncEnabled: &yes})
	list := s.AddGroup(entratest.Group{DisplayName: "L", MailEnabled: true, NotSecurity: true, Mail: "l@contoso.com"})
	revision := s.Revision()
	key := func(anchor string) connector.Key { return connector.Key{Anchor: connector.TextAnchor(anchor)} }
	rs := export(t, connect(t, s, quick(s)),
		updateOf(key("User_"+user), setText("usageLocation", "DE")), // Graph itself would take this
		updateOf(key("Group_"+group), setText("description", "x")),
		updateOf(key("Group_"+list), setText("description", "x")),
		connector.Change{Op: connector.OpDelete, Class: "user", Key: key("User_" + user)},
		connector.Change{Op: connector.OpDelete, Class: "group", Key: key("Group_" + list)},
		addUser("ada"),
	)
	for i, r := range rs {
		require.Equal(t, map[bool]connector.Outcome{true: connector.Conflict, false: connector.Rejected}[i == 5], r.Outcome)
		require.Error(t, r.Err)
	}
	require.ErrorContains(t, rs[0].Err, "onPremisesSyncEnabled")
	require.Equal(t, connector.CodeInvalidHardMatch, connector.CodeOf(rs[5].Err))
	require.Equal(t, revision, s.Revision())
}

func TestShapesAreCheckedBeforeSending(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	key := connector.Key{Anchor: connector.TextAnchor("User_" + s.AddUser(entratest.User{UserPrincipalName: "a@contoso.test", DisplayName: "A"}))}
	secret := strings.Repeat("s3cret", 300)
	for attribute, c := range map[string]struct {
		mod  attr.Mod
		code connector.Code
	}{
		"displayName":       {setText("displayName"), connector.CodeDataValidationFailed},
		"department":        {setText("department", secret), connector.CodeExceededLength},
		"userPrincipalName": {setText("userPrincipalName", "ädä s3cret@contoso.test"), connector.CodeDataValidationFailed},
		"usageLocation":     {setText("usageLocation", "s3cret"), connector.CodeExceededLength},
		"alias":             {setText("alias", "s3cret name"), connector.CodeDataValidationFailed},
		"sourceAnchor":      {setText("sourceAnchor", "s3cret_$"), connector.CodeDataValidationFailed},
		"otherMails":        {setText("otherMails", "s3cret"), connector.CodeDataValidationFailed},
		"mobile":            {setText("mobile", "1", "2"), connector.CodeInvalidValue},
		"telephoneNumber":   {setText("telephoneNumber", "1", "2"), connector.CodeInvalidValue},
		"accountEnabled":    {setText("accountEnabled", "s3cret"), connector.CodeInvalidValue},
		"userType":          {setText("userType", "s3cret"), connector.CodeDataValidationFailed},
	} {
		t.Run(attribute, func(t *testing.T) {
			t.Parallel()
			r := export(t, connect(t, s, quick(s)), updateOf(key, c.mod))[0]
			require.Equal(t, connector.Rejected, r.Outcome)
			require.Equal(t, c.code, connector.CodeOf(r.Err), "%v", r.Err)
			require.ErrorContains(t, r.Err, "attribute "+attribute)
			require.NotContains(t, r.Err.Error(), "s3cret")
			require.False(t, connector.IsTransient(r.Err))
		})
	}
	t.Cleanup(func() { require.Zero(t, s.Writes()) })
}

func TestGroupKinds(t *testing.T) {
	t.Parallel()
	security, mail := boolean("securityEnabled", true), boolean("mailEnabled", true)
	distribution := []attr.Mod{boolean("securityEnabled", false), mail}
	for name, c := range map[string]struct {
		policy  entra.GroupPolicy
		mods    []attr.Mod
		unified bool
		outcome connector.Outcome
		skipped []string
	}{
		"security":              {0, []attr.Mod{security}, false, connector.Applied, nil},
		"nothing said":          {0, nil, false, connector.Applied, nil},
		"mail-enabled security": {0, []attr.Mod{security, mail}, false, connector.Applied, []string{"mailEnabled"}},
		"distribution":          {entra.Microsoft365, distribution, true, connector.Applied, nil},
		"as security":           {entra.Security, distribution, false, connector.Applied, []string{"mailEnabled", "securityEnabled"}},
		"rejected":              {entra.Reject, distribution, false, connector.Rejected, nil},
		"neither":               {0, []attr.Mod{boolean("securityEnabled", false), boolean("mailEnabled", false)}, false, connector.Rejected, nil},
		"mail not mentioned":    {0, distribution[:1], true, connector.Applied, nil},
		"read-only mail":        {0, []attr.Mod{security, setText("mail", "g@contoso.com")}, false, connector.Applied, []string{"mail"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := entratest.NewServer(t, nil)
			opts := quick(s)
			opts.DistributionGroups = c.policy
			r := export(t, connect(t, s, opts), addGroup("Größe & Co", c.mods...))[0]
			require.Equal(t, c.outcome, r.Outcome, "%v", r.Err)
			require.Equal(t, c.skipped, r.Skipped)
			if !r.Outcome.Done() {
				require.Empty(t, s.Groups())
				return
			}
			g, ok := s.Group(id(r.Anchor))
			require.True(t, ok)
			require.Equal(t, c.unified, slices.Contains(g.GroupTypes, "Unified"))
			require.Equal(t, c.unified, g.NotSecurity)
			require.True(t, strings.HasPrefix(g.MailNickname, "GreCo-"), g.MailNickname)
		})
	}
}

func TestMembersInChunksWithTheGuiltyOneFound(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	tenant := connect(t, s, quick(s))
	group := mustExport(t, tenant, addGroup("staff"))[0].Anchor
	var anchors []connector.Anchor
	for i := range 50 {
		anchors = append(anchors, connector.TextAnchor("User_"+s.AddUser(entratest.User{UserPrincipalName: fmt.Sprintf("u%d@contoso.test", i), DisplayName: "U"})))
	}
	s.ResetLog()
	mustExport(t, tenant, updateOf(connector.Key{Anchor: group}, members(refs(anchors[:45]...), nil)))
	require.Len(t, s.Members(id(group)), 45)
	require.Equal(t, 3, s.Writes(), "twenty members a request")

	// Some are there already, one does not exist: the others are added all the same.
	require.NoError(t, s.Delete(id(anchors[49])))
	r := export(t, tenant, updateOf(connector.Key{Anchor: group}, members(refs(anchors[40:]...), nil)))[0]
	require.Equal(t, connector.Rejected, r.Outcome)
	require.Equal(t, connector.CodeReferenceFailure, connector.CodeOf(r.Err))
	require.ErrorContains(t, r.Err, "1 of 10 references")
	require.Len(t, s.Members(id(group)), 49)

	again := mustExport(t, tenant, updateOf(connector.Key{Anchor: group}, members(refs(anchors[:5]...), nil)))[0]
	require.Equal(t, connector.NoChange, again.Outcome, "they are members already")
	change := updateOf(connector.Key{Anchor: group}, members(nil, refs(anchors[:25]...)))
	mustExport(t, tenant, change)
	require.Len(t, s.Members(id(group)), 24)
	require.Equal(t, connector.NoChange, mustExport(t, tenant, change)[0].Outcome, "they are no members any more")
	whole := attr.Mod{Name: "member", Replace: true, Adds: refs(anchors[0], anchors[30])}
	mustExport(t, tenant, updateOf(connector.Key{Anchor: group}, whole))
	require.ElementsMatch(t, []string{id(anchors[0]), id(anchors[30])}, s.Members(id(group)))
	require.Len(t, s.Users(), 49, "no member was deleted in place of a membership")
}

func TestManager(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	tenant := connect(t, s, quick(s))
	rs := mustExport(t, tenant, addUser("ada"), addUser("bob"))
	ada := connector.Key{Anchor: rs[0].Anchor}
	manager := func(values ...attr.Value) connector.Change {
		return updateOf(ada, attr.Mod{Name: "manager", Replace: true, Adds: values})
	}
	mustExport(t, tenant, manager(refs(rs[1].Anchor)...))
	u, _ := s.User(id(rs[0].Anchor))
	require.Equal(t, id(rs[1].Anchor), u.ManagerID)
	mustExport(t, tenant, manager())
	require.Equal(t, connector.NoChange, mustExport(t, tenant, manager())[0].Outcome)
	for _, bad := range []string{"User_" + adaID, "nobody"} {
		r := export(t, tenant, manager(attr.Reference(bad)))[0]
		require.Equal(t, connector.Rejected, r.Outcome)
		require.Equal(t, connector.CodeReferenceFailure, connector.CodeOf(r.Err))
		require.ErrorContains(t, r.Err, "attribute manager")
	}
}

func TestLostCreationIsFoundAgain(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]entratest.Fault{
		"connection cut":   {Template: "/$batch", Cut: true, After: true},
		"gateway timeout":  {Method: http.MethodPost, Template: "/users", Status: http.StatusGatewayTimeout, After: true},
		"not even created": {Method: http.MethodPost, Template: "/users", Status: http.StatusInternalServerError},
		"html":             {Template: "/$batch", HTML: true, After: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := entratest.NewServer(t, nil)
			tenant := connect(t, s, quick(s))
			s.Inject(f)
			r := export(t, tenant, addUser("ada"))[0]
			require.Equal(t, connector.Applied, r.Outcome, "%v", r.Err)
			require.False(t, r.Anchor.IsZero())
			require.Len(t, s.Users(), 1)
		})
	}
}

func TestLostCreationOfAGroup(t *testing.T) {
	t.Parallel()
	fault := entratest.Fault{Method: http.MethodPost, Template: "/groups", Status: http.StatusGatewayTimeout, After: true}
	s := entratest.NewServer(t, nil)
	s.Inject(fault)
	r := export(t, connect(t, s, quick(s)), addGroup("staff"))[0]
	require.Equal(t, connector.Applied, r.Outcome, "the link finds it: %v", r.Err)
	require.Len(t, s.Groups(), 1)

	opts := quick(s)
	opts.NoGroupLink = true
	s.Inject(fault)
	r = export(t, connect(t, s, opts), addGroup("others"))[0]
	require.Equal(t, connector.Unknown, r.Outcome, "without a link nothing can tell: %v", r.Err)
	require.Contains(t, r.Skipped, "sourceAnchor")
	require.Len(t, s.Groups(), 2)
}

func TestTransientRefusalsAreWaitedOut(t *testing.T) {
	t.Parallel()
	for _, f := range []entratest.Fault{
		{Method: http.MethodPatch, Template: "/users/{id}", Status: http.StatusConflict, Code: "Directory_ConcurrencyViolation", Times: 3},
		{Method: http.MethodPatch, Template: "/users/{id}", Status: http.StatusServiceUnavailable, Times: 3},
		{Method: http.MethodPost, Template: "/$batch", Status: http.StatusTooManyRequests, Times: 3, RetryAfter: time.Second},
		{Method: http.MethodPost, Template: "/$batch", HTML: true, Times: 2},
	} {
		s := entratest.NewServer(t, nil)
		key := connector.Key{Anchor: connector.TextAnchor("User_" + s.AddUser(entratest.User{UserPrincipalName: "a@contoso.test", DisplayName: "A"}))}
		s.Inject(f)
		r := export(t, connect(t, s, quick(s)), updateOf(key, setText("department", "x")))[0]
		require.Equal(t, connector.Applied, r.Outcome, "%v: %v", f, r.Err)
	}
}

func TestNewObjectsMayTakeTimeToAppear(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, &entratest.Options{ReplicationDelay: 3 * time.Second})
	opts := entra.WithSleep(quick(s), func(d time.Duration) { s.Advance(d) })
	tenant := connect(t, s, opts)
	rs := mustExport(t, tenant, addUser("ada"), addGroup("staff"))
	mustExport(t, tenant,
		updateOf(connector.Key{Anchor: rs[1].Anchor}, members(refs(rs[0].Anchor), nil)),
		updateOf(connector.Key{Anchor: rs[0].Anchor}, setText("department", "x")))
	require.Equal(t, []string{id(rs[0].Anchor)}, s.Members(id(rs[1].Anchor)))
}

func TestPermissionAndPrivilege(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, &entratest.Options{Permissions: []string{"User.Read.All", "Group.Read.All"}})
	key := connector.Key{Anchor: connector.TextAnchor("User_" + s.AddUser(entratest.User{UserPrincipalName: "a@contoso.test", DisplayName: "A"}))}
	tenant := connect(t, s, quick(s))
	for _, r := range export(t, tenant, updateOf(key, setText("department", "x")), addUser("ada")) {
		require.Equal(t, connector.Rejected, r.Outcome)
		require.ErrorIs(t, r.Err, connector.ErrPermission)
		require.Equal(t, connector.CodePermissionIssue, connector.CodeOf(r.Err))
	}
	pf, ok := connector.As[connector.Preflighter](open(t, tenant))
	require.True(t, ok)
	findings, err := pf.Preflight(t.Context(), connector.Needs{Import: true, Delta: true})
	require.NoError(t, err)
	for _, f := range findings {
		require.NotEqual(t, connector.Failure, f.Severity, "%+v", f)
	}
	findings, err = pf.Preflight(t.Context(), connector.Needs{Import: true, Export: true})
	require.NoError(t, err)
	var missing []string
	for _, f := range findings {
		if f.Severity == connector.Failure {
			missing = append(missing, f.Object)
		}
	}
	require.Equal(t, []string{"User.ReadWrite.All", "Group.ReadWrite.All"}, missing)
}

func TestReadObjects(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	tenant := connect(t, s, quick(s))
	rs := mustExport(t, tenant, addUser("ada", setText("department", "x")), addUser("bob"), addGroup("staff"))
	var people []connector.Anchor
	for i := range 1100 {
		people = append(people, connector.TextAnchor("User_"+s.AddUser(entratest.User{UserPrincipalName: fmt.Sprintf("m%d@contoso.test", i), DisplayName: "M"})))
		require.NoError(t, s.AddMembers(id(rs[2].Anchor), id(people[i])))
	}
	require.NoError(t, s.SetManager(id(rs[0].Anchor), id(rs[1].Anchor)))
	reader, ok := connector.As[connector.ObjectReader](open(t, tenant))
	require.True(t, ok)
	keys := []connector.Key{
		{Anchor: rs[0].Anchor}, {DN: dn("ada")}, {DN: dn("staff")}, {DN: dn("nobody")}, {DN: "CN=x"},
		{Anchor: connector.TextAnchor("User_" + adaID)}, {Anchor: connector.TextAnchor("Device_" + adaID)}, {Anchor: connector.TextAnchor("x")},
	}
	items, err := receive(reader.ReadObjects(t.Context(), keys))
	require.NoError(t, err)
	require.Len(t, items, len(keys))
	for i, it := range items {
		require.Equal(t, i < 3, it.Kind == connector.ItemObject, "%d", i)
	}
	require.Equal(t, refs(rs[1].Anchor), items[0].Object.Attributes.Values("manager"))
	require.Equal(t, attr.Bool(false), items[0].Object.Attributes.Values("cloudMastered")[0])
	require.Equal(t, dn("ada"), items[0].Object.DN)
	require.Equal(t, items[0].Object, items[1].Object)
	require.ElementsMatch(t, refs(people...), items[2].Object.Attributes.Values("member"))
	require.Equal(t, immutableID("staff"), items[2].Object.Attributes.Text("sourceAnchor"))
}

func TestMemberTypesThatAreNotImported(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	device, err := s.Add("device", "", map[string]any{"displayName": "D"})
	require.NoError(t, err)
	s.AddGroup(entratest.Group{DisplayName: "G", Members: []string{device}})
	items, err := fullImport(t, connect(t, s, quick(s)))
	require.NoError(t, err)
	for _, it := range items {
		if it.Kind == connector.ItemObject {
			require.Equal(t, []attr.Value{attr.Reference("Device_" + device)}, it.Object.Attributes.Values("member"))
			require.False(t, it.Object.Attributes.Has("cloudMastered"), "groups have no such attribute")
			require.Empty(t, it.Object.DN)
		}
	}
}
