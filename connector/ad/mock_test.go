package ad_test

import (
	"fmt"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/attr"
)

func mockOptions(dc *adtest.Server) ad.Options {
	return ad.Options{URLs: []string{dc.URL()}, CAFile: dc.CAFile(), BindName: dc.AdminUPN(), Password: password(dc.AdminPassword()), AllowAdministrator: true}
}

// What Samba does not enforce: pages, ranges and DirSync answers of Windows' sizes.
func TestMockLimits(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	population, err := dc.Populate(adtest.PopulationOptions{Users: 3200, Groups: 4})
	require.NoError(t, err)
	o := mockOptions(dc)
	o.PageSize = 5000
	s := open(t, directory(t, o))
	v := full(t, s)
	require.Len(t, v.at(t, population.Everyone).Attributes.Values("member"), 3200)

	for i, dn := range population.Users[:2500] {
		require.NoError(t, dc.Modify(dn, adtest.Replace("title", fmt.Sprint("title ", i))))
	}
	require.NoError(t, dc.RemoveMember(population.Everyone, population.Users[:2000]...))
	v.delta(t, s) // several answers, and lookups beside them
	require.Len(t, v.updates, 2501)
	require.Equal(t, population.Everyone, v.updates[2500].Object.DN)
	require.Len(t, v.updates[2500].Mods, 1)
	require.Len(t, v.updates[2500].Mods[0].Deletes, 2000)
	v.equal(t, full(t, s))
}

// A second domain controller of the same domain takes over, and refuses the cookie.
func TestMockFailover(t *testing.T) {
	t.Parallel()
	one := adtest.NewServer(t, &adtest.Options{Seed: 1})
	two := adtest.NewServer(t, &adtest.Options{Seed: 1})
	for _, dc := range []*adtest.Server{one, two} {
		dc.Must(dc.AddUser("somebody", nil))
	}
	roots := one.CAPool()
	roots.AppendCertsFromPEM(two.CAPEM())
	o := mockOptions(one)
	o.CAFile, o.RootCAs, o.URLs = "", roots, []string{one.URL(), two.URL()}
	con := directory(t, o)
	v := full(t, open(t, con))
	require.NoError(t, one.Close())

	s := open(t, con)
	full(t, s)
	two.Faults().ExpireCookies()
	importer, _ := connector.As[connector.DeltaImporter](s)
	require.ErrorIs(t, newView().take(importer.DeltaImport(t.Context(), v.mark, connector.ImportRequest{})), connector.ErrWatermarkExpired)
	require.Len(t, full(t, s).byAnchor, len(v.byAnchor))
}

func TestMockResults(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	dn := dc.Must(dc.AddUser("somebody", adtest.Attrs{"givenName": {"before"}}))
	s := open(t, directory(t, mockOptions(dc)))
	key := full(t, s).at(t, dn).Key()
	change := connector.Change{Op: connector.OpUpdate, Class: "user", Key: key, Mods: []attr.Mod{replace("givenName", attr.String("secret"))}}
	for name, c := range map[string]struct {
		err     *adtest.Error
		outcome connector.Outcome
		code    connector.Code
	}{
		"busy":              {&adtest.Error{Code: ldap.LDAPResultBusy}, connector.Retry, connector.CodeConnectionFailed},
		"unavailable":       {&adtest.Error{Code: ldap.LDAPResultUnavailable}, connector.Retry, connector.CodeConnectionFailed},
		"no right":          {&adtest.Error{Code: ldap.LDAPResultInsufficientAccessRights, Message: "00002098: SecErr: secret"}, connector.Rejected, connector.CodePermissionIssue},
		"policy":            {&adtest.Error{Code: ldap.LDAPResultConstraintViolation, Message: "0000052D: secret"}, connector.Rejected, connector.CodePasswordPolicy},
		"syntax":            {&adtest.Error{Code: ldap.LDAPResultInvalidAttributeSyntax}, connector.Rejected, connector.CodeSyntaxViolation},
		"constraint":        {&adtest.Error{Code: ldap.LDAPResultConstraintViolation}, connector.Rejected, connector.CodeConstraintViolation},
		"schema":            {&adtest.Error{Code: ldap.LDAPResultObjectClassViolation}, connector.Rejected, connector.CodeSchemaViolation},
		"something else":    {&adtest.Error{Code: ldap.LDAPResultOther, Message: "secret"}, connector.Rejected, connector.CodeUnexpected},
		"not a DN, it says": {&adtest.Error{Code: ldap.LDAPResultInvalidDNSyntax}, connector.Rejected, connector.CodeInvalidDN},
	} {
		dc.Faults().Fail(1, c.err, adtest.OpModify)
		r := export(t, s, change)[0]
		require.Equal(t, c.outcome, r.Outcome, name)
		require.Equal(t, c.code, connector.CodeOf(r.Err), name)
		require.Equal(t, c.outcome == connector.Retry, connector.IsTransient(r.Err), name)
		require.NotContains(t, r.Err.Error(), "secret", name)
	}
	require.Equal(t, connector.Applied, export(t, s, change)[0].Outcome)
}

func TestMockGarbage(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	dc.Must(dc.AddUser("somebody", nil))
	s := open(t, directory(t, mockOptions(dc)))
	whole := len(full(t, s).byAnchor)
	importer, _ := connector.As[connector.FullImporter](s)
	for n := 1; n < 30; n += 3 {
		dc.Faults().Garble(n)
		v := newView()
		err := v.take(importer.FullImport(t.Context(), connector.ImportRequest{}))
		if err == nil { // it came before anything else, and the second try got through
			require.Len(t, v.byAnchor, whole)
		} else {
			require.Empty(t, v.mark)
		}
		dc.Faults().Clear()
	}
	require.Len(t, full(t, s).byAnchor, whole, "the session recovers")
}
