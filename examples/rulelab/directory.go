package main

import (
	"encoding/base64"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/rules"
)

// directory makes the directory of a connector: all attributes that the rules or the
// objects know exist in every class and can be written, so that no flow is dropped.
func directory(c *scenarioConnector, set *rules.Set, o *rules.CompileOptions, exported rules.MapParameters) (*memdir.Directory, error) {
	s := newSchemaOf(c, set, o)
	schema := s.build()
	forest, domain := c.parameters()
	schema.Parameters = maps.Clone(exported)
	if schema.Parameters == nil {
		schema.Parameters = make(map[string]string)
	}
	maps.Copy(schema.Parameters, forest)
	if domain != nil {
		schema.Partitions = []connector.Partition{{ID: "domain", DN: domain["Domain.LDAP"], Parameters: domain}}
	}
	opts := &memdir.Options{Type: c.Type, LooseReferences: true, Schema: schema}
	if c.Type == typeEntra {
		opts.References, opts.ReferencesLast = connector.ReferenceByAnchor, true
	}
	dir, err := memdir.New(c.Name, opts)
	if err != nil {
		return nil, err
	}
	names := newReferenceNames(c)
	objects := make([]connector.Object, len(c.Objects))
	for i := range c.Objects {
		if objects[i], err = c.object(&c.Objects[i], s.kinds, names); err != nil {
			return nil, err
		}
		if domain != nil {
			objects[i].Partition = "domain"
		}
	}
	return dir, dir.Put(objects...)
}

// schemaOf collects what is known about the attributes of a connected directory.
type schemaOf struct {
	names   map[string]string // spelling by folded name
	kinds   map[string]attr.Kind
	multi   map[string]bool
	classes []string
}

func newSchemaOf(c *scenarioConnector, set *rules.Set, o *rules.CompileOptions) *schemaOf {
	s := &schemaOf{names: make(map[string]string), kinds: make(map[string]attr.Kind), multi: make(map[string]bool)}
	s.classes = set.Classes(c.Name)
	for _, known := range o.Connectors {
		if attr.EqualName(known.Name, c.Name) {
			for _, a := range known.Attributes {
				s.add(a.Name, a.Kind, a.MultiValued)
			}
			s.classes = append(s.classes, known.Classes...)
		}
	}
	if c.Type == typeAD {
		for kind, names := range directoryKinds {
			for name := range strings.FieldsSeq(names) {
				s.add(name, kind, kind == attr.KindReference && name != "manager")
			}
		}
	}
	for i := range c.Objects {
		for name, values := range c.Objects[i].Attributes {
			if kind := values[0].Kind(); kind != attr.KindString { // text may stand for anything
				s.add(name, kind, false)
			}
		}
	}
	s.addRules(c.Name, set)
	for _, name := range slices.Concat(set.ImportAttributes(c.Name), set.ExportAttributes(c.Name)) {
		s.addLike(name, name, set.Metaverse())
	}
	for i := range c.Objects {
		s.classes = append(s.classes, c.Objects[i].Class)
		for name, values := range c.Objects[i].Attributes {
			s.add(name, values[0].Kind(), len(values) > 1)
		}
	}
	s.add("objectGUID", attr.KindBinary, false)
	s.add("cloudAnchor", attr.KindString, false)
	return s
}

// directoryKinds are the kinds of attributes of Active Directory that the metaverse does not
// have under the same name.
var directoryKinds = map[attr.Kind]string{
	attr.KindReference: "memberOf directReports managedObjects publicDelegatesBL altRecipientBL ownerBL",
	attr.KindInt:       "userAccountControl groupType accountExpires pwdLastSet lastLogonTimestamp primaryGroupID adminCount uSNChanged",
	attr.KindBool:      "isCriticalSystemObject",
	attr.KindBinary:    "objectGUID mS-DS-ConsistencyGuid mS-DS-CreatorSID msDS-KeyCredentialLink",
}

// addRules adds the targets of direct flows: they are what their sources are.
func (s *schemaOf) addRules(name string, set *rules.Set) {
	for _, r := range set.Rules() {
		if r.Direction != rules.Outbound || !attr.EqualName(r.Connector, name) {
			continue
		}
		for i := range r.Flows {
			switch f := &r.Flows[i]; f.Type {
			case rules.Direct:
				s.addLike(f.Target, f.Source[0], set.Metaverse())
			default:
				s.addLike(f.Target, f.Target, set.Metaverse())
			}
		}
	}
}

// addLike adds an attribute that is what another one of the metaverse is.
func (s *schemaOf) addLike(name, like string, m *rules.MetaverseSchema) {
	if a, ok := m.Attribute(like); ok {
		s.add(name, a.Kind, a.MultiValued)
		return
	}
	s.add(name, attr.Invalid, false)
}

// add notes an attribute. Whoever comes first knows its kind.
func (s *schemaOf) add(name string, kind attr.Kind, multi bool) {
	key := attr.Fold(name)
	if _, ok := s.names[key]; !ok {
		s.names[key] = name
	}
	if s.kinds[key] == attr.Invalid {
		s.kinds[key] = kind
	}
	s.multi[key] = s.multi[key] || multi
}

func (s *schemaOf) build() *connector.Schema {
	out := &connector.Schema{}
	for _, key := range slices.Sorted(maps.Keys(s.names)) {
		if s.kinds[key] == attr.Invalid {
			s.kinds[key] = attr.KindString
		}
		out.Attributes = append(out.Attributes, connector.Attribute{Name: s.names[key], Kind: s.kinds[key], MultiValued: s.multi[key]})
	}
	var names []string
	for i := range out.Attributes {
		names = append(names, out.Attributes[i].Name)
	}
	slices.SortFunc(s.classes, attr.CompareNames)
	for _, class := range slices.CompactFunc(s.classes, attr.EqualName) {
		out.Classes = append(out.Classes, connector.Class{Name: class, Attributes: names, Export: true})
	}
	return out
}

// convertTo gives a value the kind that its attribute has, as the directory's connector
// would.
func convertTo(kind attr.Kind, v attr.Value) (attr.Value, bool) {
	if v.Kind() == kind || kind == attr.Invalid {
		return v, true
	}
	text := v.Text()
	switch kind {
	case attr.KindString:
		return attr.String(text), v.Kind() == attr.KindInt || v.Kind() == attr.KindBool || v.Kind() == attr.KindReference
	case attr.KindInt:
		n, err := strconv.ParseInt(text, 10, 64)
		return attr.Int(n), err == nil
	case attr.KindBool:
		b, err := strconv.ParseBool(strings.ToLower(text))
		return attr.Bool(b), err == nil
	case attr.KindReference:
		return attr.Reference(text), v.Kind() == attr.KindString
	case attr.KindBinary:
		return binaryOf(v)
	}
	return v, false
}

// binaryOf takes GUIDs, security identifiers and Base64 where octets are wanted.
func binaryOf(v attr.Value) (attr.Value, bool) {
	if v.Kind() != attr.KindString {
		return v, false
	}
	if b, ok := parseGUID(v.Str()); ok {
		return attr.Binary(b), true
	}
	if b, ok := parseSID(v.Str()); ok {
		return attr.Binary(b), true
	}
	b, err := base64.StdEncoding.DecodeString(v.Str())
	return attr.Binary(b), err == nil
}

// parseSID reads a security identifier such as S-1-5-21-1-2-3-1001.
func parseSID(text string) ([]byte, bool) {
	rest, ok := strings.CutPrefix(strings.ToUpper(text), "S-1-")
	parts := strings.Split(rest, "-")
	if !ok || len(parts) > 16 {
		return nil, false
	}
	authority, err := strconv.ParseUint(parts[0], 10, 48)
	if err != nil {
		return nil, false
	}
	b := binary.BigEndian.AppendUint64(nil, authority)
	b[0], b[1] = 1, byte(len(parts)-1)
	for _, part := range parts[1:] {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return nil, false
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return b, true
}
