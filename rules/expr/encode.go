package expr

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// parseNumber reads decimal, with or without a sign, and hexadecimal behind &H or 0x.
func parseNumber(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if len(s) > 2 && (s[0] == '&' && (s[1] == 'H' || s[1] == 'h') || s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		if !isHexDigit(s[2]) {
			return 0, false
		}
		n, err := strconv.ParseUint(s[2:], 16, 64)
		return int64(n), err == nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func parseBool(s string) (value, ok bool) {
	s = strings.TrimSpace(s)
	switch {
	case strings.EqualFold(s, "True"):
		return true, true
	case strings.EqualFold(s, "False"):
		return false, true
	default:
		return false, false
	}
}

// guidOrder is where each byte of a GUID's text is found in the bytes that Windows keeps.
var guidOrder = [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}

// parseGUID reads a GUID with dashes, in braces or without.
func parseGUID(s string) (g [16]byte, ok bool) {
	if len(s) == 38 && s[0] == '{' && s[37] == '}' {
		s = s[1:37]
	}
	if len(s) != 36 {
		return g, false
	}
	n := 0
	for i := 0; i < 36; {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return g, false
			}
			i++
			continue
		}
		if !isHexDigit(s[i]) || !isHexDigit(s[i+1]) {
			return g, false
		}
		g[guidOrder[n]] = hexDigit(s[i])<<4 | hexDigit(s[i+1])
		n++
		i += 2
	}
	return g, true
}

func hexDigit(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	default:
		return c - 'A' + 10
	}
}

// formatGUID writes 16 bytes in Windows order as a GUID.
func formatGUID(b string) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 36)
	for i, from := range guidOrder {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = append(out, digits[b[from]>>4], digits[b[from]&15])
	}
	return string(out)
}

// formatSID writes a binary security identifier as text.
func formatSID(b string) (string, bool) {
	if len(b) < 8 || b[0] != 1 || b[1] > 15 || len(b) != 8+4*int(b[1]) {
		return "", false
	}
	var authority uint64
	for i := 2; i < 8; i++ {
		authority = authority<<8 | uint64(b[i])
	}
	var buf [192]byte
	out := append(buf[:0], "S-1-"...)
	if authority >= 1<<32 {
		out = append(out, "0x"...)
		out = strconv.AppendUint(out, authority, 16)
	} else {
		out = strconv.AppendUint(out, authority, 10)
	}
	for i := 8; i < len(b); i += 4 {
		n := uint32(b[i]) | uint32(b[i+1])<<8 | uint32(b[i+2])<<16 | uint32(b[i+3])<<24
		out = append(out, '-')
		out = strconv.AppendUint(out, uint64(n), 10)
	}
	return string(out), true
}

func upperHex(s string) string { return string(appendHex(nil, s)) }

// appendHex appends the bytes of s in hexadecimal and in upper case.
func appendHex(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	dst = slices.Grow(dst, 2*len(s))
	for i := range len(s) {
		dst = append(dst, digits[s[i]>>4], digits[s[i]&15])
	}
	return dst
}

// appendUTF16 appends the text in UTF-16, little-endian.
func appendUTF16(dst []byte, s string) []byte {
	dst = slices.Grow(dst, 2*len(s))
	for _, r := range s {
		if a, b := utf16.EncodeRune(r); a != unicode.ReplacementChar {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(a))
			r = b
		}
		dst = binary.LittleEndian.AppendUint16(dst, uint16(r))
	}
	return dst
}

func decodeUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// decodeBase64 reads standard Base64, with white space anywhere.
func decodeBase64(s string) ([]byte, bool) {
	if strings.ContainsAny(s, " \t\r\n") {
		s = strings.Join(strings.Fields(s), "")
	}
	b, err := base64.StdEncoding.DecodeString(s)
	return b, err == nil
}

func thumbprint(_ *Call, a []Value) (Value, error) {
	sum := sha256.Sum256([]byte(a[0].str))
	return Binary(string(sum[:])), nil
}
