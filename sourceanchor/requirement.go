package sourceanchor

import (
	"fmt"
	"strings"
	"unicode"
)

// forbidden are the characters that a string attribute used as source anchor must not hold.
const forbidden = "\\!#$%&*+/=?^`{}|~<>()';:,[]\"@_"

// maxEncoded is the length that the encoded form of a source anchor must stay below.
const maxEncoded = 60

// EncodedLength returns the length of a value as Entra ID counts it: letters of the English
// alphabet and digits count one, every other character three.
func EncodedLength(value string) int {
	n := 0
	for _, r := range value {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			n++
		} else {
			n += 3
		}
	}
	return n
}

// CheckValue checks one value of a string attribute against the requirements on source
// anchors: characters, @, length. It returns a [*ParseError] for the first one violated.
// Source: plan-connect-design-concepts.
func CheckValue(value string) error {
	switch i := strings.IndexAny(value, forbidden); {
	case value == "":
		return parseError("value", value, "is empty")
	case i >= 0:
		return parseError("value", value, fmt.Sprintf("contains the character %q, which a source anchor must not hold", value[i]))
	case EncodedLength(value) >= maxEncoded:
		return parseError("value", value, fmt.Sprintf(
			"has an encoded length of %d; fewer than %d are allowed, and all but English letters and digits count as three",
			EncodedLength(value), maxEncoded))
	}
	return nil
}

// unstable are attributes that change when people marry, move or change jobs.
var unstable = map[string]string{
	"mail": "mail addresses change", "userprincipalname": "sign-in names change",
	"targetaddress": "mail addresses change", "proxyaddresses": "mail addresses change",
	"mailnickname": "aliases change", "samaccountname": "account names change",
	"cn": "names change", "displayname": "names change", "givenname": "names change", "sn": "names change",
	"distinguishedname": "it says where an object is, not which one it is",
	"telephonenumber":   "telephone numbers are given to others",
}

// CheckAttribute returns what speaks against an attribute as source anchor by its name, ""
// for nothing. It is a warning: only the owner of the directory knows for sure.
func CheckAttribute(name string) string {
	if why, ok := unstable[strings.ToLower(name)]; ok {
		return fmt.Sprintf("%s does not identify anyone for life: %s", name, why)
	}
	return ""
}

// A Census checks that the anchors of a directory are unique. Feed it every object's anchor
// in any order. The zero Census is ready to use. It is not safe for concurrent use; it
// holds one entry for each object.
type Census struct {
	holders  map[Anchor]string
	byFold   map[string]Anchor
	problems []Duplicate
}

// A Duplicate is an anchor that two objects share, or that differs between them only in
// case.
type Duplicate struct {
	Anchor        Anchor
	First, Second string // names of the objects, as given to Add
	CaseOnly      bool   // the anchors are not equal but differ only in case
}

// Add enters an object's anchor. The name is for reports.
func (c *Census) Add(a Anchor, object string) {
	if a.IsZero() {
		return
	}
	if c.holders == nil {
		c.holders, c.byFold = make(map[Anchor]string), make(map[string]Anchor)
	}
	fold := strings.ToLower(a.text)
	if first, taken := c.holders[a]; taken {
		c.problems = append(c.problems, Duplicate{a, first, object, false})
		return
	}
	// Base64 texts differ in case by nature.
	if _, isGUID := a.GUID(); !isGUID {
		if other, taken := c.byFold[fold]; taken {
			c.problems = append(c.problems, Duplicate{a, c.holders[other], object, true})
		}
		c.byFold[fold] = a
	}
	c.holders[a] = object
}

// Duplicates returns what was found, in the order in which it was found.
func (c *Census) Duplicates() []Duplicate { return c.problems }
