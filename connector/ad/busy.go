package ad

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// How often and after which waits a search is made again that the server was too busy for.
// Together they bridge half a minute: a domain controller that needs longer is unavailable,
// and another one, or the next run, will do better.
const (
	busyAttempts = 6
	busyWait     = 500 * time.Millisecond
)

// patient calls search again while the server says that it is busy or unavailable. search
// must have given nothing to anybody yet when it fails.
func (l *link) patient(ctx context.Context, search func() error) error {
	for attempt := 1; ; attempt++ {
		err := search()
		switch resultCode(err) {
		case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable:
		default:
			return err
		}
		if attempt == busyAttempts || !l.alive() {
			return err
		}
		wait := busyWait << (attempt - 1)
		wait -= time.Duration(rand.Int64N(int64(wait) / 2)) // so that clients do not come back together
		if cause := l.sleep(ctx, wait); cause != nil {
			return errors.Join(cause, err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// smallestPage is where asking for less ends.
const smallestPage = 10

// tooMuch reports whether a smaller page may be what the server can still do.
func tooMuch(err error) bool {
	switch resultCode(err) {
	case ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded, ldap.LDAPResultSizeLimitExceeded:
		return true
	}
	return false
}
