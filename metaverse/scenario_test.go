package metaverse_test

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/rules"
)

// lab is a deployment of two forests and a cloud directory, with rules of the test's own.
type lab struct {
	t      *testing.T
	dirs   map[string]*memdir.Directory
	order  []string // in which steps are run
	store  *sqlstore.Store
	rules  *rules.Set
	engine *metaverse.Engine
}

func newLab(t *testing.T, rs ...rules.Rule) *lab {
	t.Helper()
	l := &lab{t: t, dirs: make(map[string]*memdir.Directory), order: []string{"a", "b", "cloud"}}
	for _, name := range l.order {
		var opts *memdir.Options
		if name == "cloud" {
			schema := cloudSchema()
			schema.Classes = append(schema.Classes, connector.Class{Name: "contact", Export: true, Attributes: []string{"displayName", "sourceAnchor"}})
			opts = &memdir.Options{References: connector.ReferenceByAnchor, ReferencesLast: true, Unique: []string{"sourceAnchor"}, Schema: schema}
		}
		d, err := memdir.New(name, opts)
		require.NoError(t, err)
		l.dirs[name] = d
	}
	store, err := sqlstore.OpenMemory(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	l.store = store
	l.compile(rs...)
	return l
}

func (l *lab) compile(rs ...rules.Rule) {
	l.t.Helper()
	m := &rules.MetaverseSchema{Classes: []string{"person", "group"}}
	for _, name := range []string{"accountName", "displayName", "employeeID", "mail", "mailNickname", "objectSid", "sourceAnchor"} {
		m.Attributes = append(m.Attributes, rules.MetaverseAttribute{Name: name, Kind: attr.KindString})
	}
	m.Attributes = append(m.Attributes, rules.MetaverseAttribute{Name: "member", Kind: attr.KindReference, MultiValued: true})
	slices.SortFunc(m.Attributes, func(a, b rules.MetaverseAttribute) int { return attr.CompareNames(a.Name, b.Name) })
	var err error
	l.rules, err = rules.Compile(rs, &rules.CompileOptions{Metaverse: m})
	require.NoError(l.t, err)
	l.restart(l.store)
}

// restart makes a new engine, as a restarted process would.
func (l *lab) restart(store metaverse.Store) {
	l.t.Helper()
	var err error
	l.engine, err = metaverse.New(store, l.rules, []connector.Connector{l.dirs["a"], l.dirs["b"], l.dirs["cloud"]}, nil)
	require.NoError(l.t, err)
}

// put makes or replaces an object; attributes come in pairs.
func (l *lab) put(dir, class, dn string, pairs ...string) {
	l.t.Helper()
	o := connector.Object{Class: class, DN: dn}
	for i := 0; i < len(pairs); i += 2 {
		o.Attributes.Append(pairs[i], attr.String(pairs[i+1]))
	}
	require.NoError(l.t, l.dirs[dir].Put(o))
}

func (l *lab) refer(dir, dn, attribute string, targets ...string) {
	l.t.Helper()
	m := attr.Mod{Name: attribute}
	for _, dn := range targets {
		m.Adds = append(m.Adds, attr.Reference(dn))
	}
	require.NoError(l.t, l.dirs[dir].Modify(connector.Key{DN: dn}, m))
}

func (l *lab) remove(dir, dn string) {
	l.t.Helper()
	require.NoError(l.t, l.dirs[dir].Delete(connector.Key{DN: dn}))
}

// cycle imports, synchronises and exports until nothing is left to do, and checks the store.
func (l *lab) cycle() {
	l.t.Helper()
	for range 3 {
		for _, kind := range []metaverse.StepKind{metaverse.DeltaImport, metaverse.DeltaSync} {
			for _, name := range l.order {
				_, err := l.engine.Run(l.t.Context(), name, kind, &metaverse.RunOptions{AcceptDeletions: true})
				require.NoError(l.t, err)
			}
		}
		for _, name := range l.order {
			_, err := l.engine.Run(l.t.Context(), name, metaverse.Export, nil)
			require.NoError(l.t, err)
		}
	}
	problems, err := l.store.Check(l.t.Context())
	require.NoError(l.t, err)
	require.Empty(l.t, problems)
}

// people returns what each identity is linked to, in order.
func (l *lab) people() (out [][]string) {
	l.t.Helper()
	page, err := l.engine.SearchMV(l.t.Context(), metaverse.MVQuery{})
	require.NoError(l.t, err)
	for _, m := range page.Objects {
		x, err := l.engine.ExplainMV(l.t.Context(), m.ID)
		require.NoError(l.t, err)
		var linked []string
		for _, o := range x.Linked {
			if o.Connector != "cloud" {
				linked = append(linked, o.Connector+":"+o.DN)
			}
		}
		slices.Sort(linked)
		out = append(out, linked)
	}
	slices.SortFunc(out, slices.Compare)
	return out
}

func (l *lab) errors() (errs []metaverse.ObjectError) {
	l.t.Helper()
	require.NoError(l.t, l.store.View(l.t.Context(), func(rd metaverse.Reader) (err error) {
		errs, err = rd.ObjectErrors("", -1, 100)
		return err
	}))
	return errs
}

// cloud returns the classes of the cloud's objects by source anchor.
func (l *lab) cloud() map[string]string {
	out := make(map[string]string)
	for o := range l.dirs["cloud"].All() {
		out[o.Attributes.Text("sourceAnchor")] = o.Class
	}
	return out
}

func inbound(id, dir, class string, link rules.LinkType, precedence int, join []rules.JoinGroup, flows ...rules.Flow) rules.Rule {
	return rules.Rule{ID: id, Name: id, Direction: rules.Inbound, Connector: dir, SourceType: class, TargetType: "person",
		LinkType: link, Precedence: precedence, Join: join, Flows: flows}
}

func on(cs, mv string) rules.JoinGroup { return rules.JoinGroup{{CS: cs, MV: mv}} }

func userFlows() []rules.Flow {
	return []rules.Flow{direct("accountName", "sAMAccountName"), direct("displayName", "displayName"), direct("employeeID", "employeeID"),
		direct("mail", "mail"), direct("mailNickname", "mailNickname"), direct("objectSid", "objectSid")}
}

func outUser() rules.Rule {
	return rules.Rule{ID: "out", Name: "out", Direction: rules.Outbound, Connector: "cloud", SourceType: "person", TargetType: "user",
		LinkType: rules.Provision, Precedence: 500, Scope: []rules.ScopeGroup{{{Attribute: "sourceAnchor", Operator: rules.IsNotNull}}},
		Flows: []rules.Flow{direct("sourceAnchor", "sourceAnchor"), direct("displayName", "displayName")}}
}

// Forests find each other's people by every kind of criterion, whichever comes first.
func TestJoinsAcrossForests(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		join []rules.JoinGroup
		a, b []string // attributes of the user in each forest
		want bool     // one person
	}{
		{"mail", []rules.JoinGroup{on("mail", "mail")}, []string{"mail", "Ann@contoso.test"}, []string{"mail", "ann@contoso.test"}, true},
		{"SID of the master account", []rules.JoinGroup{on("msExchMasterAccountSid", "objectSid"), on("objectSid", "objectSid")},
			[]string{"objectSid", "S-1-5-21-1"}, []string{"msExchMasterAccountSid", "S-1-5-21-1", "objectSid", "S-1-5-21-2"}, true},
		{"SID of the originator", []rules.JoinGroup{on("objectSid", "objectSid"), on("msExchMasterAccountSid", "objectSid"), on("msRTCSIP-OriginatorSid", "objectSid")},
			[]string{"objectSid", "S-1-5-21-1"}, []string{"msRTCSIP-OriginatorSid", "S-1-5-21-1", "objectSid", "S-1-5-21-2"}, true},
		{"own attribute", []rules.JoinGroup{on("employeeID", "employeeID")}, []string{"employeeID", "7"}, []string{"employeeID", "7"}, true},
		{"account name and nickname", []rules.JoinGroup{{{CS: "sAMAccountName", MV: "accountName"}, {CS: "mailNickname", MV: "mailNickname"}}},
			[]string{"sAMAccountName", "ann", "mailNickname", "ann"}, []string{"sAMAccountName", "ann", "mailNickname", "ann"}, true},
		{"one of two clauses", []rules.JoinGroup{{{CS: "sAMAccountName", MV: "accountName"}, {CS: "mailNickname", MV: "mailNickname"}}},
			[]string{"sAMAccountName", "ann", "mailNickname", "ann"}, []string{"sAMAccountName", "ann", "mailNickname", "bob"}, false},
		{"second group", []rules.JoinGroup{on("employeeID", "employeeID"), on("mail", "mail")},
			[]string{"mail", "ann@contoso.test"}, []string{"employeeID", "7", "mail", "ann@contoso.test"}, true},
		{"nothing in common", []rules.JoinGroup{on("mail", "mail")}, []string{"mail", "ann@contoso.test"}, []string{"mail", "bob@contoso.test"}, false},
	}
	for _, tt := range tests {
		for _, order := range [][]string{{"a", "b", "cloud"}, {"b", "a", "cloud"}} {
			t.Run(tt.name+"/"+order[0], func(t *testing.T) {
				t.Parallel()
				l := newLab(t,
					inbound("in-a", "a", "user", rules.Provision, 100, []rules.JoinGroup{on("objectSid", "objectSid"), on("mail", "mail"),
						on("employeeID", "employeeID"), {{CS: "sAMAccountName", MV: "accountName"}, {CS: "mailNickname", MV: "mailNickname"}}}, userFlows()...),
					inbound("in-b", "b", "user", rules.Join, 101, tt.join, direct("displayName", "displayName")), outUser())
				l.order = order
				l.put("a", "user", "CN=Ann,DC=a", append(tt.a, "displayName", "Ann A")...)
				l.put("b", "user", "CN=Ann,DC=b", append(tt.b, "displayName", "Ann B")...)
				l.cycle()
				if tt.want {
					require.Equal(t, [][]string{{"a:CN=Ann,DC=a", "b:CN=Ann,DC=b"}}, l.people())
				} else {
					require.Equal(t, [][]string{{"a:CN=Ann,DC=a"}}, l.people())
				}
				require.Empty(t, l.errors())
			})
		}
	}
}

// A join that finds two people joins neither; when one of them goes, it joins the other.
func TestAmbiguousJoinWaits(t *testing.T) {
	t.Parallel()
	l := newLab(t, inbound("in-a", "a", "user", rules.Provision, 100, nil, userFlows()...),
		inbound("in-b", "b", "user", rules.Join, 101, []rules.JoinGroup{on("mail", "mail")}, direct("displayName", "displayName")))
	l.put("a", "user", "CN=Ann,DC=a", "mail", "ann@contoso.test")
	l.put("a", "user", "CN=Other,DC=a", "mail", "ann@contoso.test")
	l.put("b", "user", "CN=Ann,DC=b", "mail", "ann@contoso.test")
	l.cycle()
	require.Equal(t, [][]string{{"a:CN=Ann,DC=a"}, {"a:CN=Other,DC=a"}}, l.people())
	l.remove("a", "CN=Other,DC=a")
	l.cycle()
	require.Equal(t, [][]string{{"a:CN=Ann,DC=a", "b:CN=Ann,DC=b"}}, l.people())
}

// Two objects of one connector never share an identity: the second is in trouble, and is
// taken in when the first has gone.
func TestTwoObjectsOfOneConnector(t *testing.T) {
	t.Parallel()
	l := newLab(t, inbound("in-a", "a", "user", rules.Provision, 100, nil, userFlows()...),
		inbound("in-b", "b", "user", rules.Join, 101, []rules.JoinGroup{on("mail", "mail")}, direct("displayName", "displayName")))
	l.put("a", "user", "CN=Ann,DC=a", "mail", "ann@contoso.test")
	l.put("b", "user", "CN=Ann 1,DC=b", "mail", "ann@contoso.test")
	l.put("b", "user", "CN=Ann 2,DC=b", "mail", "ann@contoso.test")
	l.cycle()
	require.Equal(t, [][]string{{"a:CN=Ann,DC=a", "b:CN=Ann 1,DC=b"}}, l.people())
	errs := l.errors()
	require.Len(t, errs, 1)
	require.Equal(t, "ambiguous-import-flow-from-multiple-connectors", errs[0].Code)
	require.Equal(t, "CN=Ann 2,DC=b", errs[0].Object.DN)
	l.remove("b", "CN=Ann 1,DC=b")
	l.cycle()
	require.Equal(t, [][]string{{"a:CN=Ann,DC=a", "b:CN=Ann 2,DC=b"}}, l.people())
	require.Empty(t, l.errors())
}

// A plain join does not keep an identity alive, a sticky one does until its object goes.
func TestStickyJoin(t *testing.T) {
	t.Parallel()
	for _, link := range []rules.LinkType{rules.Join, rules.StickyJoin} {
		l := newLab(t, inbound("in-a", "a", "user", rules.Provision, 100, nil, append(userFlows(), direct("sourceAnchor", "employeeID"))...),
			inbound("in-b", "b", "user", link, 101, []rules.JoinGroup{on("mail", "mail")}, direct("displayName", "displayName"), direct("sourceAnchor", "employeeID")), outUser())
		l.put("a", "user", "CN=Ann,DC=a", "mail", "ann@contoso.test", "employeeID", "7", "displayName", "Ann A")
		l.put("b", "user", "CN=Ann,DC=b", "mail", "ann@contoso.test", "employeeID", "7", "displayName", "Ann B")
		l.cycle()
		require.Len(t, l.cloud(), 1)
		l.remove("a", "CN=Ann,DC=a")
		l.cycle()
		if link == rules.Join {
			require.Empty(t, l.people())
			require.Empty(t, l.cloud())
			continue
		}
		require.Equal(t, [][]string{{"b:CN=Ann,DC=b"}}, l.people())
		require.Len(t, l.cloud(), 1)
		for o := range l.dirs["cloud"].All() {
			require.Equal(t, "Ann B", o.Attributes.Text("displayName"), "what the one that left had supplied is recalled")
		}
		l.remove("b", "CN=Ann,DC=b")
		l.cycle()
		require.Empty(t, l.people())
		require.Empty(t, l.cloud())
	}
}

// A linked mailbox has no anchor of its own; its account brings one whenever it turns up.
func TestLinkedMailbox(t *testing.T) {
	t.Parallel()
	account := inbound("in-a", "a", "user", rules.Provision, 100, nil, append(userFlows(), direct("sourceAnchor", "employeeID"))...)
	mailbox := inbound("in-b", "b", "user", rules.Provision, 101, []rules.JoinGroup{on("msExchMasterAccountSid", "objectSid")},
		direct("mail", "mail"), direct("objectSid", "msExchMasterAccountSid"), direct("displayName", "displayName"))
	account.Join = []rules.JoinGroup{on("objectSid", "objectSid")}
	l := newLab(t, account, mailbox, outUser())
	l.put("b", "user", "CN=Box,DC=b", "mail", "ann@contoso.test", "msExchMasterAccountSid", "S-1-5-21-1", "displayName", "Box")
	l.cycle()
	require.Equal(t, [][]string{{"b:CN=Box,DC=b"}}, l.people())
	require.Empty(t, l.cloud(), "without its account it is not exported")
	l.put("a", "user", "CN=Ann,DC=a", "objectSid", "S-1-5-21-1", "employeeID", "7", "displayName", "Ann")
	l.cycle()
	require.Equal(t, [][]string{{"a:CN=Ann,DC=a", "b:CN=Box,DC=b"}}, l.people())
	require.Equal(t, map[string]string{"7": "user"}, l.cloud())
	l.remove("a", "CN=Ann,DC=a")
	l.cycle()
	require.Equal(t, [][]string{{"b:CN=Box,DC=b"}}, l.people())
	require.Empty(t, l.cloud())
}

// A contact that becomes a user is deleted and made anew in the cloud.
func TestContactPromotedToUser(t *testing.T) {
	t.Parallel()
	contact := inbound("in-contact", "a", "contact", rules.Provision, 100, nil, direct("sourceAnchor", "employeeID"), direct("displayName", "displayName"))
	contact.TargetType = "contact"
	user := inbound("in-user", "a", "user", rules.Provision, 101, nil, direct("sourceAnchor", "employeeID"), direct("displayName", "displayName"))
	outContact := outUser()
	outContact.ID, outContact.Name, outContact.SourceType, outContact.TargetType, outContact.Precedence = "out-contact", "out-contact", "contact", "contact", 501
	l := newLab(t)
	m := &rules.MetaverseSchema{Classes: []string{"contact", "person"}, Attributes: []rules.MetaverseAttribute{
		{Name: "displayName", Kind: attr.KindString}, {Name: "sourceAnchor", Kind: attr.KindString}}}
	set, err := rules.Compile([]rules.Rule{contact, user, outUser(), outContact}, &rules.CompileOptions{Metaverse: m})
	require.NoError(t, err)
	l.engine, err = metaverse.New(l.store, set, []connector.Connector{l.dirs["a"], l.dirs["b"], l.dirs["cloud"]}, nil)
	require.NoError(t, err)

	l.put("a", "contact", "CN=Ann,DC=a", "employeeID", "7", "displayName", "Ann")
	l.put("a", "group", "CN=Keep,DC=a") // so that the directory is never empty
	l.cycle()
	require.Equal(t, map[string]string{"7": "contact"}, l.cloud())
	l.remove("a", "CN=Ann,DC=a")
	l.put("a", "user", "CN=Ann,DC=a", "employeeID", "7", "displayName", "Ann")
	l.cycle()
	require.Equal(t, map[string]string{"7": "user"}, l.cloud())
	require.Empty(t, l.errors())
}

// An object that changes its class in place is another object to the rules.
func TestClassChange(t *testing.T) {
	t.Parallel()
	l := newLab(t, inbound("in-user", "a", "user", rules.Provision, 100, nil, direct("sourceAnchor", "employeeID"), direct("displayName", "displayName")),
		inbound("in-contact", "a", "contact", rules.Join, 101, []rules.JoinGroup{on("employeeID", "employeeID")}, direct("displayName", "displayName")), outUser())
	l.put("a", "user", "CN=Ann,DC=a", "employeeID", "7", "displayName", "Ann")
	l.put("a", "user", "CN=Bob,DC=a", "employeeID", "8", "displayName", "Bob")
	l.cycle()
	require.Len(t, l.cloud(), 2)
	l.put("a", "contact", "CN=Ann,DC=a", "employeeID", "7", "displayName", "Ann")
	_, err := l.engine.Run(t.Context(), "a", metaverse.DeltaImport, nil)
	require.NoError(t, err)
	page, err := l.engine.SearchCS(t.Context(), metaverse.CSQuery{Connector: "a", PendingImport: "any"})
	require.NoError(t, err)
	require.Len(t, page.Objects, 1)
	require.Equal(t, "delete-add", page.Objects[0].PendingImport)
	l.cycle()
	require.Equal(t, map[string]string{"8": "user"}, l.cloud(), "no rule makes people of contacts")
	l.put("a", "user", "CN=Ann,DC=a", "employeeID", "7", "displayName", "Ann")
	l.cycle()
	require.Equal(t, map[string]string{"7": "user", "8": "user"}, l.cloud())
	require.Empty(t, l.errors())
}

// A group's member of a foreign forest is a foreign security principal; in the cloud it is
// the user that it stands for.
func TestForeignSecurityPrincipalIsItsUser(t *testing.T) {
	t.Parallel()
	group := rules.Rule{ID: "in-group", Name: "in-group", Direction: rules.Inbound, Connector: "a", SourceType: "group", TargetType: "group",
		LinkType: rules.Provision, Precedence: 102, Flows: []rules.Flow{direct("sourceAnchor", "sAMAccountName"), direct("member", "member")}}
	outGroup := rules.Rule{ID: "out-group", Name: "out-group", Direction: rules.Outbound, Connector: "cloud", SourceType: "group", TargetType: "group",
		LinkType: rules.Provision, Precedence: 501, Flows: []rules.Flow{direct("sourceAnchor", "sourceAnchor"), direct("member", "member")}}
	fsp := inbound("in-fsp", "a", "foreignSecurityPrincipal", rules.Join, 103, []rules.JoinGroup{on("cn", "objectSid")})
	fsp.TargetType = "*"
	l := newLab(t, inbound("in-a", "a", "user", rules.Provision, 100, nil, append(userFlows(), direct("sourceAnchor", "employeeID"))...),
		inbound("in-b", "b", "user", rules.Provision, 101, nil, append(userFlows(), direct("sourceAnchor", "employeeID"))...), group, fsp, outUser(), outGroup)
	const foreign = "CN=S-1-5-21-9,CN=ForeignSecurityPrincipals,DC=a"
	l.put("a", "foreignSecurityPrincipal", foreign, "cn", "S-1-5-21-9")
	l.put("a", "user", "CN=Ann,DC=a", "employeeID", "7", "objectSid", "S-1-5-21-1")
	l.put("a", "group", "CN=Team,DC=a", "sAMAccountName", "team")
	l.refer("a", "CN=Team,DC=a", "member", "CN=Ann,DC=a", foreign)
	l.cycle()
	require.Equal(t, []string{"7"}, l.members(), "the foreign user is not known yet")
	l.put("b", "user", "CN=Bob,DC=b", "employeeID", "8", "objectSid", "S-1-5-21-9")
	l.cycle()
	require.Equal(t, []string{"7", "8"}, l.members())
	l.remove("b", "CN=Bob,DC=b")
	l.put("b", "user", "CN=Eve,DC=b", "employeeID", "9", "objectSid", "S-1-5-21-5")
	l.cycle()
	require.Equal(t, []string{"7"}, l.members())
	require.Empty(t, l.errors())
}

// hiding is a directory whose delta imports leave an object out.
type hiding struct {
	*memdir.Directory
	hidden connector.Anchor
}

type hidingSession struct {
	connector.Session
	hidden connector.Anchor
}

func (h *hiding) Open(ctx context.Context, o connector.OpenOptions) (connector.Session, error) {
	s, err := h.Directory.Open(ctx, o)
	return &hidingSession{s, h.hidden}, err
}

func (s *hidingSession) Unwrap() connector.Session { return s.Session }

func (s *hidingSession) DeltaImport(ctx context.Context, w connector.Watermark, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	inner, _ := connector.As[connector.DeltaImporter](s.Session)
	return func(yield func(connector.Item, error) bool) {
		for item, err := range inner.DeltaImport(ctx, w, r) {
			if item.Object != nil && item.Object.Anchor == s.hidden {
				continue
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

// ReadObjects says of the hidden object that it is not there.
func (s *hidingSession) ReadObjects(ctx context.Context, keys []connector.Key) iter.Seq2[connector.Item, error] {
	inner, _ := connector.As[connector.ObjectReader](s.Session)
	return func(yield func(connector.Item, error) bool) {
		for item, err := range inner.ReadObjects(ctx, keys) {
			if item.Object != nil && item.Object.Anchor == s.hidden {
				item = connector.Item{Kind: connector.ItemDelete, Object: &connector.Object{Anchor: s.hidden}}
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

// An object that lost its DN to another one and is not shown at a new one is reported, and
// keeps its identity.
func TestTransientObjects(t *testing.T) {
	t.Parallel()
	w := populated(t)
	one, err := w.ad.Get(connector.Key{DN: userDN(1)})
	require.NoError(t, err)
	require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(1)}, "CN=Moved,OU=People,DC=contoso,DC=test"))
	require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(2)}, userDN(1)))

	set, err := rules.Compile(w.rules, &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(t, err)
	engine, err := metaverse.New(w.store, set, []connector.Connector{&hiding{w.ad, one.Anchor}, w.cloud}, nil)
	require.NoError(t, err)
	rec, err := engine.Run(t.Context(), "ad", metaverse.DeltaImport, nil)
	require.NoError(t, err)
	require.Equal(t, metaverse.ResultTransient, rec.Result)
	require.NotEmpty(t, rec.Notes)
	w.run("ad", metaverse.DeltaSync)
	require.Zero(t, w.run("cloud", metaverse.Export).Objects, "nobody is mistaken for another")
	require.Equal(t, metaverse.ResultSuccess, w.run("ad", metaverse.FullImport).Result)
	w.settle()
	require.Equal(t, w.expected(), w.tenant())

	// A swap is over within the import.
	require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(1)}, "CN=tmp,DC=contoso,DC=test"))
	require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(3)}, userDN(1)))
	require.NoError(t, w.ad.Rename(connector.Key{DN: "CN=tmp,DC=contoso,DC=test"}, userDN(3)))
	require.Equal(t, metaverse.ResultSuccess, w.run("ad", metaverse.DeltaImport).Result)
}

// What waits to be written back to an object is dropped when the object loses its link.
func TestNothingIsExportedToWhatIsNotLinkedAnyMore(t *testing.T) {
	t.Parallel()
	back := rules.Rule{ID: "back", Name: "back", Direction: rules.Outbound, Connector: "b", SourceType: "person", TargetType: "user",
		LinkType: rules.Join, Precedence: 502, Flows: []rules.Flow{direct("description", "displayName")}}
	l := newLab(t, inbound("in-a", "a", "user", rules.Provision, 100, nil, userFlows()...),
		inbound("in-b", "b", "user", rules.Join, 101, []rules.JoinGroup{on("mail", "mail")}), back)
	l.put("a", "user", "CN=Ann,DC=a", "mail", "ann@contoso.test", "displayName", "Ann")
	l.put("a", "user", "CN=Bob,DC=a", "mail", "bob@contoso.test", "displayName", "Bob")
	l.put("b", "user", "CN=Ann,DC=b", "mail", "ann@contoso.test", "description", "old")
	for _, kind := range []metaverse.StepKind{metaverse.DeltaImport, metaverse.DeltaSync} {
		for _, name := range l.order {
			_, err := l.engine.Run(t.Context(), name, kind, nil)
			require.NoError(t, err)
		}
	}
	pending := metaverse.CSQuery{Connector: "b", PendingExport: "update"}
	page, err := l.engine.SearchCS(t.Context(), pending)
	require.NoError(t, err)
	require.Len(t, page.Objects, 1)
	l.remove("a", "CN=Ann,DC=a")
	for _, kind := range []metaverse.StepKind{metaverse.DeltaImport, metaverse.DeltaSync} {
		_, err := l.engine.Run(t.Context(), "a", kind, nil)
		require.NoError(t, err)
	}
	page, err = l.engine.SearchCS(t.Context(), pending)
	require.NoError(t, err)
	require.Empty(t, page.Objects)
	l.cycle()
	o, err := l.dirs["b"].Get(connector.Key{DN: "CN=Ann,DC=b"})
	require.NoError(t, err)
	require.Equal(t, "old", o.Attributes.Text("description"))
}

// A deletion that the directory took and did not carry out is sent again.
func TestUnconfirmedDeletionIsRepeated(t *testing.T) {
	t.Parallel()
	w := populated(t)
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
	w.cloud.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate {
		return memdir.Fate{Outcome: connector.Applied, Drop: true}
	}})
	w.delta()
	require.Len(t, w.anchors(), 5)
	w.cloud.SetFaults(memdir.Faults{})
	w.initial()
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
}
