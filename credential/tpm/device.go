package tpm

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/go-tpm/tpm2/transport"
)

// DefaultDevice is the kernel's resource manager.
const DefaultDevice = "/dev/tpmrm0"

// OpenDevice returns a store for the TPM behind a device file, "" for [DefaultDevice].
func OpenDevice(device, dir string, o *Options) (*Store, error) {
	if device == "" {
		device = DefaultDevice
	}
	t, err := open(device)
	if err != nil {
		return nil, fmt.Errorf("tpm: %s: %w", device, err)
	}
	s, err := New(t, dir, o)
	if err != nil {
		_ = t.Close()
		return nil, err
	}
	return s, nil
}

// patient sends a command again that the TPM was too busy for.
type patient struct{ transport.TPMCloser }

// Response codes that ask for the same command again.
const (
	rcRetry   = 0x922
	rcYielded = 0x908
	rcTesting = 0x90A
)

// maxSends bounds how often: some five seconds in all.
const maxSends = 9

// Send implements transport.TPM.
func (p patient) Send(command []byte) ([]byte, error) {
	delay := 10 * time.Millisecond
	for try := 1; ; try++ {
		answer, err := p.TPMCloser.Send(command)
		if err != nil || try == maxSends || len(answer) < 10 {
			return answer, err
		}
		switch binary.BigEndian.Uint32(answer[6:]) {
		case rcRetry, rcYielded, rcTesting:
			time.Sleep(delay)
			delay *= 2
		default:
			return answer, nil
		}
	}
}
