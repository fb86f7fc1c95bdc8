package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// scenario describes directories and what they hold.
type scenario struct {
	Connectors []scenarioConnector `json:"connectors"`
}

// scenarioConnector is one directory.
type scenarioConnector struct {
	Name    string           `json:"name"`
	Type    string           `json:"type"`
	Domain  scenarioDomain   `json:"domain"`
	Objects []scenarioObject `json:"objects"`
}

// scenarioDomain is the domain of a forest with one domain.
type scenarioDomain struct {
	FQDN    string `json:"fqdn"`
	Netbios string `json:"netbios"`
}

type scenarioObject struct {
	Class      string     `json:"class"`
	Anchor     string     `json:"anchor"`
	DN         string     `json:"dn"`
	Attributes attributes `json:"attributes"`
}

func readScenario(path string, stdin io.Reader) (*scenario, error) {
	r := stdin
	switch path {
	case "":
		return nil, fmt.Errorf("there is no -scenario")
	case "-":
	default:
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	s := &scenario{}
	if err := decode(r, s); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", path, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", path, err)
	}
	return s, nil
}

func (s *scenario) check() error {
	if len(s.Connectors) == 0 {
		return fmt.Errorf("there are no connectors")
	}
	seen := make(map[string]bool)
	for i := range s.Connectors {
		c := &s.Connectors[i]
		c.Type = strings.ToLower(c.Type)
		switch {
		case c.Name == "" || seen[attr.Fold(c.Name)]:
			return fmt.Errorf("connector %d: the name %q is empty or not unique", i+1, c.Name)
		case c.Type != typeAD && c.Type != typeEntra:
			return fmt.Errorf("connector %s: the type is %q, want %s", c.Name, c.Type, kindNames())
		}
		seen[attr.Fold(c.Name)] = true
		for k := range c.Objects {
			if o := &c.Objects[k]; o.Class == "" || o.DN == "" && (c.Type == typeAD || o.Anchor == "") {
				return fmt.Errorf("connector %s, object %d: want a class, and a dn or in Entra ID an anchor", c.Name, k+1)
			}
		}
	}
	return nil
}

// object returns the object as the directory's connector would show it.
func (c *scenarioConnector) object(o *scenarioObject, kinds map[string]attr.Kind, names *referenceNames) (connector.Object, error) {
	out := connector.Object{Class: o.Class, DN: o.DN}
	for _, name := range slices.Sorted(maps.Keys(o.Attributes)) {
		kind := kinds[attr.Fold(name)]
		values := make([]attr.Value, len(o.Attributes[name]))
		for i, v := range o.Attributes[name] {
			v, ok := convertTo(kind, v)
			if !ok {
				return out, fmt.Errorf("connector %s, object %s: attribute %s: the value is no %s", c.Name, o.label(), name, kind)
			}
			values[i] = names.resolve(v)
		}
		out.Attributes.Append(name, values...)
	}
	if c.Type == typeAD {
		o.identifyAD(&out)
	} else {
		o.identifyEntra(&out)
	}
	return out, nil
}

func (o *scenarioObject) label() string {
	if o.DN != "" {
		return o.DN
	}
	return o.Anchor
}

// identifyAD gives the object what each one in Active Directory has: an objectGUID, which
// also is its anchor. Without one in the attributes it is that of the scenario's anchor or,
// where that is no GUID, made from anchor or DN.
func (o *scenarioObject) identifyAD(out *connector.Object) {
	if !out.Attributes.Has("objectGUID") {
		text := o.Anchor
		if text == "" {
			text = strings.ToLower(o.DN)
		}
		guid, ok := parseGUID(text)
		if !ok {
			h := sha256.Sum256([]byte(text))
			guid = h[:16]
		}
		out.Attributes.Put("objectGUID", attr.Binary(guid))
	}
	out.Anchor = connector.TextAnchor(o.Anchor)
	if v, _ := out.Attributes.First("objectGUID"); o.Anchor == "" {
		out.Anchor = connector.NewAnchor(v.Bytes())
	}
}

// identifyEntra gives the object the attribute cloudAnchor and its place: as Entra
// Connect's connector does it.
func (o *scenarioObject) identifyEntra(out *connector.Object) {
	anchor := o.Anchor
	if anchor == "" {
		anchor = o.DN
	}
	out.Anchor = connector.TextAnchor(anchor)
	if !out.Attributes.Has("cloudAnchor") {
		if !strings.Contains(anchor, "_") && o.Class != "" {
			anchor = strings.ToUpper(o.Class[:1]) + o.Class[1:] + "_" + anchor
		}
		out.Attributes.Put("cloudAnchor", attr.String(anchor))
	}
	if v, ok := out.Attributes.First("sourceAnchor"); ok && out.DN == "" {
		out.DN = "CN={" + strings.ToUpper(hex.EncodeToString([]byte(v.Str()))) + "}"
	}
}

// parseGUID reads a GUID as people write it, into the order of octets in which Active
// Directory keeps it, or 16 octets in Base64.
func parseGUID(text string) ([]byte, bool) {
	if b, err := base64.StdEncoding.DecodeString(text); err == nil && len(b) == 16 {
		return b, true
	}
	text = strings.Trim(text, "{}")
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 || len(text) != 32 && len(text) != 36 {
		return nil, false
	}
	if len(text) == 36 {
		slices.Reverse(b[0:4])
		slices.Reverse(b[4:6])
		slices.Reverse(b[6:8])
	}
	return b, true
}

// referenceNames turns names of objects into the form that references of a connector have.
type referenceNames struct {
	byAnchor bool
	forms    map[string]string // of other names of objects in lower case
}

func newReferenceNames(c *scenarioConnector) *referenceNames {
	n := &referenceNames{byAnchor: c.Type == typeEntra, forms: make(map[string]string)}
	for i := range c.Objects {
		o := &c.Objects[i]
		switch {
		case o.DN == "" || o.Anchor == "":
		case n.byAnchor:
			n.forms[strings.ToLower(o.DN)] = o.Anchor
		default:
			n.forms[strings.ToLower(o.Anchor)] = o.DN
		}
	}
	return n
}

func (n *referenceNames) resolve(v attr.Value) attr.Value {
	if v.Kind() != attr.KindReference {
		return v
	}
	text := v.Str()
	if form, ok := n.forms[strings.ToLower(text)]; ok {
		text = form
	}
	if n.byAnchor {
		text = connector.TextAnchor(text).Text()
	}
	return attr.Reference(text)
}

// parameters returns what rules may read of the forest.
func (c *scenarioConnector) parameters() (forest, domain rules.MapParameters) {
	if c.Type != typeAD {
		return rules.MapParameters{}, nil
	}
	d := c.Domain
	if d.FQDN == "" {
		d.FQDN = c.domainOfObjects()
	}
	if d.Netbios == "" {
		first, _, _ := strings.Cut(d.FQDN, ".")
		d.Netbios = strings.ToUpper(first)
	}
	ldap := ""
	if d.FQDN != "" {
		ldap = "DC=" + strings.ReplaceAll(d.FQDN, ".", ",DC=")
	}
	forest = rules.DirectoryConstants()
	domain = make(rules.MapParameters)
	for name, value := range map[string]string{"FQDN": d.FQDN, "Netbios": d.Netbios, "LDAP": ldap} {
		domain["Domain."+name], forest["Forest."+name] = value, value
	}
	return forest, domain
}

// domainOfObjects reads the domain's name off the first object's DN.
func (c *scenarioConnector) domainOfObjects() string {
	if len(c.Objects) == 0 {
		return ""
	}
	var labels []string
	for part := range strings.SplitSeq(c.Objects[0].DN, ",") {
		if key, value, _ := strings.Cut(part, "="); strings.EqualFold(strings.TrimSpace(key), "DC") {
			labels = append(labels, value)
		}
	}
	return strings.Join(labels, ".")
}
