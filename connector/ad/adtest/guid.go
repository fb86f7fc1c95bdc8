package adtest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// A GUID is an object's identity, its bytes in the order in which the directory sends them.
type GUID [16]byte

// String returns the dashed form, such as c0c0d262-4953-496b-be53-24d489d75872.
func (g GUID) String() string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(g[:4]),
		binary.LittleEndian.Uint16(g[4:6]), binary.LittleEndian.Uint16(g[6:8]), g[8:10], g[10:])
}

// parseGUID reads the dashed form or 32 hexadecimal digits in byte order.
func parseGUID(s string) (GUID, bool) {
	var g GUID
	dashed := len(s) == 36
	if dashed {
		if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return g, false
		}
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	if len(s) != 32 {
		return g, false
	}
	if _, err := hex.Decode(g[:], []byte(s)); err != nil {
		return GUID{}, false
	}
	if dashed {
		g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
		g[4], g[5], g[6], g[7] = g[5], g[4], g[7], g[6]
	}
	return g, true
}

// sidString returns the S-1-... form of a binary SID.
func sidString(b string) string {
	if len(b) < 8 || len(b) != 8+4*int(b[1]) {
		return ""
	}
	var authority uint64
	for _, c := range []byte(b[2:8]) {
		authority = authority<<8 | uint64(c)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "S-%d-%d", b[0], authority)
	for i := 8; i < len(b); i += 4 {
		fmt.Fprintf(&s, "-%d", binary.LittleEndian.Uint32([]byte(b[i:i+4])))
	}
	return s.String()
}

// parseSID reads the S-1-... form.
func parseSID(s string) (string, bool) {
	parts := strings.Split(s, "-")
	if len(parts) < 3 || len(parts) > 18 || !strings.EqualFold(parts[0], "S") || parts[1] != "1" {
		return "", false
	}
	authority, err := strconv.ParseUint(parts[2], 10, 48)
	if err != nil {
		return "", false
	}
	b := make([]byte, 8, 8+4*len(parts))
	binary.BigEndian.PutUint64(b, authority)
	b[0], b[1] = 1, byte(len(parts)-3)
	for _, p := range parts[3:] {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil {
			return "", false
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return string(b), true
}

// sidWithRID returns the SID of an account in the domain.
func sidWithRID(domain string, rid uint32) string {
	b := []byte(domain)
	b[1]++
	return string(binary.LittleEndian.AppendUint32(b, rid))
}

// ridOf returns the last part of a SID.
func ridOf(sid string) uint32 {
	if len(sid) < 12 {
		return 0
	}
	return binary.LittleEndian.Uint32([]byte(sid[len(sid)-4:]))
}
