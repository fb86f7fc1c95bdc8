package rules

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// Limits of XML files. Real ones stay far below.
const (
	maxXMLDepth = 64
	maxXMLNodes = 4_000_000
)

// An xmlNode is one element of an XML file. Elements and attributes that somebody asked
// for are marked, so that what nobody wanted can be reported.
type xmlNode struct {
	name     string // without prefix
	attrs    []xml.Attr
	text     string
	children []*xmlNode
	line     int
	used     bool // its text was read, or all of it is accounted for
	entered  bool // some of its children were
}

// parseXML reads one file. It takes UTF-8 and UTF-16, with or without a byte-order mark,
// whatever the declaration says, and refuses document types and with them entities.
func parseXML(src []byte) (*xmlNode, error) {
	src, err := toUTF8(src)
	if err != nil {
		return nil, err
	}
	d := xml.NewDecoder(bytes.NewReader(src))
	d.CharsetReader = func(charset string, r io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		case "utf-8", "utf-16", "utf-16le", "utf-16be", "unicode", "us-ascii":
			return r, nil // converted already
		}
		return nil, fmt.Errorf("encoding %q is not taken", charset)
	}
	root, err := readTree(d)
	if err != nil {
		line, column := d.InputPos()
		if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
			return nil, fmt.Errorf("%d: %s", syntax.Line, syntax.Msg)
		}
		return nil, fmt.Errorf("%d:%d: %w", line, column, err)
	}
	return root, nil
}

func readTree(d *xml.Decoder) (*xmlNode, error) {
	var root *xmlNode
	var open []*xmlNode
	nodes := 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			if root == nil {
				return nil, errors.New("there is no element")
			}
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, errors.New("document types and entities are not taken")
		case xml.StartElement:
			line, _ := d.InputPos()
			n := &xmlNode{name: t.Name.Local, attrs: withoutNamespaces(t.Attr), line: line}
			if nodes++; nodes > maxXMLNodes || len(open) >= maxXMLDepth {
				return nil, errors.New("too many or too deeply nested elements")
			}
			switch {
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.children = append(parent.children, n)
			case root != nil:
				return nil, errors.New("more than one root element")
			default:
				root = n
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				n := open[len(open)-1]
				n.text += string(t)
			}
		}
	}
}

// withoutNamespaces drops declarations of name spaces: they are no data.
func withoutNamespaces(attrs []xml.Attr) (out []xml.Attr) {
	for _, a := range attrs {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			out = append(out, a)
		}
	}
	return out
}

// toUTF8 converts from UTF-16 and removes a byte-order mark.
func toUTF8(src []byte) ([]byte, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(src, []byte{0xEF, 0xBB, 0xBF}):
		return src[3:], nil
	case bytes.HasPrefix(src, []byte{0xFF, 0xFE}):
		order, src = binary.LittleEndian, src[2:]
	case bytes.HasPrefix(src, []byte{0xFE, 0xFF}):
		order, src = binary.BigEndian, src[2:]
	case len(src) > 1 && src[0] != 0 && src[1] == 0:
		order = binary.LittleEndian
	case len(src) > 1 && src[0] == 0 && src[1] != 0:
		order = binary.BigEndian
	default:
		return src, nil
	}
	if len(src)%2 != 0 {
		return nil, errors.New("1: the file is cut in the middle of a character")
	}
	units := make([]uint16, len(src)/2)
	for i := range units {
		units[i] = order.Uint16(src[2*i:])
	}
	return []byte(string(utf16.Decode(units))), nil
}

// child returns the first child with the name, nil if there is none.
func (n *xmlNode) child(name string) *xmlNode {
	for _, c := range n.all(name) {
		return c
	}
	return nil
}

// all returns the children with the name, without regard to case.
func (n *xmlNode) all(name string) (out []*xmlNode) {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if strings.EqualFold(c.name, name) {
			c.entered = true
			out = append(out, c)
		}
	}
	return out
}

// at follows a path of names.
func (n *xmlNode) at(path ...string) *xmlNode {
	for _, name := range path {
		n = n.child(name)
	}
	return n
}

// value returns the element's text without white space around it, "" for no element.
func (n *xmlNode) value() string {
	if n == nil {
		return ""
	}
	n.used = true
	return strings.TrimSpace(strings.ReplaceAll(n.text, "\r\n", "\n"))
}

// field returns the text of the child with the name.
func (n *xmlNode) field(name string) string { return n.child(name).value() }

// attribute returns an attribute's text, whatever its name space, and removes it from
// those that nobody asked for.
func (n *xmlNode) attribute(name string) string {
	for i, a := range n.attrs {
		if strings.EqualFold(a.Name.Local, name) {
			n.attrs = append(n.attrs[:i:i], n.attrs[i+1:]...)
			return a.Value
		}
	}
	return ""
}

// take marks the element and everything in it as accounted for.
func (n *xmlNode) take() {
	n.used, n.entered, n.attrs = true, true, nil
	for _, c := range n.children {
		c.take()
	}
}
