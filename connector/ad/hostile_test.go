package ad_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// hostileNames are common names with everything that means something in a DN, a filter or
// a terminal.
func hostileNames() []string {
	return []string{
		`comma, name`, `plus+name`, `"quoted"`, `back\slash`, `<less>`, `semi;colon`, `#hash`, `equals=sign`, ` lead`, `trail `,
		`(paren)`, `star*`, `\2a\28`, `CN=inner,OU=fake`, "tab\tname", "line\nbreak", "bell\abell", `ümläut ß ı İ`, `日本語`, "e\u0301", `👩‍👩‍👧`, `a\,b`, `x,`, `\`,
	}
}

// escapeDN writes a value in a DN with every octet that could mean something as hexadecimal.
func escapeDN(value string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if c < 0x80 && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%02x`, c)
		}
	}
	return b.String()
}

// checkHostileNames imports objects with such names, reads them by DN, and follows
// references to them, renames and deletions.
func checkHostileNames(t *testing.T, o ad.Options, base string, add func(dn, account string), rename func(dn, rdn string), erase func(dn string)) {
	t.Helper()
	s := open(t, directory(t, o))
	v := full(t, s)
	for i, name := range hostileNames() {
		add("CN="+escapeDN(name)+","+base, fmt.Sprint("hostile", i))
	}
	v.delta(t, s)
	require.Len(t, v.objects, len(hostileNames()))
	v.equal(t, full(t, s))
	reader, _ := connector.As[connector.ObjectReader](s)
	for i, name := range hostileNames() {
		var found *connector.Object
		for item, err := range reader.ReadObjects(t.Context(), []connector.Key{{DN: "CN=" + escapeDN(name) + "," + base}}) {
			require.NoError(t, err)
			found = item.Object
			require.Equal(t, connector.ItemObject, item.Kind, "%q", name)
		}
		require.Equal(t, name, found.Attributes.Text("cn"))
		require.Equal(t, fmt.Sprint("hostile", i), found.Attributes.Text("sAMAccountName"))
		require.True(t, v.has(found.DN), "%s is spelled the same way everywhere", found.DN)
		rename(found.DN, "CN="+escapeDN(name+"2"))
	}
	v.delta(t, s)
	renamed := v.objects // where the scope is restricted
	for _, u := range v.updates {
		renamed = append(renamed, u.Object)
	}
	require.Len(t, renamed, len(hostileNames()))
	v.equal(t, full(t, s))
	for _, o := range renamed {
		erase(o.DN)
	}
	v.delta(t, s)
	require.Len(t, v.deletes, len(hostileNames()))
	v.equal(t, full(t, s))
}

func TestMockHostileNames(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	unit(t, dc, `OU=a\, \"b\" \+ \\c,`+dc.BaseDN())
	o := mockOptions(dc)
	o.Include = []string{`OU=a\2c \22b\22 \2b \5cc,` + dc.BaseDN()}
	base := o.Include[0]
	var before string
	checkHostileNames(t, o, base, func(dn, account string) {
		require.NoError(t, dc.Add(dn, adtest.Attrs{"objectClass": {"user"}, "sAMAccountName": {account}}))
		if before != "" {
			require.NoError(t, dc.Modify(dn, adtest.Replace("manager", before)))
		}
		before = dn
	}, func(dn, rdn string) {
		_, err := dc.Rename(dn, unescapeDN(strings.TrimPrefix(rdn, "CN=")))
		require.NoError(t, err)
	}, func(dn string) { require.NoError(t, dc.Delete(dn)) })
}

func unescapeDN(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			var c byte
			_, _ = fmt.Sscanf(text[i+1:i+3], "%02x", &c)
			b.WriteByte(c)
			i += 2
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func TestSambaHostileNames(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, nil)
	checkHostileNames(t, adminOptions(d), "CN=Users,"+d.BaseDN, func(dn, account string) {
		d.MustEdit(t, "dn: "+dn+"\nchangetype: add\nobjectClass: user\nsAMAccountName: "+account+"\n")
	}, func(dn, rdn string) {
		d.MustEdit(t, "dn:: "+base64.StdEncoding.EncodeToString([]byte(dn))+"\nchangetype: modrdn\nnewrdn: "+rdn+"\ndeleteoldrdn: 1\n")
	}, func(dn string) {
		d.MustEdit(t, "dn:: "+base64.StdEncoding.EncodeToString([]byte(dn))+"\nchangetype: delete\n")
	})
}

// A value that cannot be read is the trouble of its object, in full and in delta imports.
func TestMockHostileValues(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	good := dc.Must(dc.AddUser("good", nil))
	s := open(t, directory(t, mockOptions(dc)))
	v := full(t, s)
	bad := map[string][]string{
		"displayName":        {"not \xff\xfe UTF-8"},
		"description":        {"\x00\x01\x02 binary \xc3"},
		"userAccountControl": {"five hundred and twelve"},
		"accountExpires":     {"99999999999999999999999"},
		"proxyAddresses":     {"smtp:good@contoso.test", "smtp:\xed\xa0\x80@contoso.test"}, // half a surrogate pair
	}
	for name, values := range bad {
		dn := dc.Must(dc.AddUser("bad-"+name, nil))
		require.NoError(t, dc.Corrupt(dn, name, values...))
	}
	require.NoError(t, dc.Modify(good, adtest.Replace("title", "x")))
	check := func(troubles []error) {
		t.Helper()
		require.Len(t, troubles, len(bad))
		seen := map[string]bool{}
		for _, err := range troubles {
			var own *connector.Error
			require.ErrorAs(t, err, &own)
			require.Equal(t, connector.CodeInvalidValue, own.Code)
			require.Contains(t, own.Object.DN, "bad-"+own.Attribute, "object and attribute are named")
			require.NotContains(t, err.Error(), "five hundred")
			require.NotContains(t, err.Error(), "\xff")
			seen[own.Attribute] = true
		}
		require.Len(t, seen, len(bad))
	}
	delta, _ := connector.As[connector.DeltaImporter](s)
	require.NoError(t, v.take(delta.DeltaImport(t.Context(), v.mark, connector.ImportRequest{})))
	check(v.troubles)
	require.NotEmpty(t, v.mark)
	require.Equal(t, "x", v.at(t, good).Attributes.Text("title"))

	importer, _ := connector.As[connector.FullImporter](s)
	require.NoError(t, v.take(importer.FullImport(t.Context(), connector.ImportRequest{})))
	check(v.troubles)

	// Now they change again, and it is an update that is in trouble.
	for name, values := range bad {
		require.NoError(t, dc.Corrupt("CN=bad-"+name+",CN=Users,"+dc.BaseDN(), name, values...))
	}
	require.NoError(t, v.take(delta.DeltaImport(t.Context(), v.mark, connector.ImportRequest{})))
	check(v.troubles)
}

// Values of 5,000 characters, and 300 of one attribute, in the mock and in Samba.
func TestMockLargeValues(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	dn := dc.Must(dc.AddUser("large", nil))
	testLargeValues(t, mockOptions(dc), dn, func(url string, addresses []string) {
		require.NoError(t, dc.Modify(dn, adtest.Replace("url", url), adtest.Replace("proxyAddresses", addresses...)))
	})
}

func TestSambaLargeValues(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 1})
	dn := d.Population.UserDN(1)
	testLargeValues(t, adminOptions(d), dn, func(url string, addresses []string) {
		var edit strings.Builder
		fmt.Fprintf(&edit, "dn: %s\nchangetype: modify\nreplace: url\nurl:: %s\n-\nreplace: proxyAddresses\n", dn, base64.StdEncoding.EncodeToString([]byte(url)))
		for _, a := range addresses {
			fmt.Fprintf(&edit, "proxyAddresses: %s\n", a)
		}
		d.MustEdit(t, edit.String())
	})
}

func testLargeValues(t *testing.T, o ad.Options, dn string, set func(url string, addresses []string)) {
	long := strings.Repeat("äbc\u00a0", 1250) // 5,000 characters
	addresses := make([]string, 300)
	for i := range addresses {
		addresses[i] = fmt.Sprintf("smtp:somebody.%03d@contoso.test", i)
	}
	set(long, addresses)
	s := open(t, directory(t, o))
	v := full(t, s)
	require.Equal(t, long, v.at(t, dn).Attributes.Text("url"))
	require.Len(t, v.at(t, dn).Attributes.Values("proxyAddresses"), 300)
	set(long+"!", addresses[1:])
	v.delta(t, s)
	require.Equal(t, long+"!", v.at(t, dn).Attributes.Text("url"))
	require.Len(t, v.at(t, dn).Attributes.Values("proxyAddresses"), 299)
	v.equal(t, full(t, s))
}

func TestMockCyclicGroups(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	a, b := dc.Must(dc.AddGroup("a", nil)), dc.Must(dc.AddGroup("b", nil))
	require.NoError(t, dc.AddMember(a, b))
	require.NoError(t, dc.AddMember(b, a))
	s := open(t, directory(t, mockOptions(dc)))
	v := full(t, s)
	require.Equal(t, []attr.Value{attr.Reference(b)}, v.at(t, a).Attributes.Values("member"))
	c := dc.Must(dc.AddGroup("c", nil))
	require.NoError(t, dc.AddMember(b, c))
	require.NoError(t, dc.AddMember(c, a))
	v.delta(t, s)
	v.equal(t, full(t, s))
	require.NoError(t, dc.Delete(b))
	v.delta(t, s)
	v.equal(t, full(t, s))
}

// A spoiler passes octets on until one, which it changes, or cuts the connection at.
type spoiler struct {
	net.Conn
	mu   *sync.Mutex
	left *int
	flip byte // 0 cuts
}

func (s *spoiler) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if *s.left < 0 || *s.left >= n {
		*s.left -= n
		return n, err
	}
	at := *s.left
	*s.left = -1
	if s.flip == 0 {
		_ = s.Close()
		return at, io.ErrUnexpectedEOF
	}
	p[at] ^= s.flip
	return n, err
}

// Whatever octet of whatever answer is wrong, or the last: an import is right, or an error
// or the error of single objects, never a wrong deletion, a panic or an endless wait.
func TestMockSpoiltAnswers(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, &adtest.Options{AllowPlainBind: true, MaxPageSize: 7, MaxValRange: 5, OnMisuse: func(string) {}})
	population, err := dc.Populate(adtest.PopulationOptions{Users: 20, Groups: 3})
	require.NoError(t, err)
	require.NotEmpty(t, population.Users)
	o := mockOptions(dc)
	o.URLs, o.AllowPlainLoopback, o.CAFile = []string{dc.LDAPURL()}, true, ""
	o.Attributes = []string{"member", "displayName", "sAMAccountName", "userAccountControl"}
	whole := full(t, open(t, directory(t, o)))
	rapid.Check(t, func(r *rapid.T) {
		left := rapid.IntRange(0, 60_000).Draw(r, "left")
		flip := rapid.Byte().Draw(r, "flip")
		var mu sync.Mutex
		spoilt := o
		armed := false
		spoilt.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil || !armed {
				return c, err
			}
			return &spoiler{c, &mu, &left, flip}, nil
		}
		con, err := ad.New("x", spoilt)
		require.NoError(r, err)
		first, err := con.Open(t.Context(), connector.OpenOptions{}) // reads the schema, which is large
		require.NoError(r, err)
		require.NoError(r, first.Close(t.Context()))
		armed = true
		ad.SetRequestTimeout(con, 500*time.Millisecond) // an octet may be waited for that never comes
		s, err := con.Open(t.Context(), connector.OpenOptions{})
		if err != nil {
			return
		}
		defer func() { require.NoError(r, s.Close(t.Context())) }()
		importer, _ := connector.As[connector.FullImporter](s)
		v := newView()
		if err := v.take(importer.FullImport(t.Context(), connector.ImportRequest{})); err != nil {
			require.Empty(r, v.mark)
			return
		}
		if flip == 0 {
			require.Len(r, v.byAnchor, len(whole.byAnchor), "what was cut is missed")
		}
	})
}
