package metaverse

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockTime is how long a lock is good without being renewed. It must outlast the longest
// wait for a directory between two transactions.
const lockTime = 15 * time.Minute

// settingLock begins the keys of locks: one for each connector, and one for
// synchronisation, which touches all connector spaces.
const (
	settingLock = "lock/"
	lockSync    = settingLock + "\x00sync"
)

// ErrRunning says that another process, or another goroutine, has a step running that
// this one would get in the way of.
var ErrRunning = errors.New("another run is in progress")

// errLockLost says that a step lasted so long without a sign of life that another process
// has taken over. Nothing more may be written or exported.
var errLockLost = errors.New("another process has taken over this run")

// lock is a claim on a connector or on synchronisation, kept in the store so that two
// processes do not run the same step.
type lock struct {
	Host  string    `json:"host"`
	PID   int       `json:"pid"`
	Token string    `json:"token"` // tells the holder from all others
	Until time.Time `json:"until"`
}

func newLock() lock {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return lock{Host: host, PID: os.Getpid(), Token: rand.Text()}
}

// stale reports whether the holder of a lock is gone: its time is over, or its process on
// this machine is.
func (l lock) stale(mine lock, now time.Time) bool {
	if now.After(l.Until) {
		return true
	}
	return l.Host == mine.Host && (l.PID == mine.PID || !alive(l.PID))
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

// lockKeys names the locks that a step needs.
func (r *run) lockKeys() []string {
	if r.rec.Step == ObjectSync {
		return r.allLocks()
	}
	keys := []string{settingLock + r.t.name}
	if r.rec.Step == FullSync || r.rec.Step == DeltaSync {
		keys = append(keys, lockSync)
	}
	return keys
}

// acquire takes the step's locks.
func (r *run) acquire(tx Tx) error {
	now := r.now()
	r.lock.Until = now.Add(lockTime)
	for _, key := range r.lockKeys() {
		held, ok, err := readLock(tx, key)
		if err != nil {
			return err
		}
		if ok && held.Token != r.lock.Token && !held.stale(r.lock, now) {
			return fmt.Errorf("%w: process %d on %s, at least until %s", ErrRunning, held.PID, held.Host, held.Until.Format(time.RFC3339))
		}
	}
	return r.writeLocks(tx)
}

// keep checks that the step still has its locks, and renews them.
func (r *run) keep(tx Tx) error {
	for _, key := range r.lockKeys() {
		held, ok, err := readLock(tx, key)
		if err != nil {
			return err
		}
		if !ok || held.Token != r.lock.Token {
			return errLockLost
		}
	}
	now := r.now()
	if r.lock.Until.Sub(now) > lockTime/2 {
		return nil
	}
	r.lock.Until = now.Add(lockTime)
	return r.writeLocks(tx)
}

// dropLocks gives the step's locks back.
func (r *run) dropLocks(tx Tx) error {
	for _, key := range r.lockKeys() {
		held, ok, err := readLock(tx, key)
		if err != nil {
			return err
		}
		if ok && held.Token == r.lock.Token {
			if err := tx.PutSetting(key, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func readLock(rd Reader, key string) (l lock, ok bool, err error) {
	b, err := rd.Setting(key)
	if err != nil || b == nil {
		return lock{}, false, err
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return lock{}, false, fmt.Errorf("%w: lock %q: %w", ErrCorrupt, key, err)
	}
	return l, true, nil
}

func (r *run) writeLocks(tx Tx) error {
	b, err := json.Marshal(r.lock)
	if err != nil {
		return err
	}
	for _, key := range r.lockKeys() {
		if err := tx.PutSetting(key, b); err != nil {
			return err
		}
	}
	return nil
}

// update runs fn in a transaction of the step. It fails when the step has lost its locks:
// a process that was suspended and wakes up writes nothing and starts no export.
func (r *run) update(ctx context.Context, fn func(Tx) error) error {
	return r.e.store.Update(ctx, func(tx Tx) error {
		if err := r.keep(tx); err != nil {
			return err
		}
		var err error
		if r.changes, err = noteChange(tx); err != nil {
			return err
		}
		return fn(tx)
	})
}
