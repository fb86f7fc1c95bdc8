package sqlstore_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

const benchBatch = 1000

func guid(i int) string {
	h := fnv.New128a()
	_ = binary.Write(h, binary.LittleEndian, int64(i))
	return string(h.Sum(nil))
}

func benchDN(i int) string {
	return fmt.Sprintf("CN=Given%d Surname%d,OU=Department %d,OU=People,DC=corp,DC=example,DC=com", i, i, i%100)
}

// adImage is a user as Active Directory shows it: 22 attributes, about 1.2 kB of values.
func adImage(i int) attr.Set {
	s, text := attr.Set{}, func(format string) attr.Value { return attr.String(fmt.Sprintf(format, i)) }
	for _, a := range []struct{ name, format string }{
		{"cn", "Given%[1]d Surname%[1]d"}, {"displayName", "Given%[1]d Surname%[1]d (Contoso)"}, {"givenName", "Given%d"}, {"sn", "Surname%d"},
		{"sAMAccountName", "user%07d"}, {"userPrincipalName", "given%[1]d.surname%[1]d@corp.example.com"}, {"mail", "given%[1]d.surname%[1]d@example.com"},
		{"department", "Department of Interesting Things %d"}, {"title", "Senior Engineer %d"}, {"company", "Contoso Corporation %d"},
		{"telephoneNumber", "+49 30 1234 %07d"}, {"mobile", "+49 170 %07d"}, {"streetAddress", "Long Street %d, third floor"}, {"l", "Berlin %d"},
		{"postalCode", "10%d"}, {"c", "DE"}, {"physicalDeliveryOfficeName", "Building %d"}, {"employeeID", "E%08d"},
		{"description", "A user made for a benchmark, number %d, whose description is as long as such texts usually are in a directory that people look after, or a little longer than that."},
	} {
		if a.name == "c" {
			s.Put(a.name, attr.String(a.format))
			continue
		}
		s.Put(a.name, text(a.format))
	}
	s.Put("proxyAddresses", text("SMTP:given%[1]d.surname%[1]d@example.com"), text("smtp:user%07d@corp.example.com"), text("smtp:g.surname%d@example.org"), text("x500:/o=Contoso/ou=Exchange Administrative Group/cn=Recipients/cn=user%07d"))
	s.Put("objectSid", attr.BinaryString("\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00"+guid(i)))
	s.Put("userAccountControl", attr.Int(512))
	return s
}

func mvImage(i int) attr.Set {
	s := adImage(i)
	s.Delete("objectSid")
	s.Delete("userAccountControl")
	s.Put("accountEnabled", attr.Bool(true))
	s.Put("sourceAnchor", attr.String(base64.StdEncoding.EncodeToString([]byte(guid(i)))))
	return s
}

// entraImage is the same user as Microsoft Entra ID shows it.
func entraImage(i int) attr.Set {
	all, s := mvImage(i), attr.Set{}
	for _, name := range []string{"displayName", "givenName", "sn", "userPrincipalName", "mail", "department", "title", "telephoneNumber", "mobile", "l", "postalCode", "accountEnabled", "sourceAnchor", "proxyAddresses"} {
		s.Put(name, all.Values(name)...)
	}
	return s
}

// phase times one phase over n identities in batches and reports identities per second.
func phase(b *testing.B, store metaverse.Store, name string, n int, fn func(tx metaverse.Tx, from, to int) error) {
	b.Helper()
	start := time.Now()
	for from := 0; from < n; from += benchBatch {
		require.NoError(b, store.Update(b.Context(), func(tx metaverse.Tx) error { return fn(tx, from, min(from+benchBatch, n)) }))
	}
	b.ReportMetric(float64(n)/time.Since(start).Seconds(), name+"/s")
}

// BenchmarkIdentities takes b.N people through the life of a store: import, an import without
// changes, synchronisation, an exporting pass, and the groups they are in. The times of SQLite and
// PostgreSQL side by side are those of
//
//	go test ./metaverse/sqlstore -run - -bench Identities -benchtime 100000x
func BenchmarkIdentities(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "store.db")
		store, err := sqlstore.Open(b.Context(), path, nil)
		require.NoError(b, err)
		identities(b, store)
		require.NoError(b, store.Close())
		info, err := os.Stat(path)
		require.NoError(b, err)
		b.ReportMetric(float64(info.Size())/float64(b.N), "B/identity")
	})
	b.Run("postgres", func(b *testing.B) {
		server := postgrestest.Start(b, &postgrestest.Options{Durable: true})
		store, err := sqlstore.Open(b.Context(), server.URL(), nil)
		require.NoError(b, err)
		identities(b, store)
		require.NoError(b, store.Close())
	})
}

func identities(b *testing.B, store metaverse.Store) {
	b.Helper()
	b.ReportAllocs()
	phase(b, store, "import", b.N, importBatch)
	phase(b, store, "reimport", b.N, reimportBatch)
	phase(b, store, "sync", b.N, syncBatch)
	phase(b, store, "confirm", b.N, confirmBatch)
	phase(b, store, "member", b.N, memberBatch)
	require.NoError(b, store.View(b.Context(), func(r metaverse.Reader) error {
		start := time.Now()
		_, err := r.CountCS("ad")
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "countcs-ms")
		return err
	}))
}

func importBatch(tx metaverse.Tx, from, to int) error {
	anchors := make([]connector.Anchor, 0, to-from)
	for i := from; i < to; i++ {
		anchors = append(anchors, connector.TextAnchor(guid(i)))
	}
	if _, err := tx.CSByAnchor("ad", anchors); err != nil {
		return err
	}
	var objects []*metaverse.CSObject
	var ids []metaverse.CSID
	for i := from; i < to; i++ {
		id, err := tx.NewCS(1)
		if err != nil {
			return err
		}
		dn := benchDN(i)
		ids = append(ids, id)
		objects = append(objects, &metaverse.CSObject{
			ID: id, Connector: "ad", Class: "user", Anchor: anchors[i-from], DN: dn, DNKey: attr.Fold(dn), Partition: "DC=corp,DC=example,DC=com",
			Imported: true, Image: adImage(i),
		})
	}
	if err := tx.PutCS(objects); err != nil {
		return err
	}
	keys := make([][]metaverse.ValueKey, len(ids))
	for i, o := range objects {
		keys[i] = []metaverse.ValueKey{{Attribute: "mail", Key: "s" + o.Image.Text("mail")}}
	}
	if err := tx.SetCSValues(ids, keys); err != nil {
		return err
	}
	if err := tx.SetPendingImport(metaverse.ImportAdd, ids); err != nil {
		return err
	}
	return tx.MarkSeen("ad", ids)
}

func reimportBatch(tx metaverse.Tx, from, to int) error {
	anchors := make([]connector.Anchor, 0, to-from)
	for i := from; i < to; i++ {
		anchors = append(anchors, connector.TextAnchor(guid(i)))
	}
	ids, err := tx.CSByAnchor("ad", anchors)
	if err != nil {
		return err
	}
	objects, err := tx.CS(ids)
	if err != nil {
		return err
	}
	for i, o := range objects {
		if image := adImage(from + i); !o.Image.Equal(&image) {
			return fmt.Errorf("object %d has changed", o.ID)
		}
	}
	return tx.MarkSeen("ad", ids)
}

func syncBatch(tx metaverse.Tx, from, to int) error {
	ids, err := tx.PendingImports("ad", 0, to-from)
	if err != nil {
		return err
	}
	objects, err := tx.CS(ids)
	if err != nil {
		return err
	}
	keys := make([]metaverse.ValueKey, len(objects))
	for i, o := range objects {
		keys[i] = metaverse.ValueKey{Attribute: "sourceAnchor", Key: "s" + o.Anchor.Raw()}
	}
	if _, err := tx.MVByValue(keys); err != nil {
		return err
	}
	mv, err := tx.NewMV(len(objects))
	if err != nil {
		return err
	}
	out, err := tx.NewCS(len(objects))
	if err != nil {
		return err
	}
	var people []*metaverse.MVObject
	var provisioned []*metaverse.CSObject
	var exports []*metaverse.PendingExport
	var all []metaverse.CSID
	var links []metaverse.Link
	var identities []metaverse.MVID
	var values [][]metaverse.ValueKey
	for i, o := range objects {
		p := &metaverse.MVObject{ID: mv + metaverse.MVID(i), Class: "person", Attributes: mvImage(from + i)}
		for name := range p.Attributes.Names() {
			p.Origins = append(p.Origins, metaverse.Origin{Attribute: name, Rule: "In from AD - User Common", CS: o.ID})
		}
		people = append(people, p)
		image := entraImage(from + i)
		id := out + metaverse.CSID(i)
		provisioned = append(provisioned, &metaverse.CSObject{ID: id, Connector: "entra", Class: "user", DN: image.Text("sourceAnchor"), DNKey: image.Text("sourceAnchor"), State: metaverse.Connected})
		exports = append(exports, &metaverse.PendingExport{CS: id, Connector: "entra", Op: connector.OpAdd, Pending: attr.Mods(&attr.Set{}, &image)})
		all = append(all, o.ID, id)
		links = append(links, metaverse.Link{MV: p.ID, Kind: metaverse.LinkProject, Rule: "In from AD - User Join"},
			metaverse.Link{MV: p.ID, Kind: metaverse.LinkProvision, Rule: "Out to Entra - User Join", Outbound: []metaverse.ReferenceFlow{{Target: "manager", Source: "manager", Rule: "Out to Entra - User Common"}}})
		identities, values = append(identities, p.ID), append(values, keys[i:i+1])
	}
	if err := tx.SetMVValues(identities, values); err != nil {
		return err
	}
	if err := tx.PutMV(people); err != nil {
		return err
	}
	if err := tx.PutCS(provisioned); err != nil {
		return err
	}
	if err := tx.PutCSState(ids, metaverse.Connected); err != nil {
		return err
	}
	if err := tx.SetLink(all, links); err != nil {
		return err
	}
	if err := tx.PutPendingExport(exports); err != nil {
		return err
	}
	return tx.SetPendingImport(metaverse.ImportNone, ids)
}

// confirmBatch is what the import after an export does: the objects get their images and
// anchors, the exports go.
func confirmBatch(tx metaverse.Tx, from, to int) error {
	exports, err := tx.ScanPendingExports("entra", 0, to-from)
	if err != nil {
		return err
	}
	ids := make([]metaverse.CSID, len(exports))
	for i, e := range exports {
		ids[i] = e.CS
	}
	objects, err := tx.CS(ids)
	if err != nil {
		return err
	}
	for i, o := range objects {
		o.Anchor, o.Imported, o.Image = connector.TextAnchor(guid(-1-from-i)), true, entraImage(from+i)
	}
	if err := tx.PutCS(objects); err != nil {
		return err
	}
	return tx.DeletePendingExport(ids)
}

// memberBatch puts everybody into a group, on both sides.
func memberBatch(tx metaverse.Tx, from, to int) error {
	cs := make([]metaverse.CSRef, 0, to-from)
	mv := make([]metaverse.MVRef, 0, to-from)
	for i := from; i < to; i++ {
		cs = append(cs, metaverse.CSRef{Source: metaverse.CSID(1 + i/200), Attribute: "member", Target: metaverse.CSID(1 + i)})
		mv = append(mv, metaverse.MVRef{Source: metaverse.MVID(1 + i/200), Attribute: "member", Target: metaverse.MVID(1 + i)})
	}
	if _, err := tx.HasCSRefs(cs); err != nil {
		return err
	}
	if err := tx.AddCSRefs(cs); err != nil {
		return err
	}
	return tx.AddMVRefs(mv)
}

// BenchmarkCountCSRefs counts the members of a group of 250,000.
func BenchmarkCountCSRefs(b *testing.B) {
	const members = 250_000
	store, err := sqlstore.OpenMemory(b.Context())
	require.NoError(b, err)
	defer store.Close()
	require.NoError(b, store.Update(b.Context(), func(tx metaverse.Tx) error {
		refs := make([]metaverse.CSRef, members)
		for i := range refs {
			refs[i] = metaverse.CSRef{Source: 1, Attribute: "member", Target: metaverse.CSID(i + 2)}
		}
		return tx.AddCSRefs(refs)
	}))
	require.NoError(b, store.View(b.Context(), func(r metaverse.Reader) error {
		for b.Loop() {
			n, err := r.CountCSRefs(1, "member")
			if err != nil || n != members {
				return fmt.Errorf("%d members: %w", n, err)
			}
		}
		return nil
	}))
}
