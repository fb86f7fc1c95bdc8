package entra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

func testClasses(t testing.TB, opts *Options) (user, group *class) {
	t.Helper()
	o := opts.withDefaults()
	require.NoError(t, o.validate())
	cs := newClasses(&o)
	return cs[0], cs[1]
}

const pageText = `{"@odata.context":"x","value":[{"id":"AAAAAAAA-0000-4000-8000-000000000001","displayName":"Ad\u00e1 \"A\"",
 "accountEnabled":true,"businessPhones":["+1"],"otherMails":[],"mobilePhone":null,"onPremisesImmutableId":"QF5HMK7n80qvdYsUPIHa9Q==",
 "onPremisesExtensionAttributes":{"extensionAttribute1":"one","extensionAttribute2":null},"unknown":{"deep":[1,{"x":"]}"}]},
 "extension_00000000000000000000000000000000_n":-7,
 "manager@delta":[{"@odata.type":"#microsoft.graph.user","id":"aaaaaaaa-0000-4000-8000-000000000002"}]}],
 "@odata.nextLink":"https://g/v1.0/users/delta()?$skiptoken=a\u0026b"}`

func TestDecodePage(t *testing.T) {
	t.Parallel()
	user, _ := testClasses(t, &Options{Extensions: []Extension{{Name: "extension_00000000000000000000000000000000_n", Kind: attr.KindInt}}})
	d := &decoder{class: user}
	p, err := d.page([]byte(pageText))
	require.NoError(t, err)
	require.Equal(t, "https://g/v1.0/users/delta()?$skiptoken=a&b", p.next)
	require.Len(t, p.entries, 1)
	o := d.object(&p.entries[0])
	want := attr.NewSet(map[string][]attr.Value{
		"cloudAnchor": {attr.String("User_aaaaaaaa-0000-4000-8000-000000000001")}, "cloudMastered": {attr.Bool(false)},
		"displayName": {attr.String(`Adá "A"`)}, "accountEnabled": {attr.Bool(true)}, "telephoneNumber": {attr.String("+1")},
		"sourceAnchor": {attr.String("QF5HMK7n80qvdYsUPIHa9Q==")}, "extensionAttribute1": {attr.String("one")},
		"manager": {attr.Reference("User_aaaaaaaa-0000-4000-8000-000000000002")},
		"extension_00000000000000000000000000000000_n": {attr.Int(-7)},
	})
	require.True(t, o.Attributes.Equal(&want), "%v, want %v", o.Attributes, want)
	require.Equal(t, connector.TextAnchor("User_aaaaaaaa-0000-4000-8000-000000000001"), o.Anchor)
	require.Equal(t, "CN={514635484D4B376E38307176645973555049486139513D3D}", o.DN)
}

func TestDecodeTellsBadValuesByObject(t *testing.T) {
	t.Parallel()
	user, group := testClasses(t, nil)
	for name, c := range map[string]struct {
		class     *class
		member    string
		attribute string
	}{
		"number for text":   {user, `"displayName":7`, "displayName"},
		"text for boolean":  {user, `"accountEnabled":"true"`, "accountEnabled"},
		"text for many":     {user, `"otherMails":"x"`, "otherMails"},
		"mixed collection":  {user, `"otherMails":["x",7]`, "otherMails"},
		"nested number":     {user, `"onPremisesExtensionAttributes":{"extensionAttribute2":7}`, "extensionAttribute2"},
		"member without id": {group, `"members@delta":[{"@odata.type":"#microsoft.graph.user"},{"id":"x"}]`, "member"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &decoder{class: c.class}
			p, err := d.page([]byte(`{"value":[{"id":"aaaaaaaa-0000-4000-8000-000000000001",` + c.member + `,"displayName":"x"}]}`))
			require.NoError(t, err)
			it := d.item(&Tenant{name: "t"}, &p.entries[0])
			require.ErrorContains(t, it.Err, "attribute "+c.attribute)
			require.Equal(t, connector.CodeInvalidValue, connector.CodeOf(it.Err))
			require.NotEmpty(t, it.Object.Anchor)
		})
	}
}

func TestCloudMastered(t *testing.T) {
	t.Parallel()
	user, _ := testClasses(t, nil)
	d := &decoder{class: user}
	for text, want := range map[string]struct{ whole, delta string }{
		``:                              {"True", ""},
		`,"onPremisesImmutableId":"x"`:  {"False", "False"},
		`,"onPremisesImmutableId":null`: {"True", ""},
		`,"onPremisesImmutableId":null,"onPremisesSyncEnabled":null`: {"True", "True"},
		`,"onPremisesImmutableId":null,"onPremisesSyncEnabled":true`: {"False", "False"},
		`,"onPremisesSyncEnabled":true`:                              {"False", "False"},
		`,"onPremisesSyncEnabled":false`:                             {"True", ""},
		`,"onPremisesImmutableId":"x","onPremisesSyncEnabled":true`:  {"False", "False"},
	} {
		p, err := d.page([]byte(`{"value":[{"id":"aaaaaaaa-0000-4000-8000-000000000001"` + text + `}]}`))
		require.NoError(t, err)
		e := &p.entries[0]
		require.Equal(t, want.whole, d.object(e).Attributes.Text("cloudMastered"), text)
		got := ""
		for _, m := range d.mods(e) {
			if m.Name == "cloudMastered" {
				got = m.Adds[0].Text()
			}
		}
		require.Equal(t, want.delta, got, text)
	}
}

// A model of the members of a group, to hold merging against.
func TestMergeEqualsApplyingOneByOne(t *testing.T) {
	t.Parallel()
	_, group := testClasses(t, nil)
	d := &decoder{class: group}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var objects []string
		for range 1 + rnd.IntN(6) {
			var links []string
			for _, n := range rnd.Perm(5)[:rnd.IntN(4)] {
				removed := ""
				if rnd.IntN(2) == 0 {
					removed = `,"@removed":{"reason":"deleted"}`
				}
				links = append(links, fmt.Sprintf(`{"@odata.type":"#microsoft.graph.user","id":"aaaaaaaa-0000-4000-8000-%012d"%s}`, n, removed))
			}
			objects = append(objects, fmt.Sprintf(`{"id":"aaaaaaaa-0000-4000-8000-00000000000%d","description":"d%d","members@delta":[%s]}`,
				rnd.IntN(2), rnd.IntN(9), strings.Join(links, ",")))
		}
		text := []byte(`{"value":[` + strings.Join(objects, ",") + `]}`)
		apart, err := d.page(text)
		require.NoError(t, err)
		together, err := d.page(text)
		require.NoError(t, err)
		require.Equal(t, play(d, apart.entries), play(d, mergeEntries(together.entries)), string(text))
	}
}

func play(d *decoder, entries []entry) map[guid]string {
	sets := map[guid]*attr.Set{}
	for i := range entries {
		e := &entries[i]
		if sets[e.id] == nil {
			sets[e.id] = &attr.Set{}
			sets[e.id].Put("member", attr.Reference("User_aaaaaaaa-0000-4000-8000-000000000000"))
		}
		for _, m := range d.mods(e) {
			sets[e.id].Apply(m)
		}
	}
	out := map[guid]string{}
	for id, s := range sets {
		var texts []string
		for _, v := range s.Values("member") {
			texts = append(texts, v.Str())
		}
		slices.Sort(texts)
		out[id] = s.Text("description") + strings.Join(texts, " ")
	}
	return out
}

func TestReferencesAndDNs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"User_c72903ed-7816-41cd-9066-eac33d171d77", "ServicePrincipal_c72903ed-7816-41cd-9066-eac33d171d77"} {
		r, err := parseRef(text)
		require.NoError(t, err)
		require.Equal(t, text, r.text())
	}
	for _, text := range []string{"", "User_", "User_x", "c72903ed-7816-41cd-9066-eac33d171d77", "Thing_c72903ed-7816-41cd-9066-eac33d171d77"} {
		_, err := parseRef(text)
		require.Error(t, err, text)
	}
	for anchor, dn := range map[string]string{ // vectors of the field
		"Z0UjAauJ780BI0VniavN7w==": "CN={5A30556A4161754A373830424930566E6961764E37773D3D}",
		"x4V0iaeB60KXxjftcwd7Hw==": "CN={783456306961654236304B58786A66746377643748773D3D}",
	} {
		require.Equal(t, dn, dnOf(anchor))
		got, ok := anchorOfDN(dn)
		require.True(t, ok)
		require.Equal(t, anchor, got)
	}
	for _, dn := range []string{"", "CN={}", "CN={5}", "CN=x", "CN={ZZ}"} {
		_, ok := anchorOfDN(dn)
		require.False(t, ok, dn)
	}
	require.Equal(t, "Z0UjAauJ780BI0VniavN7w==", anchorOfLink(linkName("Z0UjAauJ780BI0VniavN7w==")))
	require.Empty(t, linkName(strings.Repeat("x", 60)), "does not fit")
	require.Empty(t, anchorOfLink("somebody-elses"))
}

// The scanner must take exactly what encoding/json takes, and read the same.
func FuzzPage(f *testing.F) {
	f.Add([]byte(pageText))
	f.Add([]byte(`{"value":[{"id":"aaaaaaaa-0000-4000-8000-000000000001","@removed":{"reason":"deleted"}}],"@odata.deltaLink":"d"}`))
	f.Add([]byte(`{"value":[{"id":"aaaaaaaa-0000-4000-8000-000000000001","members@delta":[{"id":"x"}],"displayName":"\ud800"}]}`))
	f.Add([]byte(`{"value":[]} x`))
	f.Add([]byte("{\"value\":[{\"id\":\"aaaaaaaa-0000-4000-8000-000000000001\",\"displayName\":\"\xff\"}]}"))
	user, group := testClasses(f, nil)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range []*class{user, group} {
			d := &decoder{class: c}
			p, err := d.page(text)
			if err != nil {
				continue
			}
			var want struct {
				Value []map[string]json.RawMessage `json:"value"`
			}
			require.NoError(t, json.Unmarshal(text, &want), "what the scanner takes is JSON")
			for i := range p.entries {
				_ = d.object(&p.entries[i])
				_ = d.mods(&p.entries[i])
				if len(want.Value) != len(p.entries) || bytes.Contains(text, []byte(`\u`)) {
					continue // repeated or escaped names: encoding/json keeps the last
				}
				compareName(t, &p.entries[i], want.Value[i]["displayName"], text)
			}
			mergeEntries(p.entries)
		}
	})
}

func compareName(t *testing.T, e *entry, raw json.RawMessage, text []byte) {
	t.Helper()
	var name string
	if bytes.Count(text, []byte(`"displayName"`)) != 1 || json.Unmarshal(raw, &name) != nil || name == "" {
		return
	}
	for _, f := range e.fields {
		if f.m.Attribute == "displayName" {
			require.Equal(t, name, f.values[0].Str())
		}
	}
}

func FuzzGraphError(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"x","details":[{"code":"ObjectConflict","target":"mail"}],"innerError":{"request-id":"r"}}}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e := newGraphError(400, nil, body, testNow)
		require.NotEmpty(t, e.Error())
		_, code := sentinelOf(e)
		require.NotEmpty(t, code)
	})
}

func BenchmarkDecodePage(b *testing.B) {
	user, _ := testClasses(b, nil)
	text := benchPage(999)
	d := &decoder{class: user}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	objects := 0
	for b.Loop() {
		p, err := d.page(text)
		if err != nil {
			b.Fatal(err)
		}
		for i := range p.entries {
			_ = d.object(&p.entries[i])
		}
		objects += len(p.entries)
	}
	b.ReportMetric(float64(objects)/b.Elapsed().Seconds(), "users/s")
}

// benchPage is a page of users with most of their properties.
func benchPage(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users","value":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"aaaaaaaa-0000-4000-8000-%012d","accountEnabled":true,"businessPhones":["+1 425 555 %04d"],"city":"Redmond",`+
			`"companyName":"Contoso","country":"United States","createdDateTime":"2026-01-01T00:00:00Z","department":"Engineering",`+
			`"displayName":"User Number %d","employeeId":"%06d","employeeType":"Employee","faxNumber":null,"givenName":"User","jobTitle":"Engineer",`+
			`"mail":"user%d@contoso.com","mailNickname":"user%d","mobilePhone":"+1 425 555 0100","officeLocation":"Building 1",`+
			`"onPremisesDistinguishedName":null,"onPremisesDomainName":null,"onPremisesExtensionAttributes":{"extensionAttribute1":"one","extensionAttribute2":null,`+
			`"extensionAttribute3":null,"extensionAttribute4":null,"extensionAttribute5":null},"onPremisesImmutableId":"QF5HMK7n80qvdYs%09d=",`+
			`"onPremisesSamAccountName":null,"onPremisesSecurityIdentifier":null,"onPremisesSyncEnabled":null,"otherMails":[],"postalCode":"98052",`+
			`"preferredLanguage":"en-US","proxyAddresses":["SMTP:user%d@contoso.com"],"state":"WA","streetAddress":"One Way","surname":"Number %d",`+
			`"usageLocation":"US","userPrincipalName":"user%d@contoso.com","userType":"Member"}`, i, i, i, i, i, i, i, i, i, i)
	}
	b.WriteString(`],"@odata.nextLink":"https://graph.microsoft.com/v1.0/users/delta()?$skiptoken=x"}`)
	return b.Bytes()
}
