package metaverse

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Lease says who may run steps on a store: one process at a time, for a while that it extends
// as long as it lives. The clock of the database decides about the end, so that hosts whose
// clocks differ agree.
type Lease struct {
	// Token is larger with each new holder. It fences: what a holder writes it writes only
	// while its token is the store's, see [Tx.Fence]. 0 means that there was no holder yet.
	Token int64
	// Holder is who has the lease, or had it last.
	Holder Holder
	// Left is for how long it is good, unless it is extended. 0 means that it is free.
	Left time.Duration
}

// Held reports whether somebody has the lease.
func (l Lease) Held() bool { return l.Left > 0 }

// A Holder is a process as others know it by its lease.
type Holder struct {
	Host string `json:"host"`
	PID  int    `json:"pid"`
	// Program tells the process from all others, also from those with the same number.
	Program string `json:"program"`
	// Space is where the process's number has a meaning: a boot of a machine and a
	// namespace. "" where that is not known.
	Space string `json:"space,omitempty"`
	// Hold tells one time of holding from another one of the same process.
	Hold string `json:"hold"`
}

// String names the process.
func (h Holder) String() string {
	if h.Host == "" {
		return "nobody"
	}
	return fmt.Sprintf("process %d on %s", h.PID, h.Host)
}

// ErrLeaseLost says that another process holds the lease, or that this one could not extend
// it in time: nothing more may be written or exported.
var ErrLeaseLost = errors.New("another process has taken over, or the store could not be reached in time to prevent that")

// ErrRunning says that another process, or another goroutine, has a step running that
// this one would get in the way of.
var ErrRunning = errors.New("another run is in progress")

// A LeaseHeldError says who has the lease. It matches [ErrRunning].
type LeaseHeldError struct{ Lease Lease }

// Error names the holder.
func (e *LeaseHeldError) Error() string {
	return fmt.Sprintf("%v: %v holds the lease of the store, for %v more unless it extends it", ErrRunning, e.Lease.Holder, e.Lease.Left.Round(time.Second))
}

// Is makes the error match ErrRunning.
func (e *LeaseHeldError) Is(target error) bool { return target == ErrRunning }

// DefaultLeasePeriod is how long a lease is good without being extended, if [Options] say nothing.
const DefaultLeasePeriod = 30 * time.Second

// Bounds of lease periods. Less than the shortest would be lost to a pause of the garbage
// collector or the disk.
const (
	minLeasePeriod = 500 * time.Millisecond
	maxLeasePeriod = time.Hour
)

// holds are the holds of this process that have not ended.
var holds sync.Map // Hold to nothing

// gone reports whether a holder is known to have ended although its time is not over: it was
// this process, or its process on this machine has ended.
func (h Holder) gone(mine Holder) bool {
	if h.Program == mine.Program {
		_, alive := holds.Load(h.Hold)
		return !alive
	}
	return h.Space != "" && h.Space == mine.Space && (h.PID == mine.PID || !alive(h.PID))
}

// alive reports whether a process of this machine runs. One that has died and waits for
// somebody to take notice, as in containers without an init process, does not.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil || errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true // no Linux: the signal has to do
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// processSpace names the boot of the machine and the namespace that process numbers belong to:
// containers have hosts and numbers in common that are not the same.
var processSpace = sync.OnceValue(func() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + namespace
})
