//go:build unix

package main

import (
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what the process has used of all cores.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// freeDisk is how many octets can be written to a folder, without end where that is not known.
func freeDisk(dir string) uint64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return math.MaxUint64
	}
	return uint64(s.Bavail) * uint64(s.Bsize) //nolint:gosec,unconvert // of other types on other systems
}
