// Package memory sets how much memory a program that synchronises trades for processor time.
//
// A step keeps little and throws much away: some 30 kB for each object. With Go's own setting, which
// collects garbage whenever the heap has doubled, that takes a fifth of the processor time of a
// synchronisation. Letting the heap grow further takes most of that off, and a limit keeps the
// process below half a gigabyte all the same.
package memory

import (
	"os"
	"runtime/debug"
)

const (
	// percent is by how much the heap grows before garbage is collected.
	percent = 300
	// limit is from where on it is collected more often, in octets. It is not a hard one.
	limit = 416 << 20
)

// Tune applies the settings, where the environment (GOGC, GOMEMLIMIT) does not say otherwise.
func Tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
}
