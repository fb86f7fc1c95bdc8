package sourceanchor

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// ParseGUID reads the text form of a GUID, with or without braces, and returns its bytes in
// directory order: the first three fields little-endian, the rest as printed.
func ParseGUID(text string) ([16]byte, error) {
	var g [16]byte
	s := text
	if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
		s = s[1 : len(s)-1]
	}
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return g, parseError("GUID", text, "is not of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		return g, parseError("GUID", text, "contains characters that are not hexadecimal digits")
	}
	return swap([16]byte(b)), nil
}

// FormatGUID returns the text form, in lower case and without braces, of a GUID whose bytes
// are in directory order.
func FormatGUID(guid [16]byte) string {
	g := swap(guid)
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[0:4], g[4:6], g[6:8], g[8:10], g[10:16])
}

// swap turns the three fields around that directories store little-endian.
func swap(g [16]byte) [16]byte {
	g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
	g[4], g[5] = g[5], g[4]
	g[6], g[7] = g[7], g[6]
	return g
}
