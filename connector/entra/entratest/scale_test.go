package entratest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// TestLargeGroup pages a group of 20,000 through list and delta, and shows
// that one more member is one link of a later delta.
func TestLargeGroup(t *testing.T) {
	t.Parallel()
	const n = 20_000
	c := newClient(t, nil)
	ids := make([]string, n+1)
	for i := range ids {
		ids[i] = c.srv.AddUser(entratest.User{UserPrincipalName: fmt.Sprintf("u%d@contoso.test", i), DisplayName: "x"})
	}
	g := c.srv.AddGroup(entratest.Group{DisplayName: "large", MailNickname: "large", Members: ids[:n]})
	items, _ := c.all("/groups/" + g + "/members?$top=999&$select=id")
	require.Len(t, items, n)

	m := newMirror()
	pages, last := c.all("/groups/delta?$select=displayName,members")
	require.Len(t, pages, n/1000+1, "the group comes again on each page, the last time without members")
	m.apply(pages, "members")
	require.Len(t, m.members[g], n)
	require.Equal(t, http.StatusNoContent, c.do("POST", "/groups/"+g+"/members/$ref", ref(ids[n])).status)
	r := c.get(last.link("deltaLink"))
	require.Equal(t, []map[string]any{{
		"id": g, "displayName": "large", "members@delta": []any{map[string]any{"@odata.type": "#microsoft.graph.user", "id": ids[n]}},
	}}, r.values())
}
