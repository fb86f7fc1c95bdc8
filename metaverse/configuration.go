package metaverse

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// A Configuration is one version of the settings of the programs that share a store. It lives
// with the store, so that servers that take over from each other cannot drift apart: a program
// compares the hash of what it was given with that of the newest version, and an administrator
// finds who changed what and when. The engine does not look at it.
type Configuration struct {
	// Version is 1 for the first one and grows by one with each.
	Version int64 `json:"version"`
	// Hash is the SHA-256 of the text in hexadecimal digits. The store computes it.
	Hash string `json:"hash"`
	// Author is who put it there, in whatever form the program knows people by.
	Author string `json:"author"`
	// At is when.
	At time.Time `json:"at"`
	// Text is the configuration itself, in the program's own form. It should name where
	// secrets are found rather than hold them: whoever can read the store can read it.
	Text []byte `json:"-"`
}

// HashConfiguration returns the hash of the text of a configuration.
func HashConfiguration(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
