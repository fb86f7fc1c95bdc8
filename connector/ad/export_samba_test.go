package ad_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

func text(vs ...string) []attr.Value {
	var out []attr.Value
	for _, v := range vs {
		out = append(out, attr.String(v))
	}
	return out
}

func references(dns ...string) []attr.Value {
	var out []attr.Value
	for _, dn := range dns {
		out = append(out, attr.Reference(dn))
	}
	return out
}

func replace(name string, vs ...attr.Value) attr.Mod {
	return attr.Mod{Name: name, Replace: true, Adds: vs}
}

// export sends changes and returns their results.
func export(t *testing.T, s connector.Session, changes ...connector.Change) []connector.Result {
	t.Helper()
	exporter, ok := connector.As[connector.Exporter](s)
	require.True(t, ok)
	for i := range changes {
		changes[i].ID = fmt.Sprint("change ", i)
	}
	results, err := exporter.Export(t.Context(), changes)
	require.NoError(t, err)
	require.Len(t, results, len(changes))
	for i, r := range results {
		require.Equal(t, changes[i].ID, r.ID)
		require.Equal(t, r.Outcome.Done(), r.Err == nil)
	}
	return results
}

func TestSambaExport(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 40, Groups: 2})
	p := d.Population
	s := open(t, directory(t, adminOptions(d)))
	v := full(t, s)
	dn := `CN=Süß\, Jürgen \+ Co \"x\" \\ \<y\>,` + p.DepartmentDN(1)
	add := connector.Change{Op: connector.OpAdd, Class: "user", Key: connector.Key{DN: dn}, Mods: []attr.Mod{
		replace("cn", attr.String("ignored, the DN says it")),
		replace("displayName", attr.String("Jürgen Süß")),
		replace("manager", attr.Reference(p.UserDN(1))),
		replace("objectGUID", attr.BinaryString("0123456789abcdef")),
		replace("otherTelephone", text("1", "2")...),
		replace("sAMAccountName", attr.String("juergen")),
		replace("unicodePwd", attr.String("Tr0ub4dor&3-x")),
		replace("userAccountControl", attr.Int(512)),
	}}
	r := export(t, s, add)[0]
	require.NoError(t, r.Err)
	require.Equal(t, connector.Applied, r.Outcome)
	require.Equal(t, []string{"objectGUID"}, r.Skipped)
	require.Len(t, r.Anchor.Raw(), 16)
	key := connector.Key{Anchor: r.Anchor, DN: r.DN}
	again := export(t, s, add)[0]
	require.Equal(t, connector.NoChange, again.Outcome, "an add that has been applied is harmless")
	require.Equal(t, r.Anchor, again.Anchor)
	v.delta(t, s)
	user := v.byAnchor[r.Anchor]
	require.Equal(t, "Jürgen Süß", user.Attributes.Text("displayName"))
	require.Equal(t, `Süß, Jürgen + Co "x" \ <y>`, user.Attributes.Text("cn"))
	control, _ := user.Attributes.First("userAccountControl")
	require.Equal(t, attr.Int(512), control)

	update := connector.Change{Op: connector.OpUpdate, Class: "user", Key: key, NewDN: "CN=Plain," + p.GroupsDN(), Mods: []attr.Mod{
		replace("displayName", attr.String("jürgen süß")),
		replace("manager"),
		replace("mS-DS-ConsistencyGuid", attr.BinaryString("\x00\x01binary\xff\xfe345678")),
		{Name: "otherTelephone", Adds: text("2", "3"), Deletes: text("1", "9")},
		{Name: "proxyAddresses", Adds: text("SMTP:a@b"), Deletes: text("smtp:a@b")},
		replace("whenChanged", attr.String("20200101000000.0Z")),
	}}
	for range 2 { // the second time finds it done
		r = export(t, s, update)[0]
		require.NoError(t, r.Err)
		require.Equal(t, []string{"whenChanged"}, r.Skipped)
	}
	v.delta(t, s)
	user = v.byAnchor[key.Anchor]
	require.Equal(t, "CN=Plain,"+p.GroupsDN(), user.DN)
	require.Equal(t, "jürgen süß", user.Attributes.Text("displayName"))
	require.False(t, user.Attributes.Has("manager"))
	require.ElementsMatch(t, text("2", "3"), user.Attributes.Values("otherTelephone"))
	require.Equal(t, "\x00\x01binary\xff\xfe345678", user.Attributes.Values("mS-DS-ConsistencyGuid")[0].Str())

	gone := connector.Change{Op: connector.OpDelete, Class: "user", Key: key}
	require.Equal(t, connector.Applied, export(t, s, gone)[0].Outcome)
	require.Equal(t, connector.NoChange, export(t, s, gone)[0].Outcome)
	v.delta(t, s)
	require.Equal(t, []connector.Anchor{key.Anchor}, v.deletes)
}

func TestSambaExportMembers(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 2300, Groups: 1})
	p := d.Population
	o := adminOptions(d)
	o.Classes, o.Attributes = []string{"group"}, []string{"member", "displayName"}
	s := open(t, directory(t, o))
	var all []string
	for i := 1; i <= p.Users; i++ {
		all = append(all, p.UserDN(i))
	}
	dn := "CN=Large," + p.GroupsDN()
	r := export(t, s, connector.Change{Op: connector.OpAdd, Class: "group", Key: connector.Key{DN: dn}, Mods: []attr.Mod{
		replace("member", references(all[:2100]...)...), replace("sAMAccountName", attr.String("large"))}})[0]
	require.NoError(t, r.Err)
	members := func() int { return len(full(t, s).at(t, dn).Attributes.Values("member")) }
	require.Equal(t, 2100, members())

	key := connector.Key{Anchor: r.Anchor, DN: r.DN}
	update := func(mods ...attr.Mod) connector.Result {
		return export(t, s, connector.Change{Op: connector.OpUpdate, Class: "group", Key: key, Mods: mods})[0]
	}
	// Some are there and some are not, a few of more than one request's worth.
	r = update(attr.Mod{Name: "member", Adds: references(all[1900:]...), Deletes: references(all[:1200]...)})
	require.NoError(t, r.Err)
	require.Equal(t, 1100, members())
	r = update(attr.Mod{Name: "member", Adds: references(all[1190:1210]...), Deletes: references(all[1180:1190]...)})
	require.NoError(t, r.Err)
	require.Equal(t, 1110, members())

	// One that does not exist holds up no other.
	r = update(attr.Mod{Name: "member", Adds: append(references(all[:7]...), attr.Reference("CN=nobody,"+d.BaseDN))},
		replace("displayName", attr.String("shown")))
	require.Equal(t, connector.Rejected, r.Outcome)
	require.Equal(t, connector.CodeReferenceFailure, connector.CodeOf(r.Err))
	var own *connector.Error
	require.ErrorAs(t, r.Err, &own)
	require.Equal(t, "member", own.Attribute)
	require.Equal(t, 1117, members())
	require.Equal(t, "shown", full(t, s).at(t, dn).Attributes.Text("displayName"))

	r = update(replace("member", references(all[:2200]...)...))
	require.NoError(t, r.Err)
	require.Equal(t, 2200, members())
}

func TestSambaExportTrouble(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 10, Groups: 1, Delegate: true})
	p := d.Population
	s := open(t, directory(t, adminOptions(d)))
	o := adminOptions(d)
	o.BindName = d.ConnectorUPN
	delegated := open(t, directory(t, o))
	v := full(t, s)
	user := func(i int) connector.Key { return v.at(t, p.UserDN(i)).Key() }
	person := func(mods ...attr.Mod) connector.Change {
		return connector.Change{Op: connector.OpAdd, Class: "user", Key: connector.Key{DN: "CN=New," + p.GroupsDN()}, Mods: mods}
	}
	edit := func(k connector.Key, mods ...attr.Mod) connector.Change {
		return connector.Change{Op: connector.OpUpdate, Class: "user", Key: k, Mods: mods}
	}
	nowhere := person(replace("sAMAccountName", attr.String("nowhere")))
	nowhere.Key.DN = "CN=New,OU=Nowhere," + d.BaseDN
	there := person(replace("sAMAccountName", attr.String("there")))
	there.Key.DN = p.UserDN(1)
	moveNowhere, moveTaken := edit(user(2)), edit(user(2))
	moveNowhere.NewDN, moveTaken.NewDN = "CN=x,OU=Nowhere,"+d.BaseDN, p.UserDN(3)
	nobody := connector.Key{Anchor: connector.TextAnchor("0123456789abcdef")}
	for name, c := range map[string]struct {
		session connector.Session
		change  connector.Change
		outcome connector.Outcome
		code    connector.Code
		says    string
	}{
		"parent missing":         {s, nowhere, connector.Rejected, connector.CodeNonExistentParent, ""},
		"DN taken":               {s, there, connector.Conflict, connector.CodeExistingObject, ""},
		"account name taken":     {s, person(replace("sAMAccountName", attr.String("u000004"))), connector.Conflict, connector.CodeUniqueValue, "sAMAccountName"},
		"principal name taken":   {s, person(replace("sAMAccountName", attr.String("n")), replace("userPrincipalName", v.at(t, p.UserDN(4)).Attributes.Values("userPrincipalName")[0])), connector.Conflict, connector.CodeUniqueValue, "userPrincipalName"},
		"manager missing":        {s, person(replace("sAMAccountName", attr.String("m")), replace("manager", attr.Reference("CN=no,"+d.BaseDN))), connector.Rejected, connector.CodeReferenceFailure, ""},
		"weak password":          {s, edit(user(5), replace("unicodePwd", attr.String("weak"))), connector.Rejected, connector.CodePasswordPolicy, ""},
		"unknown attribute":      {s, edit(user(5), replace("noSuchThing", attr.String("x"))), connector.Rejected, connector.CodeSchemaViolation, ""},
		"attribute of a group":   {s, edit(user(5), replace("dNSHostName", attr.String("x.contoso.test"))), connector.Rejected, connector.CodeSchemaViolation, ""},
		"two values for one":     {s, edit(user(5), attr.Mod{Name: "displayName", Adds: text("secret-a", "secret-b")}), connector.Rejected, connector.CodeConstraintViolation, ""},
		"no such object":         {s, edit(nobody, replace("title", attr.String("x"))), connector.Rejected, connector.CodeMissingObject, ""},
		"no such object to move": {s, connector.Change{Op: connector.OpUpdate, Class: "user", Key: nobody, NewDN: "CN=x," + d.BaseDN}, connector.Rejected, connector.CodeMissingObject, ""},
		"moved nowhere":          {s, moveNowhere, connector.Rejected, connector.CodeNonExistentParent, ""},
		"moved onto another":     {s, moveTaken, connector.Rejected, connector.CodeExistingObject, ""},
		"invalid DN":             {s, connector.Change{Op: connector.OpAdd, Class: "user", Key: connector.Key{DN: "no dn"}}, connector.Rejected, connector.CodeInvalidDN, ""},
		"not empty":              {s, connector.Change{Op: connector.OpDelete, Class: "organizationalUnit", Key: connector.Key{DN: p.PeopleDN()}}, connector.Rejected, connector.CodeConstraintViolation, ""},
		"no right to the attribute": {delegated, edit(user(6), replace("mS-DS-ConsistencyGuid", attr.BinaryString("0123456789abcdef")), replace("title", attr.String("secret-c"))),
			connector.Rejected, connector.CodePermissionIssue, "8344"},
		"no right to delete": {delegated, connector.Change{Op: connector.OpDelete, Class: "user", Key: user(6)}, connector.Rejected, connector.CodePermissionIssue, ""},
		"no right to create": {delegated, person(replace("sAMAccountName", attr.String("c"))), connector.Rejected, connector.CodePermissionIssue, ""},
		"no operation":       {s, connector.Change{Key: user(7)}, connector.Rejected, connector.CodeUnexpected, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := export(t, c.session, c.change)[0]
			require.Equalf(t, c.outcome, r.Outcome, "%v", r.Err)
			require.Equalf(t, c.code, connector.CodeOf(r.Err), "%v", r.Err)
			require.ErrorContains(t, r.Err, c.says)
			require.NotContains(t, r.Err.Error(), "secret")
			if c.outcome == connector.Conflict {
				require.False(t, r.ConflictWith.Anchor.IsZero())
			}
		})
	}
	var own *connector.Error
	require.ErrorAs(t, export(t, delegated, edit(user(6), replace("mS-DS-ConsistencyGuid", attr.BinaryString("0123456789abcdef")), replace("title", attr.String("x"))))[0].Err, &own)
	require.Equal(t, "title", own.Attribute, "the attribute that may not be written")
	require.NoError(t, export(t, delegated, edit(user(6), replace("mS-DS-ConsistencyGuid", attr.BinaryString("0123456789abcdef"))))[0].Err)

	require.NoError(t, d.Kill())
	exporter, _ := connector.As[connector.Exporter](s)
	results, err := exporter.Export(t.Context(), []connector.Change{edit(user(8), replace("title", attr.String("x")))})
	if err == nil { // the loss was noticed only when the change was sent
		require.Contains(t, []connector.Outcome{connector.Unknown, connector.Retry}, results[0].Outcome)
		_, err = exporter.Export(t.Context(), []connector.Change{edit(user(8))})
	}
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.True(t, strings.HasPrefix(err.Error(), "contoso: export"))
}

func TestReadOnlyHasNoExport(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, nil)
	o := adminOptions(d)
	o.ReadOnly = true
	con := directory(t, o)
	require.False(t, con.Capabilities().Export)
	_, ok := connector.As[connector.Exporter](open(t, con))
	require.False(t, ok)
}
