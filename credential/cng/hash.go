package cng

import "crypto/sha256"

// isHash reports whether an id is the SHA-256 hash of a certificate: no id that the library
// makes itself is that long.
func isHash(id string) bool {
	for _, r := range id {
		if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return false
		}
	}
	return len(id) == 2*sha256.Size
}
