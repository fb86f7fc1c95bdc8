package entratest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// dumpFile is the form of a dump. Objects are sorted by id and links by
// target, so equal directories have equal dumps but for revision and key.
type dumpFile struct {
	Tenant   string                  `json:"tenant"`
	Client   string                  `json:"client"`
	Revision uint64                  `json:"revision"`
	TokenKey string                  `json:"token_key"`
	Objects  map[string][]dumpObject `json:"objects"`

	Extensions []extension `json:"extensions,omitempty"`
	Grants     []roleGrant `json:"grants,omitempty"`

	Eligible []eligibility `json:"eligible,omitempty"`
}

type dumpObject struct {
	ID         string                     `json:"id"`
	Deleted    *time.Time                 `json:"deleted,omitempty"`
	Properties map[string]json.RawMessage `json:"properties"`
	Keys       json.RawMessage            `json:"keys,omitempty"`
	Manager    string                     `json:"manager,omitempty"`
	Members    []string                   `json:"members,omitempty"`
	Owners     []string                   `json:"owners,omitempty"`
}

// Dump writes the whole directory as JSON in a stable order. [Server.Load]
// reads it back; delta links given out before the dump go on working then.
func (s *Server) Dump(w io.Writer) error {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	f := dumpFile{
		Tenant: s.TenantID, Client: s.ClientID, Revision: s.state.rev,
		TokenKey: base64.StdEncoding.EncodeToString(*s.tokenKey.Load()), Objects: make(map[string][]dumpObject),
		Extensions: s.state.extensions, Grants: s.state.grants, Eligible: s.state.eligible,
	}
	for _, o := range s.state.byID {
		f.Objects[o.kind.name] = append(f.Objects[o.kind.name], dumpOf(o))
	}
	for _, list := range f.Objects {
		slices.SortFunc(list, func(a, b dumpObject) int { return strings.Compare(a.ID, b.ID) })
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	if err := enc.Encode(f); err != nil {
		return fmt.Errorf("entratest: dump: %w", err)
	}
	return nil
}

func dumpOf(o *object) dumpObject {
	d := dumpObject{ID: o.id, Properties: make(map[string]json.RawMessage, len(o.vals)), Members: allIDs(o.members), Owners: allIDs(o.owners)}
	if len(o.keys) > 0 {
		d.Keys = keysJSON(o.keys, true)
	}
	for _, v := range o.vals {
		d.Properties[v.p.name] = raw(v.v)
	}
	if !o.deleted.IsZero() {
		at := o.deleted.UTC()
		d.Deleted = &at
	}
	if o.manager != nil {
		d.Manager = o.manager.id
	}
	return d
}

func allIDs(set *ordered) []string {
	var out []string
	for _, o := range set.all() {
		out = append(out, o.id)
	}
	slices.Sort(out)
	return out
}

// Load replaces the directory with a dump's. The tenant and the application
// have to be those of the dump: give both in [Options], for which
// [DumpIdentity] reads them.
func (s *Server) Load(r io.Reader) error {
	var f dumpFile
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return fmt.Errorf("entratest: load: %w", err)
	}
	if f.Tenant != s.TenantID || f.Client != s.ClientID {
		return errors.New("entratest: load: the dump is of another tenant or application")
	}
	key, err := base64.StdEncoding.DecodeString(f.TokenKey)
	if err != nil || len(key) == 0 {
		return errors.New("entratest: load: bad token key")
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	fresh := &state{cat: s.state.cat, domains: s.state.domains}
	if err := fresh.load(f, s.Now()); err != nil {
		return fmt.Errorf("entratest: load: %w", err)
	}
	s.state.adopt(fresh, f.Revision)
	s.tokenKey.Store(&key)
	if sp := s.state.appIDs["servicePrincipal/"+strings.ToLower(s.ClientID)]; sp != nil {
		s.setOwnPrincipal(sp.id)
	}
	return nil
}

// adopt takes over what was loaded. The change log starts afresh, at the
// revision of the dump, so that its delta links go on working.
func (s *state) adopt(fresh *state, rev uint64) {
	s.byID, s.live, s.deleted = fresh.byID, fresh.live, fresh.deleted
	s.upns, s.anchors, s.addresses, s.appIDs = fresh.upns, fresh.anchors, fresh.addresses, fresh.appIDs
	s.grants, s.extensions, s.nextPurge = fresh.grants, fresh.extensions, fresh.nextPurge
	s.eligible = fresh.eligible
	s.rev, s.floor, s.log = rev, rev, nil
	for _, o := range s.byID {
		o.changes = nil
	}
}

// DumpIdentity reads the tenant and application ids of a dump.
func DumpIdentity(r io.Reader) (tenant, client string, err error) {
	var f struct{ Tenant, Client string }
	if err := json.NewDecoder(r).Decode(&f); err != nil {
		return "", "", fmt.Errorf("entratest: dump: %w", err)
	}
	return f.Tenant, f.Client, nil
}

// load fills an empty state.
func (s *state) load(f dumpFile, now time.Time) error {
	s.reset()
	for _, x := range f.Extensions {
		if len(x.Targets) == 0 || slices.Contains(x.Targets, "") {
			return errors.New("an extension has no targets")
		}
		s.define(x)
	}
	s.grants, s.eligible = f.Grants, f.Eligible
	for _, k := range s.cat.kinds {
		for _, d := range f.Objects[k.name] {
			if err := s.loadObject(k, d); err != nil {
				return fmt.Errorf("%s %s: %w", k.name, d.ID, err)
			}
		}
	}
	for _, list := range f.Objects {
		for _, d := range list {
			if err := s.loadLinks(d, now); err != nil {
				return fmt.Errorf("%s: %w", d.ID, err)
			}
		}
	}
	return nil
}

func (s *state) loadObject(k *kind, d dumpObject) error {
	if s.byID[d.ID] != nil {
		return errors.New("the id is there twice")
	}
	o := &object{id: d.ID, kind: k}
	for name, rawValue := range d.Properties {
		p := k.byName[name]
		if p == nil {
			return fmt.Errorf("no property %s", name)
		}
		v, f := decodeValue(&property{name: p.name, typ: p.typ, fields: p.fields}, rawValue, nil)
		if f != nil {
			return f
		}
		if b, ok := v.(json.RawMessage); ok {
			v = json.RawMessage(bytes.Clone(b))
		}
		o.set(p, v)
	}
	if len(d.Keys) > 0 {
		keys, f := editKeys(&edit{vals: []value{{k.byName["keyCredentials"], d.Keys}}})
		if f != nil {
			return f
		}
		o.setKeys(keys)
	}
	if d.Deleted == nil {
		if f := s.clash(o, o.vals); f != nil {
			return f
		}
		s.byID[o.id] = o
		s.live[k].add(o)
		s.index(o)
		return nil
	}
	o.deleted = *d.Deleted
	s.byID[o.id] = o
	s.deleted[k].add(o)
	if a := o.str("onPremisesImmutableId"); a != "" {
		s.anchors[a] = o
	}
	if due := o.deleted.Add(softDeleteWindow); s.nextPurge.IsZero() || due.Before(s.nextPurge) {
		s.nextPurge = due
	}
	return nil
}

func (s *state) loadLinks(d dumpObject, now time.Time) error {
	o := s.byID[d.ID]
	for relation, ids := range map[string][]string{"members": d.Members, "owners": d.Owners} {
		for _, id := range ids {
			t := s.byID[id]
			if t == nil {
				return fmt.Errorf("no object %s", id)
			}
			s.link(o, relation, t, now)
		}
	}
	if d.Manager != "" {
		m := s.byID[d.Manager]
		if m == nil {
			return fmt.Errorf("no object %s", d.Manager)
		}
		s.setManager(o, m, now)
	}
	return nil
}
