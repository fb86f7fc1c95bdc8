package ldapwire

import "fmt"

// The tags of BER elements that are looked at. LDAP has no tags of several octets.
const (
	tagInteger      = 0x02
	tagOctetString  = 0x04
	tagSequence     = 0x30
	tagSet          = 0x31
	opSearchRequest = 0x63 // [APPLICATION 3], constructed
	opEntry         = 0x64 // [APPLICATION 4]
	opModify        = 0x66 // [APPLICATION 6]
	opAdd           = 0x68 // [APPLICATION 8]
	opDelete        = 0x4a // [APPLICATION 10], primitive
	opModifyDN      = 0x6c // [APPLICATION 12]
	opSearchDone    = 0x65 // [APPLICATION 5]
	opReference     = 0x73 // [APPLICATION 19]
)

// changes reports whether a request of the operation changes the directory.
func changes(op byte) bool {
	return op == opModify || op == opAdd || op == opDelete || op == opModifyDN
}

// element cuts the first BER element off b. What it returns are slices of b.
func element[T string | []byte](b T) (tag byte, content, rest T, err error) {
	if len(b) < 2 {
		return 0, content, rest, errTruncated()
	}
	tag = b[0]
	length, at := int(b[1]), 2
	if b[1] >= 0x80 {
		n := int(b[1] & 0x7f)
		if n == 0 || n > 7 || len(b) < 2+n {
			return 0, content, rest, errTruncated()
		}
		length = 0
		for _, c := range []byte(b[2 : 2+n]) {
			length = length<<8 | int(c)
		}
		at += n
	}
	if length > len(b)-at {
		return 0, content, rest, errTruncated()
	}
	return tag, b[at : at+length], b[at+length:], nil
}

// expect cuts off an element that must have that tag.
func expect[T string | []byte](b T, want byte) (content, rest T, err error) {
	tag, content, rest, err := element(b)
	if err == nil && tag != want {
		err = fmt.Errorf("%w: %#02x where %#02x belongs", ErrMessage, tag, want)
	}
	return content, rest, err
}

func errTruncated() error { return fmt.Errorf("%w: an element is cut short", ErrMessage) }

// messageHead returns the id of an LDAP message with tag and content of its operation.
func messageHead[T string | []byte](m T) (id int64, op byte, body T, err error) {
	content, _, err := expect(m, tagSequence)
	if err != nil {
		return 0, 0, body, err
	}
	number, content, err := expect(content, tagInteger)
	if err != nil {
		return 0, 0, body, err
	}
	if len(number) == 0 || len(number) > 8 {
		return 0, 0, body, fmt.Errorf("%w: a message id of %d octets", ErrMessage, len(number))
	}
	for _, c := range []byte(number) {
		id = id<<8 | int64(c)
	}
	op, body, _, err = element(content)
	return id, op, body, err
}

// An Entry is one object as a search returns it.
type Entry struct {
	DN         string
	Attributes []Attribute
}

// Len returns the number of values of all attributes.
func (e *Entry) Len() (n int) {
	for i := range e.Attributes {
		n += len(e.Attributes[i].Values)
	}
	return n
}

// An Attribute is an attribute of an entry: its name with options, and values, which are
// octets.
type Attribute struct {
	Name   string
	Values []string
}

// decodeEntry decodes the content of a search result entry. All strings share its memory.
func decodeEntry(body string) (*Entry, error) {
	dn, body, err := expect(body, tagOctetString)
	if err != nil {
		return nil, err
	}
	list, _, err := expect(body, tagSequence)
	if err != nil {
		return nil, err
	}
	attributes, total, err := countValues(list)
	if err != nil {
		return nil, err
	}
	e := &Entry{DN: dn, Attributes: make([]Attribute, 0, attributes)}
	all := make([]string, 0, total)
	for len(list) > 0 {
		var d Attribute
		if d.Name, all, list, err = decodeAttribute(list, all, &d); err != nil {
			return nil, err
		}
		e.Attributes = append(e.Attributes, d)
	}
	return e, nil
}

// decodeAttribute cuts an attribute off list. Its values go to the end of all.
func decodeAttribute(list string, all []string, d *Attribute) (name string, grown []string, rest string, err error) {
	one, rest, err := expect(list, tagSequence)
	if err != nil {
		return "", nil, "", err
	}
	name, one, err = expect(one, tagOctetString)
	if err != nil {
		return "", nil, "", err
	}
	set, _, err := expect(one, tagSet)
	first := len(all)
	for err == nil && len(set) > 0 {
		var v string
		if v, set, err = expect(set, tagOctetString); err == nil {
			all = append(all, v)
		}
	}
	d.Values = all[first:len(all):len(all)]
	return name, all, rest, err
}

// countValues makes a first pass to know how much to allocate.
func countValues(list string) (attributes, total int, err error) {
	for len(list) > 0 {
		var one, set string
		if one, list, err = expect(list, tagSequence); err != nil {
			return 0, 0, err
		}
		if _, one, err = expect(one, tagOctetString); err != nil {
			return 0, 0, err
		}
		if set, _, err = expect(one, tagSet); err != nil {
			return 0, 0, err
		}
		for len(set) > 0 {
			if _, _, set, err = element(set); err != nil {
				return 0, 0, err
			}
			total++
		}
		attributes++
	}
	return attributes, total, nil
}
