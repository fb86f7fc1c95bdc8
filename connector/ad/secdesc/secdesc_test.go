package secdesc_test

import (
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// The descriptor of a published test vector: four entries, made by hand.
const vector = "AQAEhNQAAADwAAAAAAAAABQAAAAEAMAABAAAAAUAOAAAAQAAAQAAAKr2MREHnNER958AwE/C3NIBBQAAAAAABRUAAADc9Nw7gz0rRoKLpihBBgAAAAAUAJQAAgABAQAAAAAABQsAAAAFCkgAMAAAAAMAAADCPXcjOrbSEZDhAMBP2RqxunqWv+YN0BGihQCqADBJ4gEFAAAAAAAFFQAAANz03DuDPStGgoumKEEGAAAAAiQA/wEPAAEFAAAAAAAFFQAAANz03DuDPStGgoumKAACAAABBQAAAAAABRUAAADc9Nw7gz0rRoKLpigAAgAAAQUAAAAAAAUVAAAA3PTcO4M9K0aCi6YoAAIAAA=="

var (
	account     = parseSID("S-1-5-21-1004336348-1177238915-682003330-1601")
	getChanges  = secdesc.MustGUID("1131f6aa-9c07-11d1-f79f-00c04fc2dcd2")
	getAll      = secdesc.MustGUID("1131f6ad-9c07-11d1-f79f-00c04fc2dcd2")
	consistency = secdesc.MustGUID("23773dc2-b63a-11d2-90e1-00c04fd91ab1")
	user        = secdesc.MustGUID("bf967aba-0de6-11d0-a285-00aa003049e2")
	inetOrg     = secdesc.MustGUID("4828cc14-1437-45bc-9b07-ad6f015e5f28")
	domainDNS   = secdesc.MustGUID("19195a5b-6da0-11d0-afd3-00c04fd930c9")
	mail        = secdesc.MustGUID("bf967961-0de6-11d0-a285-00aa003049e2")
	publicInfo  = secdesc.MustGUID("e48d0154-bcf8-11d1-8702-00c04fb96050")
)

func parseSID(text string) secdesc.SID {
	s, err := secdesc.ParseSID(text)
	if err != nil {
		panic(err)
	}
	return s
}

func TestSIDs(t *testing.T) {
	t.Parallel()
	for text, hexed := range map[string]string{
		"S-1-1-0":      "010100000000000100000000",
		"S-1-3-4":      "010100000000000304000000",
		"S-1-5-18":     "010100000000000512000000",
		"S-1-5-32-544": "01020000000000052000000020020000",
		"S-1-5-21-1004336348-1177238915-682003330-512":  "010500000000000515000000dcf4dc3b833d2b46828ba62800020000",
		"S-1-5-21-3623811015-3361044348-30300820-1013":  "010500000000000515000000c7f7fed77c7755c8945ace01f5030000",
		"S-1-12-1-567301463-1099937718-295959174-100":   "01050000000000" + "0c" + "01000000" + "5755d021b6b78f4186faa31164000000",
		"S-1-0x123456789abc-4294967295":                 "0101123456789abcffffffff",
		"S-1-5-21-1004336348-1177238915-682003330-1601": "010500000000000515000000dcf4dc3b833d2b46828ba62841060000",
	} {
		s, err := secdesc.ParseSID(text)
		require.NoError(t, err, text)
		require.Equal(t, hexed, hex.EncodeToString(s.Bytes()), text)
		require.Equal(t, text, s.String())
		again, err := secdesc.SIDFromBytes(s.Bytes())
		require.NoError(t, err)
		require.Equal(t, s, again)
	}
	for _, bad := range []string{"", "S", "S-1", "S-2-5-1", "S-1-5-x", "S-1-5-4294967296", "X-1-5-18", "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16"} {
		_, err := secdesc.ParseSID(bad)
		require.Error(t, err, bad)
	}
	require.Equal(t, uint32(1601), account.RID())
	require.Equal(t, account, account.Domain().WithRID(1601))
	require.True(t, account.OfDomain())
	require.False(t, secdesc.Administrators.OfDomain())
}

func TestGUIDs(t *testing.T) {
	t.Parallel()
	g, err := secdesc.ParseGUID("{23773DC2-B63A-11D2-90E1-00C04FD91AB1}")
	require.NoError(t, err)
	require.Equal(t, "c23d77233ab6d21190e100c04fd91ab1", hex.EncodeToString(g[:]))
	require.Equal(t, "23773dc2-b63a-11d2-90e1-00c04fd91ab1", g.String())
	for _, bad := range []string{"", "23773dc2-b63a-11d2-90e1", "23773dc2xb63ax11d2x90e1x00c04fd91ab1", "z3773dc2-b63a-11d2-90e1-00c04fd91ab1"} {
		_, err := secdesc.ParseGUID(bad)
		require.Error(t, err, bad)
	}
}

func TestVector(t *testing.T) {
	t.Parallel()
	raw, err := base64.StdEncoding.DecodeString(vector)
	require.NoError(t, err)
	d, err := secdesc.Parse(raw)
	require.NoError(t, err)
	require.Len(t, d.DACL, 4)
	out, err := d.Bytes()
	require.NoError(t, err)
	require.Equal(t, raw, out)
	const text = "O:S-1-5-21-1004336348-1177238915-682003330-512G:S-1-5-21-1004336348-1177238915-682003330-512D:AI" +
		"(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;S-1-5-21-1004336348-1177238915-682003330-1601)(A;;LCRPLORC;;;AU)" +
		"(OA;CIIO;RPWP;23773dc2-b63a-11d2-90e1-00c04fd91ab1;bf967aba-0de6-11d0-a285-00aa003049e2;S-1-5-21-1004336348-1177238915-682003330-1601)" +
		"(A;CI;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;S-1-5-21-1004336348-1177238915-682003330-512)"
	require.Equal(t, text, d.SDDL())
	parsed, err := secdesc.ParseSDDL(text, secdesc.SID{})
	require.NoError(t, err)
	require.Equal(t, d.DACL, parsed.DACL)

	token := secdesc.NewToken(account, secdesc.AuthenticatedUsers, secdesc.Everyone)
	here := d.Evaluate(token, secdesc.Object{Types: secdesc.NewTypes(domainDNS, secdesc.Attribute{ID: consistency})})
	require.True(t, here.Control(getChanges))
	require.False(t, here.Control(getAll))
	require.False(t, here.Of(consistency).Has(secdesc.WriteProperty), "the entry is for objects beneath")
	require.True(t, here.Of(consistency).Has(secdesc.ReadProperty))
	for class, writes := range map[secdesc.GUID]bool{user: true, inetOrg: false} {
		child := &secdesc.Descriptor{Control: secdesc.DACLPresent, DACL: d.Inherit(class, secdesc.SID{})}
		access := child.Evaluate(token, secdesc.Object{Types: secdesc.NewTypes(class, secdesc.Attribute{ID: consistency})})
		require.Equal(t, writes, access.Of(consistency).Has(secdesc.WriteProperty), class)
	}
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	domain := account.Domain()
	const m, p = "bf967961-0de6-11d0-a285-00aa003049e2", "e48d0154-bcf8-11d1-8702-00c04fb96050"
	const me = "S-1-5-21-1004336348-1177238915-682003330-1601"
	types := secdesc.NewTypes(user, secdesc.Attribute{ID: mail, Set: publicInfo}, secdesc.Attribute{ID: consistency})
	for name, c := range map[string]struct {
		sddl        string
		mail, whole secdesc.Mask
	}{
		"no list":                       {"O:DA", secdesc.FullControl, secdesc.FullControl},
		"empty list":                    {"O:DAD:", 0, 0},
		"other's":                       {"D:(A;;RPWP;;;DA)", 0, 0},
		"everything":                    {"D:(A;;GA;;;WD)", secdesc.FullControl &^ (secdesc.ControlAccess | secdesc.ValidatedWrite), secdesc.FullControl &^ (secdesc.ControlAccess | secdesc.ValidatedWrite)},
		"generic write":                 {"D:(A;;GW;;;AU)", secdesc.WriteProperty | secdesc.ReadControl, secdesc.WriteProperty | secdesc.ReadControl},
		"one attribute":                 {"D:(OA;;WP;" + m + ";;AU)", secdesc.WriteProperty, 0},
		"its property set":              {"D:(OA;;WP;" + p + ";;AU)", secdesc.WriteProperty, 0},
		"its class":                     {"D:(OA;;WP;" + user.String() + ";;AU)", secdesc.WriteProperty, secdesc.WriteProperty},
		"all there is":                  {"D:(OA;;WP;" + m + ";;AU)(OA;;WP;" + consistency.String() + ";;AU)", secdesc.WriteProperty, secdesc.WriteProperty},
		"another class":                 {"D:(OA;;WP;" + inetOrg.String() + ";;AU)", 0, 0},
		"for those beneath":             {"D:(A;CIIO;WP;;;AU)", 0, 0},
		"denied first":                  {"D:(D;;WP;;;AU)(A;;WP;;;AU)", 0, 0},
		"allowed first":                 {"D:(A;;WP;;;AU)(D;;WP;;;AU)", secdesc.WriteProperty, secdesc.WriteProperty},
		"attribute denied, all allowed": {"D:(OD;;WP;" + m + ";;AU)(A;;WPRP;;;AU)", secdesc.ReadProperty, secdesc.ReadProperty},
		"set denied, attribute allowed": {"D:(OD;;WP;" + p + ";;AU)(OA;;WP;" + m + ";;AU)", 0, 0},
		"another denied":                {"D:(OD;;WP;" + consistency.String() + ";;AU)(A;;WP;;;AU)", secdesc.WriteProperty, 0},
		"self":                          {"D:(A;;WP;;;PS)", secdesc.WriteProperty, secdesc.WriteProperty},
		"owner":                         {"O:" + me + "D:(A;;WP;;;DA)", 0, secdesc.ReadControl | secdesc.WriteDACL},
		"owner, with rights of owners":  {"O:" + me + "D:(A;;RP;;;OW)", secdesc.ReadProperty, secdesc.ReadProperty},
		"rights of owners, not of mine": {"O:DAD:(A;;RP;;;OW)", 0, 0},
		"nothing understood":            {"D:(A;;RP;;;S-1-5-99)", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := secdesc.ParseSDDL(c.sddl, domain)
			require.NoError(t, err)
			access := d.Evaluate(secdesc.NewToken(account, secdesc.AuthenticatedUsers, secdesc.Everyone), secdesc.Object{SID: account, Types: types})
			require.Equal(t, c.mail.String(), access.Of(mail).String())
			require.Equal(t, c.whole.String(), access.Whole().String())
		})
	}
}

func TestControlAccess(t *testing.T) {
	t.Parallel()
	right := getChanges.String()
	for sddl, want := range map[string]bool{
		"":                                       true,
		"D:":                                     false,
		"D:(A;;CR;;;AU)":                         true,
		"D:(A;;GA;;;AU)":                         true,
		"D:(A;;GRGW;;;AU)":                       false,
		"D:(OA;;CR;;;AU)":                        true,
		"D:(OA;;CR;" + right + ";;AU)":           true,
		"D:(OA;;CR;" + getAll.String() + ";;AU)": false,
		"D:(OD;;CR;" + right + ";;AU)(A;;GA;;;AU)":              false,
		"D:(OD;;CR;" + getAll.String() + ";;AU)(A;;CR;;;AU)":    true,
		"D:(A;;CR;;;AU)(OD;;CR;" + right + ";;AU)":              true,
		"D:(OA;CIIO;CR;" + right + ";" + user.String() + ";AU)": false,
		"D:(OA;;RPWP;" + right + ";;AU)":                        false,
	} {
		d, err := secdesc.ParseSDDL(sddl, account.Domain())
		require.NoError(t, err, sddl)
		access := d.Evaluate(secdesc.NewToken(secdesc.AuthenticatedUsers), secdesc.Object{})
		require.Equal(t, want, access.Control(getChanges), sddl)
	}
}

func TestInherit(t *testing.T) {
	t.Parallel()
	u := user.String()
	for name, c := range map[string]struct{ parent, user, ou string }{
		"nothing":        {"D:(A;;GA;;;AU)", "D:", "D:"},
		"all":            {"D:(A;CI;RP;;;AU)", "D:(A;CIID;RP;;;AU)", "D:(A;CIID;RP;;;AU)"},
		"beneath":        {"D:(A;CIIO;RP;;;AU)", "D:(A;CIID;RP;;;AU)", "D:(A;CIID;RP;;;AU)"},
		"children alone": {"D:(A;CINP;RP;;;AU)", "D:(A;ID;RP;;;AU)", "D:(A;ID;RP;;;AU)"},
		"users":          {"D:(OA;CIIO;WP;;" + u + ";AU)", "D:(OA;CIID;WP;;" + u + ";AU)", "D:(OA;CIIOID;WP;;" + u + ";AU)"},
		"user children":  {"D:(OA;CINPIO;WP;" + mail.String() + ";" + u + ";AU)", "D:(OA;ID;WP;" + mail.String() + ";;AU)", "D:"},
		"generic":        {"D:(A;CI;GX;;;AU)", "D:(A;ID;LCRC;;;AU)(A;CIIOID;GX;;;AU)", "D:(A;ID;LCRC;;;AU)(A;CIIOID;GX;;;AU)"},
		"creator":        {"D:(A;CI;RP;;;CO)", "D:(A;ID;RP;;;BA)(A;CIIOID;RP;;;CO)", "D:(A;ID;RP;;;BA)(A;CIIOID;RP;;;CO)"},
	} {
		parent, err := secdesc.ParseSDDL(c.parent, secdesc.SID{})
		require.NoError(t, err, name)
		for class, want := range map[secdesc.GUID]string{user: c.user, secdesc.MustGUID("bf967aa5-0de6-11d0-a285-00aa003049e2"): c.ou} {
			child := secdesc.Descriptor{Control: secdesc.DACLPresent, DACL: parent.Inherit(class, secdesc.Administrators)}
			require.Equal(t, want, child.SDDL(), name)
		}
	}
}

func TestAddKeepsCanonicalOrder(t *testing.T) {
	t.Parallel()
	d, err := secdesc.ParseSDDL("D:(D;;WP;;;BG)(A;;RP;;;AU)(A;ID;GA;;;BA)", secdesc.SID{})
	require.NoError(t, err)
	for _, text := range []string{"(OA;;WP;" + mail.String() + ";;AU)", "(A;;CC;;;AU)", "(OD;;WP;" + mail.String() + ";;BG)"} {
		a, err := secdesc.ParseACE(text, secdesc.SID{})
		require.NoError(t, err)
		require.False(t, d.Contains(a))
		d.Add(a)
		require.True(t, d.Contains(a))
	}
	const sorted = "(D;;WP;;;BG)(OD;;WP;bf967961-0de6-11d0-a285-00aa003049e2;;BG)(A;;RP;;;AU)(A;;CC;;;AU)(OA;;WP;bf967961-0de6-11d0-a285-00aa003049e2;;AU)"
	require.Equal(t, "D:"+sorted+"(A;ID;GA;;;BA)", d.SDDL())
	d.DACL = d.Explicit()
	require.Equal(t, "D:"+sorted, d.SDDL())
	gone := d.DACL[2]
	require.True(t, d.Remove(gone))
	require.False(t, d.Remove(gone))
}

func TestTextErrors(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"X", "X:", "O:nobody", "O:DA", "D:(A;;RP;;;AU", "D:(A;;RP;;AU)", "D:(Z;;RP;;;AU)", "D:(A;XX;RP;;;AU)", "D:(A;;R;;;AU)", "D:(A;;0xz;;;AU)",
		"D:(OA;;RP;nothing;;AU)", "D:(A;;RP;" + mail.String() + ";;AU)", "D:(A;;RP;;;ZZ)", "D:x", "S:(AU;;RP;;;AU)",
	} {
		_, err := secdesc.ParseSDDL(bad, secdesc.SID{})
		require.Error(t, err, bad)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	d := &secdesc.Descriptor{}
	for range 4000 {
		d.Add(secdesc.ACE{Kind: secdesc.Allow, Mask: secdesc.ReadProperty, SID: secdesc.AuthenticatedUsers})
	}
	_, err := d.Bytes()
	require.ErrorContains(t, err, "at most")
}
