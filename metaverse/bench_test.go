package metaverse_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/rules"
)

const benchUsers, benchGroups = 5000, 250

// BenchmarkFullSync synchronises a company by the standard rules into a durable store:
// first when every object is new, then when nothing has changed.
func BenchmarkFullSync(b *testing.B) {
	for _, first := range []bool{true, false} {
		b.Run(fmt.Sprintf("first=%t", first), func(b *testing.B) {
			measure(b, metaverse.FullSync, func() *metaverse.Engine {
				e := company(b, benchUsers, benchGroups)
				mustRun(b, e, "ad", metaverse.FullImport)
				if !first {
					mustRun(b, e, "ad", metaverse.FullSync)
				}
				return e
			})
		})
	}
}

// BenchmarkFullImport imports a company into a durable store: first when the store is empty,
// then when nothing has changed. The objects are in memory and cost nothing.
func BenchmarkFullImport(b *testing.B) {
	for _, first := range []bool{true, false} {
		b.Run(fmt.Sprintf("first=%t", first), func(b *testing.B) {
			measure(b, metaverse.FullImport, func() *metaverse.Engine {
				e := unread(b, benchUsers, benchGroups)
				if !first {
					mustRun(b, e, "ad", metaverse.FullImport)
				}
				return e
			})
		})
	}
}

// measure runs one step of each engine that is made for it.
func measure(b *testing.B, step metaverse.StepKind, made func() *metaverse.Engine) {
	b.Helper()
	var objects, elapsed, busy float64
	for b.Loop() {
		b.StopTimer()
		e := made()
		b.StartTimer()
		before := processorTime()
		rec := mustRun(b, e, "ad", step)
		busy += float64((processorTime() - before).Nanoseconds())
		objects += float64(rec.Objects)
		elapsed += rec.Ended.Sub(rec.Started).Seconds()
	}
	b.ReportMetric(objects/elapsed, "objects/s")
	b.ReportMetric(busy/1000/objects, "cpu-µs/object")
}

func mustRun(b testing.TB, e *metaverse.Engine, name string, kind metaverse.StepKind) *metaverse.RunRecord {
	b.Helper()
	rec, err := e.Run(b.Context(), name, kind, nil)
	require.NoError(b, err)
	require.Zero(b, rec.Counters.Errors, "%+v", rec)
	return rec
}

// company makes an engine over a directory of users with about 22 attributes and groups of
// twenty members. The directory has been imported.
func company(b testing.TB, users, groups int) *metaverse.Engine {
	b.Helper()
	e := unread(b, users, groups)
	mustRun(b, e, "ad", metaverse.FullImport)
	return e
}

// unread is company before the import. Its full import shows no checkpoints, as that of Active
// Directory shows none.
func unread(b testing.TB, users, groups int) *metaverse.Engine {
	b.Helper()
	ad, err := memdir.New("ad", &memdir.Options{PageSize: 1000, Parameters: map[string]string{
		"Domain.FQDN": "contoso.test", "Domain.Netbios": "CONTOSO", "Domain.LDAP": "DC=contoso,DC=test",
		"Forest.FQDN": "contoso.test", "Forest.Netbios": "CONTOSO", "Forest.LDAP": "DC=contoso,DC=test",
	}})
	require.NoError(b, err)
	set, err := rules.Compile(rules.Standard(rules.StandardOptions{AD: []rules.ADConnector{{Name: "ad", Exchange: true}}, Entra: "cloud"}), nil)
	require.NoError(b, err)
	schema := &connector.Schema{}
	for _, name := range set.ExportAttributes("cloud") {
		a := connector.Attribute{Name: name, Kind: attr.KindString, MultiValued: true}
		if m, ok := set.Metaverse().Attribute(name); ok {
			a.Kind, a.MultiValued = m.Kind, m.MultiValued
		}
		schema.Attributes = append(schema.Attributes, a)
	}
	cloud, err := memdir.New("cloud", &memdir.Options{References: connector.ReferenceByAnchor, Schema: schema})
	require.NoError(b, err)
	store, err := sqlstore.Open(b.Context(), b.TempDir()+"/store.db", nil)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, store.Close()) })
	items := make([]connector.Item, users+groups)
	for i, o := range population(users, groups) {
		o.Anchor = connector.TextAnchor(o.DN)
		items[i] = connector.Item{Kind: connector.ItemObject, Object: &o}
	}
	e, err := metaverse.New(store, set, []connector.Connector{flow(ad, shows(items, -1, nil)), cloud}, nil)
	require.NoError(b, err)
	return e
}

func population(users, groups int) []connector.Object {
	var all []connector.Object
	for i := range users {
		o := connector.Object{Class: "user", DN: userDN(i)}
		put := func(name, format string) { o.Attributes.Put(name, attr.String(fmt.Sprintf(format, i))) }
		put("cn", "User %d")
		put("sAMAccountName", "u%06d")
		put("userPrincipalName", "user.%d@contoso.test")
		put("displayName", "User Number %d")
		put("givenName", "Given%d")
		put("sn", "Surname%d")
		put("mail", "user.%d@contoso.test")
		put("mailNickname", "user.%d")
		put("title", "Associate %d")
		put("department", "Department %d")
		put("company", "Contoso Ltd %d")
		put("telephoneNumber", "+1 425 555 %04d")
		put("l", "Seattle %d")
		put("st", "WA %d")
		put("postalCode", "%05d")
		put("streetAddress", "%d Main Street")
		put("physicalDeliveryOfficeName", "B%d")
		put("co", "Country %d")
		put("employeeID", "%d")
		o.Attributes.Put("proxyAddresses", attr.String(fmt.Sprintf("SMTP:user.%d@contoso.test", i)), attr.String(fmt.Sprintf("smtp:u%d@contoso.test", i)))
		o.Attributes.Put("objectGUID", attr.BinaryString(fmt.Sprintf("%016d", i)))
		o.Attributes.Put("objectSid", attr.BinaryString("\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00"+fmt.Sprintf("%016d", i)))
		o.Attributes.Put("userAccountControl", attr.Int(512))
		if i > 0 {
			o.Attributes.Put("manager", attr.Reference(userDN(i/10)))
		}
		all = append(all, o)
	}
	for i := range groups {
		o := connector.Object{Class: "group", DN: groupDN(i)}
		o.Attributes.Put("cn", attr.String(fmt.Sprintf("Group %d", i)))
		o.Attributes.Put("sAMAccountName", attr.String(fmt.Sprintf("g%d", i)))
		o.Attributes.Put("displayName", attr.String(fmt.Sprintf("Group %d", i)))
		o.Attributes.Put("objectGUID", attr.BinaryString(fmt.Sprintf("g%015d", i)))
		o.Attributes.Put("groupType", attr.Int(-2147483646))
		for j := range 20 {
			o.Attributes.Append("member", attr.Reference(userDN((i*20+j)%users)))
		}
		all = append(all, o)
	}
	return all
}
