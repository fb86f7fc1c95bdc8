package ad_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// dump is what ldapsearch says of all users and groups: DN, title and number of members, by
// objectGUID.
func dump(t *testing.T, d *sambatest.Domain) map[string]string {
	t.Helper()
	text, err := d.Search(t.Context(), "-E", "pr=500/noprompt", "-b", d.BaseDN, "(|(&(objectClass=user)(!(objectClass=computer)))(objectClass=group))", "objectGUID", "title", "member")
	require.NoError(t, err)
	out := map[string]string{}
	for record := range strings.SplitSeq(text, "\n\n") {
		var guid, dn, title string
		members := 0
		for line := range strings.SplitSeq(record, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			if strings.HasSuffix(name, ":") {
				raw, err := base64.StdEncoding.DecodeString(value)
				require.NoError(t, err)
				value = string(raw)
			}
			switch strings.TrimSuffix(name, ":") {
			case "dn":
				dn = value
			case "objectGUID":
				guid = value
			case "title":
				title = value
			case "member":
				members++
			}
		}
		if guid != "" {
			out[guid] = fmt.Sprintf("%s %s %d", dn, title, members)
		}
	}
	require.NotEmpty(t, out)
	return out
}

// summary is the same of what imports have shown.
func (v *view) summary() map[string]string {
	out := map[string]string{}
	for anchor, o := range v.byAnchor {
		if o.Class == "user" || o.Class == "group" {
			out[anchor.Raw()] = fmt.Sprintf("%s %s %d", o.DN, o.Attributes.Text("title"), len(o.Attributes.Values("member")))
		}
	}
	return out
}

// A domain controller that is killed in the middle of imports costs nothing but time: what
// was shown by a broken import may be applied or not, the next one starts from the same
// watermark, and in the end all is as the directory itself says.
func TestSambaKilled(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 400, Groups: 5})
	p := d.Population
	o := adminOptions(d)
	o.PageSize = 25
	s := open(t, directory(t, o))
	v := full(t, s)
	require.Equal(t, dump(t, d), v.summary())
	mark := v.mark

	change := func(round int) {
		var edit strings.Builder
		for i := 1; i <= 60; i++ {
			fmt.Fprintf(&edit, "dn: %s\nchangetype: modify\nreplace: title\ntitle: round %d of %d\n\n", p.UserDN(100+i), round, i)
		}
		fmt.Fprintf(&edit, "dn: %s\nchangetype: delete\n\ndn: %s\nchangetype: modrdn\nnewrdn: CN=renamed %d\ndeleteoldrdn: 1\n\n"+
			"dn: %s\nchangetype: modify\ndelete: member\nmember: %s\n", p.UserDN(10+round), p.UserDN(20+round), round, p.GroupDN(1), p.UserDN(30+round))
		d.MustEdit(t, edit.String())
	}
	importer, _ := connector.As[connector.DeltaImporter](s)
	for round, after := range []int{0, 1, 20} {
		change(round)
		seen, complete, deleted := 0, false, 0
		var failure error
		v.mark = mark
		err := v.take(func(yield func(connector.Item, error) bool) {
			for item, err := range importer.DeltaImport(t.Context(), mark, connector.ImportRequest{}) {
				if err == nil && item.Kind == connector.ItemComplete {
					complete = true
				}
				if item.Kind == connector.ItemDelete {
					deleted++
				}
				if seen == after && err == nil {
					require.NoError(t, d.Kill())
					change := fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: title\ntitle: meanwhile %d\n", p.UserDN(300+round), round)
					require.NoError(t, d.EditOffline(t.Context(), change), "it goes on without us")
				}
				seen++
				failure = err
				if !yield(item, err) {
					return
				}
			}
		})
		require.Equal(t, failure, err)
		if failure != nil {
			require.ErrorIs(t, failure, connector.ErrUnavailable)
			require.False(t, complete)
		} else { // all had been read already
			mark = v.mark
		}
		require.LessOrEqual(t, deleted, round+1, "nobody is deleted but who was")
		require.NoError(t, d.Restart(t.Context()))
	}
	v.mark = mark
	v.delta(t, s)
	require.Equal(t, dump(t, d), v.summary())
	v.equal(t, full(t, s))
}
