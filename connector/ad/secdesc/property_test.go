package secdesc_test

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

var sids = []secdesc.SID{secdesc.Everyone, secdesc.AuthenticatedUsers, secdesc.Self, secdesc.OwnerRights, secdesc.Administrators, account}

// entries draws access control lists that meet often.
func entries(t *rapid.T) []secdesc.ACE {
	ids := []secdesc.GUID{{}, user, inetOrg, mail, publicInfo, consistency, getChanges}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) secdesc.ACE {
		a := secdesc.ACE{
			Kind:  rapid.SampledFrom([]secdesc.Kind{secdesc.Allow, secdesc.Deny, secdesc.AllowObject, secdesc.DenyObject}).Draw(t, "kind"),
			Flags: secdesc.Flag(rapid.IntRange(0, 0x1f).Draw(t, "flags")),
			Mask:  secdesc.Mask(rapid.SampledFrom([]uint32{0x10, 0x20, 0x30, 0x100, 0xF01FF, 0x20094, uint32(secdesc.GenericAll)}).Draw(t, "mask")),
			SID:   rapid.SampledFrom(sids).Draw(t, "sid"),
		}
		if a.Kind == secdesc.AllowObject || a.Kind == secdesc.DenyObject {
			a.ObjectType = rapid.SampledFrom(ids).Draw(t, "object")
			a.InheritedObjectType = rapid.SampledFrom(ids).Draw(t, "class")
		}
		return a
	}), 0, 12).Draw(t, "entries")
}

// What can be written can be read again, in both forms.
func TestFormsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := &secdesc.Descriptor{Control: secdesc.DACLPresent | 0x8000, Owner: account, DACL: entries(t)}
		raw, err := d.Bytes()
		require.NoError(t, err)
		back, err := secdesc.Parse(raw)
		require.NoError(t, err)
		require.Equal(t, d, back)
		text, err := secdesc.ParseSDDL(d.SDDL(), secdesc.SID{})
		require.NoError(t, err)
		require.Equal(t, d.DACL, text.DACL)
	})
}

// For a single attribute the tree comes to this: the first entry decides that is about the
// attribute, its property set, its class or everything.
func TestAttributesByFirstEntry(t *testing.T) {
	t.Parallel()
	types := secdesc.NewTypes(user, secdesc.Attribute{ID: mail, Set: publicInfo}, secdesc.Attribute{ID: consistency})
	token := secdesc.NewToken(account, secdesc.Everyone)
	rapid.Check(t, func(t *rapid.T) {
		d := &secdesc.Descriptor{Control: secdesc.DACLPresent, DACL: entries(t)}
		access := d.Evaluate(token, secdesc.Object{SID: account, Types: types})
		for id, set := range map[secdesc.GUID]secdesc.GUID{mail: publicInfo, consistency: consistency} {
			for _, right := range []secdesc.Mask{secdesc.ReadProperty, secdesc.WriteProperty} {
				want := false
				for _, a := range d.DACL {
					about := a.ObjectType.IsZero() || a.ObjectType == id || a.ObjectType == set || a.ObjectType == user
					mine := token[a.SID] || a.SID == secdesc.Self
					if about && mine && !a.Flags.Has(secdesc.InheritOnly) && a.Mask.Map().Has(right) {
						want = a.Kind == secdesc.Allow || a.Kind == secdesc.AllowObject
						break
					}
				}
				require.Equal(t, want, access.Of(id).Has(right))
			}
			// Whoever may do something with the whole may do it with each part.
			require.True(t, access.Of(id).Has(access.Whole()))
		}
	})
}

// Rights come from allowing entries alone: without the denying ones nobody has less.
func TestDeniesOnlyTakeAway(t *testing.T) {
	t.Parallel()
	types := secdesc.NewTypes(user, secdesc.Attribute{ID: mail, Set: publicInfo}, secdesc.Attribute{ID: consistency})
	object := secdesc.Object{SID: account, Types: types}
	token := secdesc.NewToken(account, secdesc.Everyone)
	rapid.Check(t, func(t *rapid.T) {
		d := &secdesc.Descriptor{Control: secdesc.DACLPresent, DACL: entries(t)}
		free := &secdesc.Descriptor{Control: secdesc.DACLPresent, DACL: []secdesc.ACE{}}
		for _, a := range d.DACL {
			if a.Kind == secdesc.Allow || a.Kind == secdesc.AllowObject {
				free.DACL = append(free.DACL, a)
			}
		}
		with, without := d.Evaluate(token, object), free.Evaluate(token, object)
		require.True(t, without.Whole().Has(with.Whole()))
		require.True(t, without.Of(mail).Has(with.Of(mail)))
		require.False(t, with.Control(getChanges) && !without.Control(getChanges))
	})
}

func FuzzParse(f *testing.F) {
	raw, err := base64.StdEncoding.DecodeString(vector)
	require.NoError(f, err)
	f.Add(raw)
	f.Add([]byte("\x01\x00\x04\x80\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x14\x00\x00\x00\x02\x00\x08\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := secdesc.Parse(data)
		if err != nil {
			return
		}
		d.Evaluate(secdesc.NewToken(account), secdesc.Object{SID: account}).Control(getChanges)
		d.Inherit(user, account)
		out, err := d.Bytes()
		if err != nil {
			return
		}
		again, err := secdesc.Parse(out)
		require.NoError(t, err)
		require.Equal(t, d.DACL, again.DACL)
		require.Equal(t, d.Owner, again.Owner)
	})
}

func FuzzParseSDDL(f *testing.F) {
	f.Add("O:DAG:DAD:PAI(A;CIIO;GA;;;WD)(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;S-1-5-11)")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := secdesc.ParseSDDL(text, account.Domain())
		if err != nil {
			return
		}
		again, err := secdesc.ParseSDDL(d.SDDL(), secdesc.SID{})
		require.NoError(t, err)
		require.Equal(t, d.DACL, again.DACL)
	})
}
