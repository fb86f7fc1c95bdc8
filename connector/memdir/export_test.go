package memdir_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
)

// strict is a schema with an attribute of each sort.
func strict() *connector.Schema {
	names := []string{"single", "multi", "number", "short", "blob", "fixed", "once", "password", "boss"}
	return &connector.Schema{
		Classes: []connector.Class{
			{Name: "user", Attributes: names, Export: true},
			{Name: "robot", Attributes: names, ReadOnly: []string{"single"}, Export: true},
			{Name: "guest", Attributes: names},
		},
		Attributes: []connector.Attribute{
			{Name: "single", Kind: attr.KindString},
			{Name: "multi", Kind: attr.KindString, MultiValued: true},
			{Name: "number", Kind: attr.KindInt},
			{Name: "short", Kind: attr.KindString, MaxLength: 3},
			{Name: "blob", Kind: attr.KindBinary, MaxLength: 3},
			{Name: "fixed", Kind: attr.KindString, ReadOnly: true},
			{Name: "once", Kind: attr.KindString, CreateOnly: true},
			{Name: "password", Kind: attr.KindString, WriteOnly: true},
			{Name: "boss", Kind: attr.KindReference},
		},
	}
}

func update(dn string, mods ...attr.Mod) connector.Change {
	return connector.Change{ID: "1", Op: connector.OpUpdate, Class: "user", Key: at(dn), Mods: mods}
}

func create(class, dn string, mods ...attr.Mod) connector.Change {
	return connector.Change{ID: "1", Op: connector.OpAdd, Class: class, Key: at(dn), Mods: mods}
}

func remove(dn string) connector.Change {
	return connector.Change{ID: "1", Op: connector.OpDelete, Class: "user", Key: at(dn)}
}

func exportOne(t *testing.T, d *memdir.Directory, c connector.Change) connector.Result {
	t.Helper()
	results, err := open1[connector.Exporter](t, d).Export(t.Context(), []connector.Change{c})
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.Equal(t, c.ID, results[0].ID)
	return results[0]
}

func TestSchemaIsEnforced(t *testing.T) {
	t.Parallel()
	text := func(s string) attr.Value { return attr.String(s) }
	for name, c := range map[string]struct {
		change connector.Change
		want   connector.Outcome
		code   connector.Code
	}{
		"valid":                   {update("CN=u", set("single", text("x")), set("number", attr.Int(1)), set("short", text("äöü"))), connector.Applied, ""},
		"two values":              {update("CN=u", set("single", text("x"), text("y"))), connector.Rejected, connector.CodeConstraintViolation},
		"second value":            {update("CN=u", attr.Mod{Name: "single", Adds: []attr.Value{text("second")}}), connector.Rejected, connector.CodeConstraintViolation},
		"same value twice":        {update("CN=u", set("single", text("x"), text("x"))), connector.Applied, ""},
		"several values":          {update("CN=u", set("multi", text("x"), text("y"))), connector.Applied, ""},
		"another kind":            {update("CN=u", set("number", text("1"))), connector.Rejected, connector.CodeInvalidValue},
		"too long":                {update("CN=u", set("short", text("abcd"))), connector.Rejected, connector.CodeExceededLength},
		"too many octets":         {update("CN=u", set("blob", attr.BinaryString("ää"))), connector.Rejected, connector.CodeExceededLength},
		"read-only":               {update("CN=u", set("fixed", text("x"))), connector.Rejected, connector.CodeConstraintViolation},
		"read-only in its class":  {update("CN=r", set("single", text("x"))), connector.Rejected, connector.CodeConstraintViolation},
		"created with":            {create("user", "CN=n", set("once", text("x"))), connector.Applied, ""},
		"only when created":       {update("CN=u", set("once", text("x"))), connector.Rejected, connector.CodeConstraintViolation},
		"no such attribute":       {update("CN=u", set("nothing", text("x"))), connector.Rejected, connector.CodeSchemaViolation},
		"no such class":           {create("alien", "CN=n"), connector.Rejected, connector.CodeUnmappableType},
		"no class":                {create("", "CN=n"), connector.Rejected, connector.CodeMissingClass},
		"no DN":                   {create("user", ""), connector.Rejected, connector.CodeInvalidDN},
		"class without export":    {create("guest", "CN=n"), connector.Rejected, connector.CodePermissionIssue},
		"update of such a class":  {update("CN=g", set("single", text("x"))), connector.Rejected, connector.CodePermissionIssue},
		"delete of such a class":  {remove("CN=g"), connector.Rejected, connector.CodePermissionIssue},
		"dangling reference":      {update("CN=u", set("boss", attr.Reference("CN=nobody"))), connector.Rejected, connector.CodeReferenceFailure},
		"missing object":          {update("CN=nobody"), connector.Rejected, connector.CodeMissingObject},
		"taken DN":                {connector.Change{ID: "1", Op: connector.OpUpdate, Key: at("CN=u"), NewDN: "CN=r"}, connector.Conflict, connector.CodeExistingObject},
		"add at a taken DN":       {create("user", "CN=r"), connector.Conflict, connector.CodeExistingObject},
		"add where it is already": {create("user", "CN=u", set("single", text("old"))), connector.NoChange, ""},
		"delete what is not":      {remove("CN=nobody"), connector.NoChange, ""},
		"delete with a child":     {remove("CN=u"), connector.Rejected, connector.CodeConstraintViolation},
		"no operation":            {connector.Change{ID: "1", Key: at("CN=u")}, connector.Rejected, connector.CodeUnexpected},
		"nothing to change":       {update("CN=u", set("single", text("old"))), connector.NoChange, ""},
		"write-only":              {update("CN=u", set("password", text("x"))), connector.Applied, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDirectory(t, &memdir.Options{Schema: strict()})
			u := connector.Object{Class: "user", DN: "CN=u"}
			u.Attributes.Put("single", text("old"))
			u.Attributes.Put("fixed", text("given")) // the administrator's side may
			require.NoError(t, d.Put(u, connector.Object{Class: "robot", DN: "CN=r"}, connector.Object{Class: "guest", DN: "CN=g"},
				connector.Object{Class: "user", DN: "CN=below,CN=u"}))
			r := exportOne(t, d, c.change)
			require.Equal(t, c.want, r.Outcome, "%v", r.Err)
			require.Equal(t, c.code, connector.CodeOf(r.Err))
			if r.Outcome == connector.Conflict {
				require.Equal(t, "CN=r", r.ConflictWith.DN)
				require.ErrorIs(t, r.Err, connector.ErrConflict)
			}
		})
	}
}

func TestWriteOnlyIsNotImported(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, &memdir.Options{Schema: strict()})
	require.NoError(t, d.Put(connector.Object{Class: "user", DN: "CN=u"}))
	w := watermark(t, d)
	require.Equal(t, connector.Applied, exportOne(t, d, update("CN=u", set("password", attr.String("x")))).Outcome)
	require.Equal(t, []string{"x"}, texts(t, d, "CN=u", "password"))
	got, _, err := deltaImport(t, d, w)
	require.NoError(t, err)
	require.Equal(t, []string{"complete"}, got)
	for it, err := range open1[connector.ObjectReader](t, d).ReadObjects(t.Context(), []connector.Key{at("CN=u")}) {
		require.NoError(t, err)
		require.False(t, it.Object.Attributes.Has("password"))
	}
}

func TestUniqueAttributes(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, &memdir.Options{Unique: []string{"mail"}})
	require.NoError(t, d.Put(user("CN=a", "A"), user("CN=b", "B")))
	mail := func(dn, address string) connector.Result {
		return exportOne(t, d, update(dn, set("MAIL", attr.String(address))))
	}
	require.Equal(t, connector.Applied, mail("CN=a", "x@example.com").Outcome)
	r := mail("CN=b", "X@EXAMPLE.com")
	require.Equal(t, connector.Conflict, r.Outcome)
	require.Equal(t, connector.CodeUniqueValue, connector.CodeOf(r.Err))
	require.Equal(t, "CN=a", r.ConflictWith.DN)
	require.False(t, r.ConflictWith.Anchor.IsZero())
	require.NotContains(t, r.Err.Error(), "example.com")
	require.Equal(t, connector.Applied, mail("CN=a", "X@example.com").Outcome, "an object does not conflict with itself")
	require.Equal(t, connector.Applied, mail("CN=a", "y@example.com").Outcome)
	require.Equal(t, connector.Applied, mail("CN=b", "x@example.com").Outcome, "a value that was given up is free")
	require.NoError(t, d.Delete(at("CN=b")))
	require.Equal(t, connector.Applied, mail("CN=a", "x@example.com").Outcome, "deletion frees values")
	r = exportOne(t, d, create("user", "CN=c", set("mail", attr.String("x@example.com"))))
	require.Equal(t, connector.Conflict, r.Outcome, "an add with the value of another object is no repetition")
}

func TestExportFates(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	fates := map[string]memdir.Fate{
		"CN=lost":     {Outcome: connector.Unknown},
		"CN=dropped":  {Outcome: connector.Unknown, Drop: true},
		"CN=refused":  {Outcome: connector.Rejected},
		"CN=later":    {Outcome: connector.Retry, RetryAfter: time.Minute},
		"CN=conflict": {Outcome: connector.Conflict},
		"CN=own":      {Outcome: connector.Rejected, Err: connector.ErrPermission},
	}
	d.SetFaults(memdir.Faults{Export: func(c connector.Change) memdir.Fate { return fates[c.Key.DN] }})
	for dn, want := range map[string]struct {
		err    error
		exists bool
	}{
		"CN=fine": {nil, true}, "CN=lost": {connector.ErrUnavailable, true}, "CN=dropped": {connector.ErrUnavailable, false},
		"CN=refused": {connector.ErrInvalid, false}, "CN=later": {connector.ErrThrottled, false},
		"CN=conflict": {connector.ErrConflict, false}, "CN=own": {connector.ErrPermission, false},
	} {
		r := exportOne(t, d, create("user", dn))
		require.ErrorIs(t, r.Err, want.err, dn)
		if f := fates[dn]; f.Outcome != 0 {
			require.Equal(t, f.Outcome, r.Outcome, dn)
		}
		_, err := d.Get(at(dn))
		require.Equal(t, want.exists, err == nil, dn)
	}
	require.Equal(t, time.Minute, connector.RetryAfter(exportOne(t, d, create("user", "CN=later")).Err))

	d.SetFaults(memdir.Faults{ExportBatch: connector.ErrUnavailable})
	results, err := open1[connector.Exporter](t, d).Export(t.Context(), []connector.Change{create("user", "CN=x")})
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.Nil(t, results)
	_, err = d.Get(at("CN=x"))
	require.ErrorIs(t, err, connector.ErrNotFound)
}

func TestExportBatchBounds(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, &memdir.Options{ExportBatch: 1})
	ex := open1[connector.Exporter](t, d)
	_, err := ex.Export(t.Context(), []connector.Change{create("user", "CN=a"), create("user", "CN=b")})
	require.ErrorIs(t, err, connector.ErrInvalid)
	require.Zero(t, d.Len())

	// A context that ends in mid-batch leaves the rest to be retried.
	d = newDirectory(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	d.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate { cancel(); return memdir.Fate{} }})
	results, err := open1[connector.Exporter](t, d).Export(ctx, []connector.Change{create("user", "CN=a"), create("user", "CN=b")})
	require.NoError(t, err)
	require.Equal(t, connector.Applied, results[0].Outcome)
	require.Equal(t, connector.Retry, results[1].Outcome)
	require.ErrorIs(t, results[1].Err, context.Canceled)
	require.Equal(t, 1, d.Len())
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, &memdir.Options{Schema: strict(), FullOnly: true, ReadOnly: true})
	found, err := open1[connector.Preflighter](t, d).Preflight(t.Context(), connector.Needs{
		Delta: true, Export: true, Classes: []string{"USER", "alien"}, Attributes: []string{"single", "nothing"}, Write: []string{"Fixed", "Single"},
	})
	require.NoError(t, err)
	var objects []string
	for _, f := range found {
		require.Equal(t, connector.Failure, f.Severity)
		require.NotEmpty(t, f.Code)
		require.NotEmpty(t, f.Message)
		require.NotEmpty(t, f.Remedy)
		objects = append(objects, f.Object)
	}
	require.Equal(t, []string{"", "", "alien", "nothing", "Fixed"}, objects)
}
