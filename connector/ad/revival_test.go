package ad_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

// An object that was deleted and comes back is the same object. With the recycle bin its
// memberships come back too; without it they are gone, which nobody tells when both happen
// between two imports: then the next import is a full one.
func TestMockRevival(t *testing.T) {
	t.Parallel()
	for _, bin := range []bool{true, false} {
		dc := adtest.NewServer(t, &adtest.Options{RecycleBin: bin})
		anna := dc.Must(dc.AddUser("anna", adtest.Attrs{"title": {"x"}}))
		team := dc.Must(dc.AddGroup("team", nil))
		require.NoError(t, dc.AddMember(team, anna))
		s := open(t, directory(t, mockOptions(dc)))
		v := full(t, s)
		before := v.at(t, anna).Anchor
		object, err := dc.Get(anna)
		require.NoError(t, err)

		require.NoError(t, dc.Delete(anna))
		dc.Must(dc.Restore(object.GUID))
		v.delta(t, s)
		require.Equal(t, before, v.at(t, anna).Anchor)
		require.Equal(t, bin, v.at(t, anna).Attributes.Has("title"))
		if bin {
			require.Len(t, v.at(t, team).Attributes.Values("member"), 1)
			v.equal(t, full(t, s))
			v.delta(t, s)
		} else {
			require.ErrorIs(t, tryDelta(t, s, v), connector.ErrWatermarkExpired)
			v = full(t, s)
			require.Empty(t, v.at(t, team).Attributes.Values("member"))
		}

		require.NoError(t, dc.Delete(anna))
		v.delta(t, s)
		require.False(t, v.has(anna))
		dc.Must(dc.Restore(object.GUID))
		v.delta(t, s)
		require.Equal(t, before, v.at(t, anna).Anchor)
		v.equal(t, full(t, s))
	}
}

// What has gone from the container of deleted objects is never told any more: watermarks
// from before that are no good.
func TestMockTombstonesExpire(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	con := directory(t, p.options)
	v := full(t, open(t, con))
	p.now.Add(181 * 24 * 3600)
	p.one.Faults().PurgeTombstones()
	require.ErrorIs(t, tryDelta(t, open(t, con), v), connector.ErrWatermarkExpired)
}

func TestMockDescribe(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	con := directory(t, mockOptions(dc))
	user, err := con.Describe(t.Context(), "USER")
	require.NoError(t, err)
	require.Equal(t, "user", user.Name)
	require.True(t, user.Exchange)
	got := map[string]string{}
	for _, a := range user.Attributes {
		text := a.Syntax
		for i, flag := range []bool{a.Constructed, !a.Replicated, a.Indexed, a.Linked, a.BackLink, a.MultiValued} {
			if flag {
				text += []string{" constructed", " local", " indexed", " linked", " back", " multi"}[i]
			}
		}
		got[a.Name] = text
	}
	for name, want := range map[string]string{
		"manager": "2.5.5.1 linked", "memberOf": "2.5.5.1 local back multi", "mail": "2.5.5.12 indexed", "badPwdCount": "2.5.5.9 local",
		"tokenGroups": "2.5.5.17 constructed local multi", "userAccountControl": "2.5.5.9 indexed",
	} {
		require.Equal(t, want, got[name], name)
	}
	candidates := map[string]bool{}
	for _, a := range user.ExtensionCandidates() {
		candidates[a.Name] = true
	}
	for _, name := range []string{"employeeID", "extensionAttribute7", "otherTelephone", "accountExpires"} {
		require.True(t, candidates[name], name)
	}
	for _, name := range []string{"badPwdCount", "memberOf", "tokenGroups", "unicodePwd", "manager"} {
		require.False(t, candidates[name], name)
	}
	_, err = con.Describe(t.Context(), "unicorn")
	require.ErrorIs(t, err, connector.ErrInvalid)

	bare, err := directory(t, mockOptions(adtest.NewServer(t, &adtest.Options{NoExchangeSchema: true}))).Describe(t.Context(), "user")
	require.NoError(t, err)
	require.False(t, bare.Exchange)
}

// A schema that is another one than at the last import is worth a word.
func TestMockSchemaChange(t *testing.T) {
	t.Parallel()
	findings := func(o *adtest.Options, mark connector.Watermark) []connector.Finding {
		dc := adtest.NewServer(t, o)
		s, _ := openLast(t, mockOptions(dc), mark)
		preflight, _ := connector.As[connector.Preflighter](s)
		found, err := preflight.Preflight(t.Context(), connector.Needs{Import: true})
		require.NoError(t, err)
		return slices.DeleteFunc(found, func(f connector.Finding) bool { return f.Code != connector.CodeSchemaViolation })
	}
	mark := full(t, open(t, directory(t, mockOptions(adtest.NewServer(t, nil))))).mark
	require.Empty(t, findings(nil, mark))
	changed := findings(&adtest.Options{NoExchangeSchema: true}, mark)
	require.Len(t, changed, 1)
	require.Contains(t, changed[0].Message, "schema")
}
