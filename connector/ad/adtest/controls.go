package adtest

import (
	"encoding/binary"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Controls that the server knows.
const (
	oidPaged        = "1.2.840.113556.1.4.319"
	oidShowDeleted  = "1.2.840.113556.1.4.417"
	oidSort         = "1.2.840.113556.1.4.473"
	oidSortResponse = "1.2.840.113556.1.4.474"
	oidExtendedDN   = "1.2.840.113556.1.4.529"
	oidLazyCommit   = "1.2.840.113556.1.4.619"
	oidSDFlags      = "1.2.840.113556.1.4.801"
	oidTreeDelete   = "1.2.840.113556.1.4.805"
	oidDirSync      = "1.2.840.113556.1.4.841"
	oidVerifyName   = "1.2.840.113556.1.4.1338"
	oidDomainScope  = "1.2.840.113556.1.4.1339"
	oidSearchOpts   = "1.2.840.113556.1.4.1340"
	oidPermissive   = "1.2.840.113556.1.4.1413"
	oidRangeNoErr   = "1.2.840.113556.1.4.1948"
	oidForceUpdate  = "1.2.840.113556.1.4.1974"
	oidShowRecycled = "1.2.840.113556.1.4.2064"
	oidShowLinks    = "1.2.840.113556.1.4.2065"
	oidHintsOld     = "1.2.840.113556.1.4.2066"
	oidHints        = "1.2.840.113556.1.4.2239"
)

func supportedControls() []string {
	return []string{oidPaged, oidSDFlags, oidSort, oidShowDeleted, oidTreeDelete, oidExtendedDN, oidLazyCommit, oidDirSync,
		oidVerifyName, oidDomainScope, oidSearchOpts, oidPermissive, oidRangeNoErr, "1.2.840.113556.1.4.802",
		oidForceUpdate, oidShowRecycled, oidShowLinks, oidHintsOld, oidHints}
}

// A controlSet is what a request's controls ask for.
type controlSet struct {
	paged       *pagedControl
	dirSync     *dirSyncControl
	sortKeys    []sortKey
	extended    int // format of extended DNs, -1: plain
	showDeleted bool
	noReferrals bool
	rangeNoErr  bool
	treeDelete  bool
	permissive  bool
	parts       int // of descriptors, 0: the control was not sent
}

type pagedControl struct {
	size   int
	cookie string
}

type dirSyncControl struct {
	flags  uint32
	max    int64
	cookie string
}

// The flags of DirSync.
const (
	dirSyncObjectSecurity = 0x1
	dirSyncAncestorsFirst = 0x800
	dirSyncIncremental    = 0x80000000
)

type sortKey struct {
	def     *attrDef
	reverse bool
}

// readControls reads a request's controls. unknown lists those that the server does not
// know; a critical one, or a critical one without a proper value, is an error.
func (d *directory) readControls(list []control) (cs controlSet, unknown []string, err error) {
	cs.extended = -1
	for _, c := range list {
		known, ok := d.readControl(&cs, c)
		if !known {
			unknown = append(unknown, c.oid)
		}
		if (!known || !ok) && c.critical {
			err = badControl()
		}
	}
	return cs, unknown, err
}

func (d *directory) readControl(cs *controlSet, c control) (known, ok bool) {
	switch c.oid {
	case oidShowDeleted, oidShowRecycled:
		cs.showDeleted = true
	case oidDomainScope:
		cs.noReferrals = true
	case oidRangeNoErr:
		cs.rangeNoErr = true
	case oidTreeDelete:
		cs.treeDelete = true
	case oidPermissive:
		cs.permissive = true
	case oidLazyCommit, oidForceUpdate, oidShowLinks, oidVerifyName, oidHints, oidHintsOld:
	case oidSDFlags:
		n, ok := c.sequence(1)
		if !ok {
			return true, false
		}
		flags, ok := intOf(n[0])
		cs.parts = int(flags) & sdAll
		return true, ok
	case oidSearchOpts:
		n, ok := c.sequence(1)
		if !ok {
			return true, false
		}
		flags, ok := intOf(n[0])
		cs.noReferrals = cs.noReferrals || flags&1 != 0
		return true, ok
	case oidExtendedDN:
		cs.extended = 0
		if n, ok := c.sequence(1); ok {
			if f, ok := intOf(n[0]); ok && f == 1 {
				cs.extended = 1
			}
		}
	case oidPaged:
		return true, cs.readPaged(c)
	case oidDirSync:
		return true, cs.readDirSync(c)
	case oidSort:
		return true, d.readSort(cs, c)
	default:
		return false, false
	}
	return true, true
}

// sequence decodes the value of a control, which must have so many parts.
func (c control) sequence(n int) ([]*ber.Packet, bool) {
	if !c.hasValue {
		return nil, false
	}
	p, err := ber.DecodePacketErr(c.value)
	if err != nil || p.Tag != ber.TagSequence || n > 0 && len(p.Children) != n {
		return nil, false
	}
	return p.Children, true
}

func (cs *controlSet) readPaged(c control) bool {
	f, ok := c.sequence(2)
	if !ok {
		return false
	}
	size, ok := intOf(f[0])
	if !ok || size < 0 || size > 1<<31-1 {
		return false
	}
	cs.paged = &pagedControl{size: int(size), cookie: text(f[1])}
	return true
}

// readDirSync insists on four bytes at most for the flags, as AD does.
func (cs *controlSet) readDirSync(c control) bool {
	f, ok := c.sequence(3)
	if !ok || len(raw(f[0])) > 4 {
		return false
	}
	flags, ok1 := intOf(f[0])
	limit, ok2 := intOf(f[1])
	if !ok1 || !ok2 {
		return false
	}
	cs.dirSync = &dirSyncControl{flags: uint32(flags), max: limit, cookie: text(f[2])}
	return true
}

func (d *directory) readSort(cs *controlSet, c control) bool {
	keys, ok := c.sequence(0)
	if !ok || len(keys) == 0 {
		return false
	}
	for _, k := range keys {
		if len(k.Children) == 0 {
			return false
		}
		key := sortKey{def: d.s.attr(text(k.Children[0]))}
		for _, f := range k.Children[1:] {
			if f.ClassType == ber.ClassContext && f.Tag == 1 {
				b := raw(f)
				key.reverse = len(b) == 1 && b[0] != 0
			}
		}
		cs.sortKeys = append(cs.sortKeys, key)
	}
	return true
}

// pagedResponse is the answer's control.
func pagedResponse(cookie string) control {
	var e encoder
	at := e.open(tagSequence)
	e.num(tagInteger, 0) // AD does not estimate
	e.str(tagOctets, cookie)
	e.close(at)
	return control{oid: oidPaged, value: e.b, hasValue: true}
}

func dirSyncResponse(more bool, cookie string) control {
	var e encoder
	at := e.open(tagSequence)
	n := int64(0)
	if more {
		n = 1
	}
	e.num(tagInteger, n)
	e.num(tagInteger, 0)
	e.str(tagOctets, cookie)
	e.close(at)
	return control{oid: oidDirSync, value: e.b, hasValue: true, critical: true}
}

func sortResponse(code int64) control {
	var e encoder
	at := e.open(tagSequence)
	e.num(tagEnumerated, code)
	e.close(at)
	return control{oid: oidSortResponse, value: e.b, hasValue: true}
}

// A dirSyncCookie says what a client has.
type dirSyncCookie struct {
	invocation GUID
	position   int64 // changes up to here were looked at in the current round
	complete   int64 // changes up to here are known to the client: that is what it was sent before this round
	serial     int64 // counts the cookies issued
	time       int64 // when, as a FILETIME
}

const dirSyncCookieLen = 108

// encode writes the layout that AD has: "MSDS", a version, the time, the high watermarks,
// the invocation id and an up-to-dateness vector with one cursor.
func (c dirSyncCookie) encode() string {
	b := make([]byte, 0, dirSyncCookieLen)
	le := binary.LittleEndian
	b = append(b, "MSDS"...)
	b = le.AppendUint32(b, 3)
	b = le.AppendUint64(b, uint64(c.time))
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	b = le.AppendUint32(b, 40)
	b = le.AppendUint64(b, uint64(c.position))
	b = le.AppendUint64(b, uint64(c.serial))
	b = le.AppendUint64(b, uint64(c.complete))
	b = append(b, c.invocation[:]...)
	b = le.AppendUint32(b, 1)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, 1)
	b = le.AppendUint32(b, 0)
	b = append(b, c.invocation[:]...)
	b = le.AppendUint64(b, uint64(c.complete))
	return string(b)
}

func decodeDirSyncCookie(s string) (c dirSyncCookie, ok bool) {
	le := binary.LittleEndian
	b := []byte(s)
	if len(b) != dirSyncCookieLen || s[:4] != "MSDS" || le.Uint32(b[4:]) != 3 || le.Uint32(b[24:]) != 40 {
		return c, false
	}
	c.time = int64(le.Uint64(b[8:]))
	c.position, c.serial, c.complete = int64(le.Uint64(b[28:])), int64(le.Uint64(b[36:])), int64(le.Uint64(b[44:]))
	c.invocation = GUID(b[52:68])
	return c, c.position >= 0 && c.complete >= 0 && c.complete <= c.position
}
