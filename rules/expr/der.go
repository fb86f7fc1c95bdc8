package expr

import (
	"strings"
	"unicode/utf16"
)

// The tags of DER that certificates use.
const (
	constructed = 0x20

	tagBoolean         = 0x01
	tagInteger         = 0x02
	tagBitString       = 0x03
	tagOctetString     = 0x04
	tagOID             = 0x06
	tagUTF8String      = 0x0c
	tagT61String       = 0x14
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagUniversalString = 0x1c
	tagBMPString       = 0x1e
	tagSequence        = 0x30
	tagSet             = 0x31
	tagContext0        = 0xa0
	tagContext1        = 0xa1
	tagContext2        = 0xa2
	tagContext3        = 0xa3
)

// A derReader is DER that has not been read yet.
type derReader string

// take reads one element with the tag and returns its content.
func (r *derReader) take(tag byte) (content string, ok bool) {
	s := string(*r)
	if s == "" || s[0] != tag {
		return "", false
	}
	_, content, rest, ok := cutElement(s)
	if ok {
		*r = derReader(rest)
	}
	return content, ok
}

// any reads one element of any tag.
func (r *derReader) any() (tag byte, content string, ok bool) {
	tag, content, rest, ok := cutElement(string(*r))
	if ok {
		*r = derReader(rest)
	}
	return tag, content, ok
}

func cutElement(s string) (tag byte, content, rest string, ok bool) {
	if len(s) < 2 || s[0]&0x1f == 0x1f {
		return 0, "", "", false
	}
	n, header := int(s[1]), 2
	if n >= 0x80 {
		octets := n & 0x7f
		if octets == 0 || octets > 4 || len(s) < 2+octets {
			return 0, "", "", false
		}
		n = 0
		for i := range octets {
			n = n<<8 | int(s[2+i])
		}
		header += octets
	}
	if n < 0 || n > len(s)-header {
		return 0, "", "", false
	}
	return s[0], s[header : header+n], s[header+n:], true
}

// derText returns the text of a string element.
func derText(tag byte, content string) string {
	switch tag {
	case tagBMPString:
		units := make([]uint16, len(content)/2)
		for i := range units {
			units[i] = uint16(content[2*i])<<8 | uint16(content[2*i+1])
		}
		return string(utf16.Decode(units))
	case tagUniversalString:
		var b strings.Builder
		for i := 0; i+4 <= len(content); i += 4 {
			b.WriteRune(rune(content[i])<<24 | rune(content[i+1])<<16 | rune(content[i+2])<<8 | rune(content[i+3]))
		}
		return b.String()
	case tagT61String:
		runes := make([]rune, len(content))
		for i := range runes {
			runes[i] = rune(content[i]) // in practice Latin-1
		}
		return string(runes)
	default:
		return strings.ToValidUTF8(content, "\ufffd")
	}
}
