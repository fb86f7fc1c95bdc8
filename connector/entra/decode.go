package entra

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// An entry is one object of an answer: what came, as it came. A property that is not among
// its fields did not come, one without values came as null.
type entry struct {
	class   *class
	id      guid
	removed string // reason of @removed, "" for a live object
	fields  []field
	refs    []refChange

	anchor, synced presence
	sourceAnchor   string
	foreign        bool // a group whose uniqueName is somebody else's
	isSynced       bool
	created        int64 // time of creation in seconds, 0 if it did not come
	err            error // trouble with this object alone
}

// presence tells null from absent for the properties that others are computed from.
type presence uint8

const (
	absent presence = iota
	cleared
	present
)

type field struct {
	m      *Mapping
	values []attr.Value
}

// A refChange is what came of one relationship. In the first round of a delta query and
// in lists, adds are all there is.
type refChange struct {
	m       *Mapping
	adds    []ref
	deletes []ref
}

var errNoID = errors.New("an object without a usable id")

// A decoder turns objects of a class into entries.
type decoder struct {
	class  *class
	wanted map[string]bool // folded attribute names; nil means all
}

func (d *decoder) wants(m *Mapping) bool { return d.wanted == nil || d.wanted[attr.Fold(m.Attribute)] }

// entry consumes one object.
func (d *decoder) entry(s *scanner) (entry, error) {
	e := entry{class: d.class, fields: make([]field, 0, len(d.class.fields))}
	hasID := false
	err := s.object(func(name []byte) error {
		switch string(name) {
		case "id":
			text, err := s.str()
			e.id, hasID = parseGUID(text)
			return err
		case "@removed":
			return e.readRemoved(s)
		}
		if len(name) > 0 && name[0] == '@' {
			return s.skip()
		}
		if string(name) == nestedProperty {
			return d.readNested(s, &e)
		}
		return d.readProperty(s, &e, name)
	})
	if err == nil && !hasID {
		err = errNoID
	}
	return e, err
}

func (e *entry) readRemoved(s *scanner) error {
	e.removed = "changed"
	if s.peek() != '{' {
		return s.skip()
	}
	return s.object(func(name []byte) error {
		if string(name) != "reason" || s.peek() != '"' {
			return s.skip()
		}
		reason, err := s.str()
		e.removed = reason
		return err
	})
}

func (d *decoder) readProperty(s *scanner, e *entry, name []byte) error {
	m := d.class.byProperty[string(name)]
	if m == nil {
		return s.skip()
	}
	if m.shape == shapeRefs {
		if !d.wants(m) {
			return s.skip()
		}
		return e.readRefs(s, m)
	}
	var values []attr.Value
	if !s.null() {
		text, err := s.value()
		if err != nil {
			return err
		}
		v, err := decodeValues(m, text)
		if err != nil {
			e.err = errors.Join(e.err, &valueError{m.Attribute, err})
			return nil
		}
		values = v
	}
	switch m.Property {
	case d.class.anchorProperty():
		values = e.noteAnchor(values)
	case "onPremisesSyncEnabled":
		e.synced = cleared
		if len(values) > 0 {
			e.synced, e.isSynced = present, values[0].Bool()
		}
	case d.class.createdProperty():
		if len(values) > 0 {
			if at, err := time.Parse(time.RFC3339, values[0].Str()); err == nil {
				e.created = at.Unix()
			}
		}
	}
	if d.wants(m) {
		e.fields = append(e.fields, field{m, values})
	}
	return nil
}

// noteAnchor keeps the source anchor for the DN, and returns it decoded.
func (e *entry) noteAnchor(values []attr.Value) []attr.Value {
	e.anchor = cleared
	if len(values) == 0 {
		return nil
	}
	text := values[0].Str()
	if e.class.name == classGroup {
		if text = anchorOfLink(text); text == "" {
			e.foreign = true
			return nil
		}
	}
	e.anchor, e.sourceAnchor = present, text
	return []attr.Value{attr.String(text)}
}

func (d *decoder) readNested(s *scanner, e *entry) error {
	if s.null() {
		for _, m := range d.class.fields {
			if m.shape == shapeNested && d.wants(m) {
				e.fields = append(e.fields, field{m: m})
			}
		}
		return nil
	}
	return s.object(func(name []byte) error {
		m := d.class.nested[string(name)]
		if m == nil || !d.wants(m) {
			return s.skip()
		}
		if s.null() {
			e.fields = append(e.fields, field{m: m})
			return nil
		}
		text, err := s.value()
		if err != nil {
			return err
		}
		values, err := decodeValues(m, text)
		if err != nil {
			e.err = errors.Join(e.err, &valueError{m.Attribute, err})
			return nil
		}
		e.fields = append(e.fields, field{m, values})
		return nil
	})
}

// readRefs consumes name@delta, or the value of a list of objects.
func (e *entry) readRefs(s *scanner, m *Mapping) error {
	change := refChange{m: m}
	if s.null() {
		return nil
	}
	err := s.array(func() error {
		r, removed, err := readRef(s)
		switch {
		case errors.Is(err, errNoID):
			e.err = errors.Join(e.err, &valueError{m.Attribute, err})
		case err != nil:
			return err
		case removed:
			change.deletes = append(change.deletes, r)
		default:
			change.adds = append(change.adds, r)
		}
		return nil
	})
	if len(change.adds)+len(change.deletes) > 0 {
		e.refs = append(e.refs, change)
	}
	return err
}

// readRef consumes one referenced object.
func readRef(s *scanner) (r ref, removed bool, err error) {
	hasID := false
	err = s.object(func(name []byte) error {
		switch {
		case string(name) == "@removed":
			removed = true
			return s.skip()
		case string(name) == "@odata.type" && s.peek() == '"':
			text, err := s.str()
			r.kind = refKindOf(text)
			return err
		case string(name) == "id" && s.peek() == '"':
			text, err := s.str()
			r.id, hasID = parseGUID(text)
			return err
		}
		return s.skip()
	})
	if err == nil && !hasID {
		err = errNoID
	}
	return r, removed, err
}

// A valueError is a value that does not have the property's form.
type valueError struct {
	attribute string
	err       error
}

func (e *valueError) Error() string { return "attribute " + e.attribute + ": " + e.err.Error() }
func (e *valueError) Unwrap() error { return e.err }

// decodeValues makes values of the JSON text of a property that is not null.
func decodeValues(m *Mapping, text []byte) ([]attr.Value, error) {
	s := &scanner{b: text}
	switch m.shape {
	case shapeFlag:
		switch string(text) {
		case "true":
			return []attr.Value{attr.Bool(true)}, nil
		case "false":
			return []attr.Value{attr.Bool(false)}, nil
		}
		return nil, errors.New("not a boolean")
	case shapeNumber:
		n, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			return nil, errors.New("not a 64-bit integer")
		}
		return []attr.Value{attr.Int(n)}, nil
	case shapeKeys:
		return decodeKeys(s)
	case shapeList, shapeFirst:
		return decodeList(m, s)
	}
	if s.peek() != '"' {
		return nil, errors.New("not a string")
	}
	str, err := s.str()
	if err != nil {
		return nil, err
	}
	v, err := decodeText(m, str)
	if err != nil || v.IsZero() {
		return nil, err
	}
	return []attr.Value{v}, nil
}

func decodeList(m *Mapping, s *scanner) (out []attr.Value, err error) {
	if s.peek() != '[' {
		return nil, errors.New("not a collection")
	}
	err = s.array(func() error {
		if m.Kind == attr.KindInt || m.Kind == attr.KindBool {
			text, err := s.word()
			if err != nil {
				return err
			}
			one, err := decodeValues(&Mapping{Kind: m.Kind, shape: scalarShape(m.Kind)}, text)
			out = append(out, one...)
			return err
		}
		if s.peek() != '"' {
			return errors.New("not a collection of strings")
		}
		str, err := s.str()
		if err != nil {
			return err
		}
		v, err := decodeText(m, str)
		if err == nil && !v.IsZero() && (m.shape == shapeList || len(out) == 0) {
			out = append(out, v)
		}
		return err
	})
	return out, err
}

// decodeKeys makes the text of device keys, such as X509:<SHA1-TP-PUBKEY> and thumbprints.
func decodeKeys(s *scanner) (out []attr.Value, err error) {
	if s.peek() != '[' {
		return nil, errors.New("not a collection")
	}
	err = s.array(func() error {
		if s.peek() != '{' {
			return errors.New("not a collection of keys")
		}
		return s.object(func(name []byte) error {
			if string(name) != "key" || s.peek() != '"' {
				return s.skip()
			}
			encoded, err := s.str()
			if err != nil {
				return err
			}
			b, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil || len(b)%2 != 0 {
				return errors.New("not a key in Base64 of UTF-16")
			}
			units := make([]uint16, len(b)/2)
			for i := range units {
				units[i] = binary.LittleEndian.Uint16(b[2*i:])
			}
			if text := string(utf16.Decode(units)); text != "" {
				out = append(out, attr.String(text))
			}
			return nil
		})
	})
	return out, err
}

func scalarShape(k attr.Kind) shape {
	switch k {
	case attr.KindBool:
		return shapeFlag
	case attr.KindInt:
		return shapeNumber
	}
	return shapeText
}

// decodeText makes a value of a string. An empty string is no value: directories do not
// store it.
func decodeText(m *Mapping, str string) (attr.Value, error) {
	if str == "" {
		return attr.Value{}, nil
	}
	if m.shape == shapeGUID {
		g, ok := parseGUID(str)
		if !ok {
			return attr.Value{}, errors.New("not a GUID")
		}
		return attr.Binary(g.directoryOrder()), nil
	}
	if m.Kind == attr.KindBinary {
		b, err := base64.StdEncoding.DecodeString(str)
		if err != nil {
			return attr.Value{}, errors.New("not Base64")
		}
		return attr.Binary(b), nil
	}
	return attr.String(str), nil
}

// key returns the object's anchor and, where it is known, its DN.
func (e *entry) key() connector.Key {
	return connector.Key{Anchor: e.class.anchorFor(e.id), DN: dnOf(e.sourceAnchor)}
}

// cloudMastered computes the attribute of that name. Known says whether enough came.
func (e *entry) cloudMastered(whole bool) (value, known bool) {
	switch {
	case e.class.name != classUser:
		return false, false
	case e.anchor == present || e.isSynced:
		return false, true
	case whole:
		return true, true
	default:
		// Without the source anchor, or with only one of the two, the other may be set.
		return true, e.anchor == cleared && e.synced != absent
	}
}

// object makes a whole object of an entry.
func (d *decoder) object(e *entry) *connector.Object {
	o := &connector.Object{Class: e.class.name, Anchor: e.class.anchorFor(e.id), DN: dnOf(e.sourceAnchor)}
	for _, f := range e.fields {
		o.Attributes.Put(f.m.Attribute, f.values...)
	}
	for _, r := range e.refs {
		if r.m.MultiValued {
			r.adds = uniqueRefs(r.adds)
		}
		o.Attributes.Put(r.m.Attribute, refValues(r.m, r.adds)...)
	}
	d.computed(e, true, func(name string, v attr.Value) { o.Attributes.Put(name, v) })
	return o
}

// computed calls put for the attributes that are made of others.
func (d *decoder) computed(e *entry, whole bool, put func(name string, v attr.Value)) {
	if d.wanted == nil || d.wanted[attr.Fold(attrCloudAnchor)] {
		put(attrCloudAnchor, attr.String(e.class.anchorFor(e.id).Raw()))
	}
	if mastered, known := e.cloudMastered(whole); known && (d.wanted == nil || d.wanted[attr.Fold(attrCloudMastered)]) {
		put(attrCloudMastered, attr.Bool(mastered))
	}
}

// mods makes modifications of an entry, in name order: replacements of what came, and
// single values of relationships.
func (d *decoder) mods(e *entry) []attr.Mod {
	mods := make([]attr.Mod, 0, len(e.fields)+len(e.refs)+2)
	for _, f := range e.fields {
		mods = append(mods, attr.Mod{Name: f.m.Attribute, Replace: true, Adds: f.values})
	}
	d.computed(e, false, func(name string, v attr.Value) {
		mods = append(mods, attr.Mod{Name: name, Replace: true, Adds: []attr.Value{v}})
	})
	for _, r := range e.refs {
		mods = append(mods, r.mod())
	}
	sortMods(mods)
	return mods
}

// mod makes the modification of a relationship. One with a single value is replaced: the
// new manager comes without the old one being taken back.
func (r *refChange) mod() attr.Mod {
	if !r.m.MultiValued {
		return attr.Mod{Name: r.m.Attribute, Replace: true, Adds: refValues(r.m, r.adds)}
	}
	m := attr.Mod{Name: r.m.Attribute, Adds: refValues(r.m, r.adds)}
	for _, d := range r.deletes {
		if d.kind != refOther {
			m.Deletes = append(m.Deletes, d.value())
			continue
		}
		// A link that is gone may come without the type of what it pointed to.
		for k := range refLabels {
			m.Deletes = append(m.Deletes, ref{d.id, refKind(k)}.value())
		}
	}
	return m
}

func refValues(m *Mapping, refs []ref) []attr.Value {
	if !m.MultiValued && len(refs) > 1 {
		refs = refs[len(refs)-1:]
	}
	out := make([]attr.Value, len(refs))
	for i, r := range refs {
		out[i] = r.value()
	}
	return out
}
