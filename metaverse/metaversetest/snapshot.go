package metaversetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// TB is what [Snapshot] needs of a test: a [testing.TB], or the like of a property test.
type TB interface {
	require.TestingT
	Helper()
	Context() context.Context
}

// Snapshot returns what a store holds as lines of text in a stable order: connector spaces,
// the metaverse, links, references, pending imports and exports. Instead of ids it has anchors, or
// DNs where there is no anchor, so that stores with the same content have the same snapshot
// however they came to it. Settings, marks, the reference queue, run histories and errors are
// left out: they tell how a store got there.
//
// Metaverse objects are named after the objects that are linked to them.
func Snapshot(t TB, s metaverse.Store) string {
	t.Helper()
	var out string
	require.NoError(t, s.View(t.Context(), func(r metaverse.Reader) error {
		w := &snapshot{r: r, cs: make(map[metaverse.CSID]string), mv: make(map[metaverse.MVID]string)}
		if err := w.read(); err != nil {
			return err
		}
		if err := w.write(); err != nil {
			return err
		}
		slices.Sort(w.lines)
		out = strings.Join(w.lines, "\n")
		return nil
	}), "snapshot")
	return out
}

type snapshot struct {
	r       metaverse.Reader
	objects []*metaverse.CSObject
	people  []*metaverse.MVObject
	cs      map[metaverse.CSID]string // names that do not depend on ids
	mv      map[metaverse.MVID]string
	lines   []string
}

const snapshotPage = 1000

func (s *snapshot) read() error {
	for after := metaverse.MVID(0); ; {
		page, err := s.r.ScanMV(after, snapshotPage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		s.people, after = append(s.people, page...), page[len(page)-1].ID
	}
	if err := s.readObjects(); err != nil {
		return err
	}
	linked := make(map[metaverse.MVID][]string)
	for _, o := range s.objects {
		name := o.Connector + ":" + o.Anchor.Text()
		if o.Anchor.IsZero() {
			name = o.Connector + ":" + o.DNKey
		}
		s.cs[o.ID] = name
		if o.Link.MV != 0 {
			linked[o.Link.MV] = append(linked[o.Link.MV], name)
		}
	}
	for _, o := range s.people {
		slices.Sort(linked[o.ID])
		s.mv[o.ID] = o.Class + "(" + strings.Join(linked[o.ID], ",") + ")"
	}
	return nil
}

func (s *snapshot) readObjects() error {
	connectors, err := s.r.Connectors()
	if err != nil {
		return err
	}
	for _, name := range connectors {
		for after := metaverse.CSID(0); ; {
			page, err := s.r.ScanCS(name, after, snapshotPage)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			s.objects, after = append(s.objects, page...), page[len(page)-1].ID
		}
	}
	return nil
}

func (s *snapshot) add(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// csName names an object even if it is gone.
func (s *snapshot) csName(id metaverse.CSID) string {
	if name, ok := s.cs[id]; ok {
		return name
	}
	return "missing"
}

func (s *snapshot) mvName(id metaverse.MVID) string {
	if name, ok := s.mv[id]; ok {
		return name
	}
	return "missing"
}

func (s *snapshot) write() error {
	for _, o := range s.objects {
		if err := s.object(o); err != nil {
			return err
		}
	}
	for _, o := range s.people {
		if err := s.person(o); err != nil {
			return err
		}
	}
	return nil
}

func (s *snapshot) object(o *metaverse.CSObject) error {
	name := s.cs[o.ID]
	s.add("cs %s class=%s dn=%q key=%q partition=%q state=%s imported=%t pending=%s image=%s",
		name, o.Class, o.DN, o.DNKey, o.Partition, o.State, o.Imported, o.Pending, setText(&o.Image))
	if o.Link.MV != 0 {
		s.add("link %s to %s kind=%s rule=%q sticky=%t outbound=%q",
			name, s.mvName(o.Link.MV), o.Link.Kind, o.Link.Rule, o.Link.Sticky, o.Link.Outbound)
	}
	names, err := s.r.CSRefNames(o.ID)
	if err != nil {
		return err
	}
	for _, attribute := range names {
		targets, err := s.r.CSRefs(o.ID, attribute, 0, 0)
		if err != nil {
			return err
		}
		for _, target := range targets {
			s.add("csref %s %s %s", name, attribute, s.csName(target))
		}
	}
	return s.export(o.ID, name)
}

func (s *snapshot) export(id metaverse.CSID, name string) error {
	found, err := s.r.PendingExport([]metaverse.CSID{id})
	if err != nil {
		return err
	}
	if e := found[0]; e != nil {
		s.add("export %s op=%s newdn=%q deletesent=%t unknown=%t references=%t attempts=%d pending=%s sent=%s",
			name, e.Op, e.NewDN, e.DeleteSent, e.Unknown, e.References, e.Attempts, modsText(e.Pending), modsText(e.Sent))
	}
	for _, sent := range []bool{false, true} {
		for after := (metaverse.ExportRef{}); ; {
			refs, err := s.r.ExportRefs(id, sent, after, snapshotPage)
			if err != nil {
				return err
			}
			if len(refs) == 0 {
				break
			}
			for _, ref := range refs {
				s.add("exportref %s %s %s delete=%t sent=%t", name, ref.Attribute, s.csName(ref.Target), ref.Delete, ref.Sent)
			}
			after = refs[len(refs)-1]
		}
	}
	return nil
}

func (s *snapshot) person(o *metaverse.MVObject) error {
	name := s.mv[o.ID]
	s.add("mv %s attributes=%s", name, setText(&o.Attributes))
	copies := make(map[string]bool) // attributes that are copied references
	for _, origin := range o.Origins {
		s.add("origin %s %s rule=%q from %s source=%q", name, origin.Attribute, origin.Rule, s.csName(origin.CS), origin.Source)
		copies[origin.Attribute] = copies[origin.Attribute] || origin.Source != ""
	}
	for attribute := range copies {
		targets, err := s.r.MVRefs(o.ID, attribute, 0, 0)
		if err != nil {
			return err
		}
		for _, target := range targets {
			s.add("mvref %s %s %s", name, attribute, s.mvName(target))
		}
	}
	return nil
}

// setText writes attributes in name order and their values in value order.
func setText(set *attr.Set) string {
	var b strings.Builder
	b.WriteByte('{')
	for name, values := range set.All() {
		fmt.Fprintf(&b, " %s=%s", attr.Fold(name), valuesText(values))
	}
	return b.String() + " }"
}

func valuesText(values []attr.Value) string {
	values = slices.SortedFunc(slices.Values(values), attr.Compare)
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprintf("%s %q", v.Kind(), v.Text())
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func modsText(mods []attr.Mod) string {
	texts := make([]string, len(mods))
	for i, m := range mods {
		texts[i] = fmt.Sprintf("%s replace=%t +%s -%s", attr.Fold(m.Name), m.Replace, valuesText(m.Adds), valuesText(m.Deletes))
	}
	slices.Sort(texts)
	return "[" + strings.Join(texts, "; ") + "]"
}
