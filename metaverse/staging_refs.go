package metaverse

import (
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// refChanges collects the changes of references in one batch of an import.
type refChanges struct {
	adds, deletes []CSRef
	dirty         map[CSID]bool   // sources with changes that are not written yet
	targets       map[string]CSID // ids by comparison text, looked up before; 0 for none
	// have are the references of objects as the store has them, read for all of a batch at
	// once. What is not there has to be read by itself.
	have map[CSID][]CSRef
}

func newRefChanges() refChanges {
	return refChanges{dirty: make(map[CSID]bool), targets: make(map[string]CSID)}
}

// replace makes an object have exactly these references. It reports whether any changed.
func (c *refChanges) replace(s *staging, cs *staged, want []attr.Mod) (bool, error) {
	changed := false
	named := make(map[string]bool, len(want))
	for _, m := range want {
		named[attr.Fold(m.Name)] = true
		ch, err := c.set(s, cs, m)
		if err != nil {
			return false, err
		}
		changed = changed || ch
	}
	if cs.isNew {
		return changed, nil
	}
	names, err := c.names(s, cs)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if named[attr.Fold(name)] || isComputedRef(name) {
			continue
		}
		ch, err := c.set(s, cs, attr.Mod{Name: name, Replace: true})
		if err != nil {
			return false, err
		}
		changed = changed || ch
	}
	return changed, nil
}

// modify applies a change of a reference attribute. It reports whether any value changed.
func (c *refChanges) modify(s *staging, cs *staged, m attr.Mod) (bool, error) {
	if m.Replace {
		return c.set(s, cs, m)
	}
	if err := c.settle(s, cs); err != nil {
		return false, err
	}
	adds, err := c.resolve(s, m.Adds, true)
	if err != nil {
		return false, err
	}
	deletes, err := c.resolve(s, m.Deletes, false)
	if err != nil {
		return false, err
	}
	all := append(refsOf(cs.ID, m.Name, adds), refsOf(cs.ID, m.Name, deletes)...)
	have, err := s.tx.HasCSRefs(all)
	if err != nil {
		return false, err
	}
	var add, del []CSID
	for i, ref := range all {
		switch isAdd := i < len(adds); {
		case ref.Target == 0:
		case isAdd && !have[i]:
			add = append(add, ref.Target)
		case !isAdd && have[i]:
			del = append(del, ref.Target)
		}
	}
	c.change(s, cs, m.Name, add, del)
	return len(add)+len(del) > 0, nil
}

// set makes one reference attribute have exactly these values.
func (c *refChanges) set(s *staging, cs *staged, m attr.Mod) (bool, error) {
	if err := c.settle(s, cs); err != nil {
		return false, err
	}
	want, err := c.resolve(s, m.Adds, true)
	if err != nil {
		return false, err
	}
	have, err := c.targetsOf(s, cs, m.Name)
	if err != nil {
		return false, err
	}
	add, del := diffIDs(have, want)
	c.change(s, cs, m.Name, add, del)
	return len(add)+len(del) > 0, nil
}

// read reads what the objects refer to that come whole, unless that is too much at once.
func (c *refChanges) read(s *staging, items []connector.Item) error {
	var sources []CSRefAttribute
	for i := range items {
		if o := items[i].Object; o != nil && items[i].Kind == connector.ItemObject {
			if cs := s.byAnchor[o.Anchor]; cs != nil {
				sources = append(sources, CSRefAttribute{Source: cs.ID})
			}
		}
	}
	if len(sources) == 0 {
		return nil
	}
	refs, err := s.tx.CSRefsFrom(sources, false, maxBatchValues)
	if err != nil || len(refs) == maxBatchValues {
		return err
	}
	c.have = make(map[CSID][]CSRef, len(sources))
	for _, src := range sources {
		c.have[src.Source] = nil
	}
	for _, ref := range refs {
		c.have[ref.Source] = append(c.have[ref.Source], ref)
	}
	return nil
}

// names returns the names of an object's reference attributes.
func (c *refChanges) names(s *staging, cs *staged) (names []string, err error) {
	refs, ok := c.have[cs.ID]
	if !ok {
		return s.tx.CSRefNames(cs.ID)
	}
	for _, ref := range refs {
		if !slices.Contains(names, ref.Attribute) {
			names = append(names, ref.Attribute)
		}
	}
	return names, nil
}

// targetsOf returns what a reference attribute of an object has.
func (c *refChanges) targetsOf(s *staging, cs *staged, name string) (targets []CSID, err error) {
	if cs.isNew {
		return nil, nil
	}
	refs, ok := c.have[cs.ID]
	if !ok {
		return s.tx.CSRefs(cs.ID, name, 0, 0)
	}
	for _, ref := range refs {
		if attr.EqualName(ref.Attribute, name) {
			targets = append(targets, ref.Target)
		}
	}
	return targets, nil
}

// settle writes earlier changes of the same object, so that reads see them.
func (c *refChanges) settle(s *staging, cs *staged) error {
	if !c.dirty[cs.ID] {
		return nil
	}
	return s.flushRefs()
}

func (c *refChanges) change(s *staging, cs *staged, name string, add, del []CSID) {
	if len(add)+len(del) == 0 {
		return
	}
	c.adds = append(c.adds, refsOf(cs.ID, name, add)...)
	c.deletes = append(c.deletes, refsOf(cs.ID, name, del)...)
	c.dirty[cs.ID] = true
	delete(c.have, cs.ID)
	s.counts.RefAdds += int64(len(add))
	s.counts.RefDeletes += int64(len(del))
}

// load looks up what the items refer to, as far as it is not loaded itself: all together, and
// not object by object.
func (c *refChanges) load(s *staging, items []connector.Item) error {
	var missing []string
	collect := func(values []attr.Value) {
		if len(values) == 0 || values[0].Kind() != attr.KindReference {
			return
		}
		for _, v := range values {
			key := s.targetKey(v.Str())
			if _, asked := c.targets[key]; asked || c.lookup(s, key) != 0 {
				continue
			}
			c.targets[key] = 0
			missing = append(missing, key)
		}
	}
	for i := range items {
		if o := items[i].Object; o != nil {
			for _, values := range o.Attributes.All() {
				collect(values)
			}
		}
		for _, m := range items[i].Mods {
			collect(m.Adds)
			collect(m.Deletes)
		}
	}
	return c.find(s, missing)
}

// resolve returns the objects that reference values name. With create, a name that is not
// known gets a placeholder; without, it gives 0.
func (c *refChanges) resolve(s *staging, values []attr.Value, create bool) ([]CSID, error) {
	ids, keys := make([]CSID, len(values)), make([]string, len(values))
	var missing []string
	for i, v := range values {
		keys[i] = s.targetKey(v.Str())
		if ids[i] = c.lookup(s, keys[i]); ids[i] != 0 {
			continue
		}
		if _, asked := c.targets[keys[i]]; !asked {
			c.targets[keys[i]] = 0
			missing = append(missing, keys[i])
		}
	}
	if err := c.find(s, missing); err != nil {
		return nil, err
	}
	for i, v := range values {
		if ids[i] != 0 {
			continue
		}
		if ids[i] = c.lookup(s, keys[i]); ids[i] == 0 && create {
			id, err := s.placeholder(v.Str())
			if err != nil {
				return nil, err
			}
			ids[i] = id
		}
	}
	if s.caps.References != connector.ReferenceByAnchor {
		for _, id := range ids {
			s.in.moved.name(id)
		}
	}
	if len(s.in.moved.strangers) > 0 {
		s.met = s.met || slices.ContainsFunc(ids, func(id CSID) bool { return s.in.moved.strangers[id] })
	}
	return ids, nil
}

// targetKey returns the comparison text of a reference value, "" for one that can be none.
func (s *staging) targetKey(text string) string {
	if s.caps.References != connector.ReferenceByAnchor {
		return s.dnKey(text)
	}
	a, err := connector.ParseAnchor(text)
	if err != nil {
		return ""
	}
	return a.Raw()
}

// lookup finds a target among the objects of the batch and those looked up before.
func (c *refChanges) lookup(s *staging, key string) CSID {
	if s.caps.References == connector.ReferenceByAnchor {
		if cs := s.byAnchor[connector.TextAnchor(key)]; cs != nil && key != "" {
			return cs.ID
		}
		return c.targets[key]
	}
	if cs := s.byDN[key]; cs != nil {
		return cs.ID
	}
	id := c.targets[key]
	if cs := s.byID[id]; cs != nil && cs.DNKey != key {
		return 0 // the object has another DN by now
	}
	return id
}

// find looks targets up in the store and remembers what it finds.
func (c *refChanges) find(s *staging, keys []string) error {
	sort, byAnchor := byte(knownDN), s.caps.References == connector.ReferenceByAnchor
	if byAnchor {
		sort = knownAnchor
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return key == "" || !s.in.known.may(sort, key) })
	if len(keys) == 0 {
		return nil
	}
	var ids []CSID
	var err error
	if byAnchor {
		anchors := make([]connector.Anchor, len(keys))
		for i, key := range keys {
			anchors[i] = connector.TextAnchor(key)
		}
		ids, err = s.tx.CSByAnchor(s.conn, anchors)
	} else {
		ids, err = s.tx.CSByDN(s.conn, keys)
	}
	for i, id := range ids {
		c.targets[keys[i]] = id
	}
	return err
}

// placeholder makes an object that stands for one that was never imported.
func (s *staging) placeholder(text string) (CSID, error) {
	id, err := s.tx.NewCS(1)
	if err != nil {
		return 0, err
	}
	cs := &staged{
		CSObject: &CSObject{ID: id, Connector: s.conn, DN: text, DNKey: s.dnKey(text), State: Placeholder},
		isNew:    true, dirty: true,
	}
	if s.caps.References == connector.ReferenceByAnchor {
		if cs.Anchor, err = connector.ParseAnchor(text); err != nil {
			return 0, err
		}
	}
	// Whoever is referred to where another object stood was perhaps meant before, too.
	s.in.moved.taken(cs.DNKey, id)
	if s.in.alone && s.caps.References != connector.ReferenceByAnchor {
		s.in.moved.strangers[id] = true
	}
	s.track(cs)
	return id, nil
}

// flushRefs writes the collected changes of references and what follows from them: values
// of linked objects go into the reference queue, and exports that they confirm are done.
func (s *staging) flushRefs() error {
	c := &s.refs
	if len(c.adds)+len(c.deletes) == 0 {
		return nil
	}
	if err := s.tx.AddCSRefs(c.adds); err != nil {
		return err
	}
	if err := s.tx.DeleteCSRefs(c.deletes); err != nil {
		return err
	}
	var work []RefWork
	var exported []CSRef
	for _, list := range [][]CSRef{c.adds, c.deletes} {
		for _, ref := range list {
			cs := s.byID[ref.Source]
			if cs.Link.MV != 0 {
				work = append(work, RefWork{WorkCS, int64(ref.Source), ref.Attribute, int64(ref.Target)})
			}
			if cs.export != nil {
				exported = append(exported, ref)
			}
		}
	}
	s.noteMembers(c.adds)
	s.noteMembers(c.deletes)
	if err := s.confirmRefs(exported); err != nil {
		return err
	}
	c.adds, c.deletes = nil, nil
	clear(c.dirty)
	return s.tx.QueueRefWork(work)
}

// confirmRefs drops pending changes of references that the directory now shows.
func (s *staging) confirmRefs(changed []CSRef) error {
	if len(changed) == 0 {
		return nil
	}
	rows, found, err := s.tx.FindExportRefs(changed)
	if err != nil {
		return err
	}
	present, err := s.tx.HasCSRefs(changed)
	if err != nil {
		return err
	}
	var done []CSRef
	for i, ref := range changed {
		if found[i] && rows[i].Delete != present[i] {
			done = append(done, ref)
			if rows[i].Sent {
				s.counts.Confirmed++
			}
			s.byID[ref.Source].exportOK = true
		}
	}
	return s.tx.DeleteExportRefs(done)
}

func refsOf(source CSID, name string, targets []CSID) []CSRef {
	refs := make([]CSRef, len(targets))
	for i, t := range targets {
		refs[i] = CSRef{source, name, t}
	}
	return refs
}

// diffIDs returns what must be added to have and deleted from it to get want.
func diffIDs[ID comparable](have, want []ID) (add, del []ID) {
	had := make(map[ID]bool, len(have))
	for _, id := range have {
		had[id] = true
	}
	wanted := make(map[ID]bool, len(want))
	for _, id := range want {
		if !wanted[id] && !had[id] {
			add = append(add, id)
		}
		wanted[id] = true
	}
	for _, id := range have {
		if !wanted[id] {
			del = append(del, id)
		}
	}
	return add, del
}

// computedRef is the name under which references that an expression computed are kept
// beside those that the directory shows.
func computedRef(target string) string { return "=" + target }

func isComputedRef(name string) bool { return len(name) > 0 && name[0] == '=' }
