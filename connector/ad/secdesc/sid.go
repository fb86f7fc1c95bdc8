package secdesc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A SID names a user, group or other security principal. It is comparable; the zero value
// names nobody.
type SID struct {
	raw string // binary form
}

const maxSubAuthorities = 15

var errSID = errors.New("secdesc: not a SID")

// SIDs that mean the same everywhere.
var (
	Everyone                   = mustSID("S-1-1-0")
	CreatorOwner               = mustSID("S-1-3-0")
	CreatorGroup               = mustSID("S-1-3-1")
	OwnerRights                = mustSID("S-1-3-4")
	Network                    = mustSID("S-1-5-2")
	EnterpriseDCs              = mustSID("S-1-5-9")
	Self                       = mustSID("S-1-5-10")
	AuthenticatedUsers         = mustSID("S-1-5-11")
	ThisOrganization           = mustSID("S-1-5-15")
	LocalSystem                = mustSID("S-1-5-18")
	Administrators             = mustSID("S-1-5-32-544")
	PreWindows2000Compatible   = mustSID("S-1-5-32-554")
	WindowsAuthorizationAccess = mustSID("S-1-5-32-560")
)

// SIDFromBytes reads the binary form, that of objectSid. Nothing may follow it.
func SIDFromBytes(b []byte) (SID, error) {
	s, rest, err := cutSID(b)
	if err == nil && len(rest) > 0 {
		err = errSID
	}
	return s, err
}

// cutSID reads the SID at the beginning of b.
func cutSID(b []byte) (SID, []byte, error) {
	if len(b) < 8 || b[0] != 1 || b[1] > maxSubAuthorities {
		return SID{}, b, errSID
	}
	n := 8 + 4*int(b[1])
	if len(b) < n {
		return SID{}, b, errSID
	}
	return SID{string(b[:n])}, b[n:], nil
}

// ParseSID reads the text form, S-1-5-21-...
func ParseSID(text string) (SID, error) {
	parts := strings.Split(text, "-")
	if len(parts) < 3 || len(parts) > 3+maxSubAuthorities || !strings.EqualFold(parts[0], "S") || parts[1] != "1" {
		return SID{}, errSID
	}
	base := 10
	digits := parts[2]
	if rest, ok := strings.CutPrefix(strings.ToLower(digits), "0x"); ok {
		digits, base = rest, 16
	}
	authority, err := strconv.ParseUint(digits, base, 48)
	if err != nil {
		return SID{}, errSID
	}
	b := binary.BigEndian.AppendUint64(nil, authority)
	b[0], b[1] = 1, byte(len(parts)-3)
	for _, p := range parts[3:] {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil {
			return SID{}, errSID
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return SID{string(b)}, nil
}

func mustSID(text string) SID {
	s, err := ParseSID(text)
	if err != nil {
		panic(err)
	}
	return s
}

// IsZero reports whether s names nobody.
func (s SID) IsZero() bool { return s.raw == "" }

// Bytes returns the binary form.
func (s SID) Bytes() []byte { return []byte(s.raw) }

// String returns the text form, "" for the zero SID.
func (s SID) String() string {
	if s.raw == "" {
		return ""
	}
	authority := binary.BigEndian.Uint64([]byte(s.raw[:8])) & (1<<48 - 1)
	var b strings.Builder
	if authority < 1<<32 {
		fmt.Fprintf(&b, "S-1-%d", authority)
	} else {
		fmt.Fprintf(&b, "S-1-0x%012x", authority)
	}
	for i := 8; i < len(s.raw); i += 4 {
		fmt.Fprintf(&b, "-%d", binary.LittleEndian.Uint32([]byte(s.raw[i:])))
	}
	return b.String()
}

// RID returns the last part, which names the principal within its domain; 0 if there is
// none.
func (s SID) RID() uint32 {
	if len(s.raw) < 12 {
		return 0
	}
	return binary.LittleEndian.Uint32([]byte(s.raw[len(s.raw)-4:]))
}

// Domain returns the SID without its last part.
func (s SID) Domain() SID {
	if len(s.raw) < 12 {
		return SID{}
	}
	b := []byte(s.raw[:len(s.raw)-4])
	b[1]--
	return SID{string(b)}
}

// WithRID returns the SID of a principal of the domain s.
func (s SID) WithRID(rid uint32) SID {
	if len(s.raw) < 8 || s.raw[1] >= maxSubAuthorities {
		return SID{}
	}
	b := binary.LittleEndian.AppendUint32([]byte(s.raw), rid)
	b[1]++
	return SID{string(b)}
}

// OfDomain reports whether s is a principal of a domain rather than one that is the same
// everywhere: S-1-5-21-x-y-z-rid.
func (s SID) OfDomain() bool {
	return len(s.raw) == 8+4*5 && strings.HasPrefix(s.raw[2:], "\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00")
}
