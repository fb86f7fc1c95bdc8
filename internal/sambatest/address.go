package sambatest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// ports are those that a domain controller needs on its address.
var ports = []string{"88", "135", "389", "464", "636", "3268", "3269"}

// reserveAddress finds a loopback address where all ports are free and holds it, against
// other processes that use this package, with a lock file.
func reserveAddress(wanted string) (string, *os.File, error) {
	if wanted != "" {
		lock, err := lockAddress(wanted)
		return wanted, lock, err
	}
	const choices = 250
	start := rand.IntN(choices)
	var last error
	for i := range choices {
		address := fmt.Sprintf("127.77.0.%d", 1+(start+i)%choices)
		lock, err := lockAddress(address)
		if err == nil {
			return address, lock, nil
		}
		last = err
	}
	return "", nil, fmt.Errorf("sambatest: no free loopback address: %w", last)
}

func lockAddress(address string) (*os.File, error) {
	if net.ParseIP(address) == nil {
		return nil, fmt.Errorf("sambatest: %q is not an address", address)
	}
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "sambatest-"+address+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("sambatest: %s is in use: %w", address, err), lock.Close())
	}
	for _, port := range ports {
		l, err := net.Listen("tcp", net.JoinHostPort(address, port))
		if err != nil {
			return nil, errors.Join(err, lock.Close())
		}
		l.Close() //nolint:errcheck // only tried
	}
	return lock, nil
}
