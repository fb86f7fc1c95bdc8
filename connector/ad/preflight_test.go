package ad_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// states tells how each permission stands, by what it is.
func states(r *ad.Report) map[string]ad.State {
	out := map[string]ad.State{}
	for _, v := range r.Verdicts {
		out[v.Delegation.String()] = v.State
	}
	return out
}

// What a connector may do is computed alike from the descriptors of Samba and of the mock.
func TestPreflight(t *testing.T) { labs(t, testPreflight) }

func testPreflight(t *testing.T, l *lab) {
	o := l.admin
	o.AllowAdministrator = false
	_, err := directory(t, o).Open(t.Context(), connector.OpenOptions{})
	require.ErrorContains(t, err, "Domain Admins", "an administrator is refused")
	require.Equal(t, connector.CodePermission, connector.CodeOf(err))
	o.AllowAdministrator = true
	r, err := ad.Preflight(t.Context(), directory(t, o), ad.Uses{})
	require.NoError(t, err)
	require.Contains(t, r.Refused, "Enterprise Admins")
	require.Equal(t, connector.Warning, r.Findings()[0].Severity)

	con := directory(t, l.as(l.connector, l.password))
	uses := ad.Uses{Features: ad.Features(), GroupContainer: l.groups, DeviceContainer: l.devices}
	r, err = ad.Preflight(t.Context(), con, uses, "mail", "pwdLastSet", "objectSid", "member")
	require.NoError(t, err)
	require.Empty(t, r.Refused)
	base, groups, devices := l.base, l.groups, l.devices
	want := map[string]ad.State{
		"read all properties of computer objects beneath " + base:                 ad.Granted,
		"read all properties of contact objects beneath " + base:                  ad.Granted,
		"read all properties of group objects beneath " + base:                    ad.Granted,
		"read all properties of user objects beneath " + base:                     ad.Granted,
		"Replicating Directory Changes on " + base:                                ad.Granted,
		"Replicating Directory Changes All on " + base:                            ad.Granted,
		"read and write mS-DS-ConsistencyGuid of user objects beneath " + base:    ad.Granted,
		"read and write proxyAddresses of user objects beneath " + base:           ad.Missing,
		"read and write proxyAddresses of group objects beneath " + base:          ad.Missing,
		"read and write proxyAddresses of contact objects beneath " + base:        ad.Missing,
		"Unexpire Password on " + base:                                            ad.Granted,
		"Reset Password of user objects beneath " + base:                          ad.Granted,
		"read and write lockoutTime of user objects beneath " + base:              ad.Missing,
		"read and write pwdLastSet of user objects beneath " + base:               ad.Granted,
		"create and delete objects of class group on " + groups:                   ad.Missing,
		"read and write all properties of group objects beneath " + groups:        ad.Missing,
		"create and delete objects of class msDS-Device on " + devices:            ad.Missing,
		"read and write all properties of msDS-Device objects beneath " + devices: ad.Missing,
	}
	if !l.tellsDeletion {
		want["list objects on CN=Deleted Objects,"+base] = ad.Granted
	}
	got := states(r)
	for what := range got {
		named := strings.Contains(what, "msExch") || strings.Contains(what, "msDS-External") || strings.Contains(what, "publicDelegates") // as the schema has it
		if named {
			require.Equal(t, ad.Missing, got[what])
		}
		if named || strings.Contains(what, "foreignSecurityPrincipal") { // which have none of the four but objectSid
			delete(got, what)
		}
	}
	require.Equal(t, want, got)
	for _, f := range r.Findings() {
		require.NotEmpty(t, f.Commands, f.Message)
		require.Contains(t, f.Commands[0], `CONTOSO\svc-sync`)
	}

	// What is granted counts at once; what a container does not inherit is missing there.
	l.grant(base, fmt.Sprintf("(OA;CIIO;RPWP;bf967a06-0de6-11d0-a285-00aa003049e2;bf967a9c-0de6-11d0-a285-00aa003049e2;%s)", r.SID))
	l.grant(groups, fmt.Sprintf("(OA;;CCDC;bf967a9c-0de6-11d0-a285-00aa003049e2;;%s)", r.SID))
	closed, hidden := l.departments[3], l.departments[5]
	l.describe(closed, "D:P(A;CI;GA;;;BA)(A;CI;GR;;;AU)")
	l.protect(l.users[4], "D:P(A;;GA;;;BA)(A;;GR;;;AU)")
	l.describe(hidden, "D:P(A;CI;GA;;;BA)(A;;RPRC;;;AU)")
	r, err = ad.Preflight(t.Context(), con, ad.Uses{Features: []ad.Feature{ad.FeatureConsistencyGUID, ad.FeatureExchangeHybrid, ad.FeatureGroups}, GroupContainer: groups})
	require.NoError(t, err)
	require.Equal(t, ad.Granted, states(r)["read and write proxyAddresses of group objects beneath "+base])
	require.Equal(t, ad.Granted, states(r)["create and delete objects of class group on "+groups])
	require.Equal(t, []string{hidden}, r.Unlisted)
	for _, v := range r.Verdicts {
		require.False(t, v.Disputed, v.Delegation.String())
		if v.Delegation.Feature == ad.FeatureConsistencyGUID {
			require.Equal(t, ad.Partial, v.State)
			require.Equal(t, []string{closed}, v.Containers)
			require.Equal(t, []string{l.users[4]}, v.Protected)
		}
	}
	texts := ""
	for _, f := range r.Findings() {
		texts += fmt.Sprintln(f.Severity, f.Object, f.Message, strings.Join(f.Commands, "\n"))
	}
	require.Contains(t, texts, fmt.Sprintf(`dsacls "%s" /I:S /G "CONTOSO\svc-sync:RPWP;mS-DS-ConsistencyGuid;user"`, closed))
	require.Contains(t, texts, "1 protected accounts")
	require.Contains(t, texts, "sees nothing in this container")

	// Objects of a class can be made in containers of some kinds only.
	r, err = ad.Preflight(t.Context(), con, ad.Uses{Features: []ad.Feature{ad.FeatureDevices}, DeviceContainer: groups})
	require.NoError(t, err)
	require.Contains(t, r.Findings()[0].Message, "msDS-Device cannot be made in this container")
}

func TestDelegationText(t *testing.T) {
	t.Parallel()
	d := ad.Delegation{Feature: ad.FeatureGroups, On: `OU=a "b",DC=x`, Rights: secdesc.CreateChild | secdesc.DeleteChild, About: "group"}
	require.Equal(t, `dsacls "OU=a \"b\",DC=x" /G "X\sync:CCDC;group"`, d.DSACLS(`X\sync`))
	require.Equal(t, `Set-ADSyncUnifiedGroupWritebackPermissions -ADConnectorAccountName 'o''sync' -ADConnectorAccountDomain 'x'`, d.PowerShell("o'sync", "x"))
	require.Empty(t, ad.Delegation{Feature: ad.FeatureDevices}.PowerShell("a", "b"))
}

func TestUsesAreChecked(t *testing.T) {
	t.Parallel()
	_, err := ad.New("x", ad.Options{URLs: []string{"ldaps://x"}, BindName: "x", Password: password("x"),
		Uses: ad.Uses{Features: []ad.Feature{"nothing", ad.FeatureGroups}, DeviceContainer: "no dn"}})
	require.ErrorContains(t, err, `unknown feature "nothing"`)
	require.ErrorContains(t, err, "GroupContainer: required")
	require.ErrorContains(t, err, "DeviceContainer")
}
