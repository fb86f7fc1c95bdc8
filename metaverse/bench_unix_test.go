//go:build unix

package metaverse_test

import (
	"syscall"
	"time"
)

// processorTime returns how long the process has kept processors busy, which the load of the
// machine changes little.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
