package ad

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
)

// dirSyncBytes is the size of one answer to ask for. Windows limits it to MaxPageSize
// objects anyway.
const dirSyncBytes = 8 << 20

// A dirSync is one request for changes of a partition, continued until there are no more.
type dirSync struct {
	partition      partition
	filter         string
	attributes     []string
	objectSecurity bool
	cookie         []byte // where to start; none means from the beginning of time
}

// run streams the changed entries to each, calls pageEnd between answers, when the
// connection is idle, and returns the cookie for the next time.
func (q dirSync) run(ctx context.Context, l *link, each func(*entry) error, pageEnd func() error) ([]byte, error) {
	flags := ldap.DirSyncIncrementalValues
	if q.objectSecurity {
		flags |= ldap.DirSyncObjectSecurity
	}
	cookie := q.cookie
	for {
		var controls []ldap.Control
		err := l.patient(ctx, func() error {
			seen := false
			var err error
			controls, err = l.stream(ctx, &ldap.SearchRequest{
				BaseDN: q.partition.dn, Scope: ldap.ScopeWholeSubtree, Filter: q.filter, Attributes: q.attributes,
				Controls: []ldap.Control{ldap.NewRequestControlDirSync(flags, dirSyncBytes, cookie)},
			}, func(e *entry) error {
				seen = true
				return each(e)
			})
			if seen && resultCode(err) != 0 { // not again what was passed on
				return fmt.Errorf("%w: DirSync ended in mid-answer: %s", connector.ErrUnavailable, err.Error())
			}
			return err
		})
		if err != nil {
			return nil, q.refused(err, cookie)
		}
		answer, ok := ldap.FindControl(controls, ldap.ControlTypeDirSync).(*ldap.ControlDirSync)
		if !ok || len(answer.Cookie) == 0 {
			return nil, fmt.Errorf("%w: an answer of DirSync without a cookie", connector.ErrProtocol)
		}
		more := answer.Flags != 0 // in answers the field says whether there is more
		if more && bytes.Equal(answer.Cookie, cookie) {
			return nil, fmt.Errorf("%w: the same DirSync cookie twice", connector.ErrProtocol)
		}
		cookie = answer.Cookie
		if pageEnd != nil {
			if err := pageEnd(); err != nil {
				return nil, err
			}
		}
		if !more {
			return cookie, nil
		}
	}
}

// refused tells a cookie that the server does not take from other trouble.
func (q dirSync) refused(err error, cookie []byte) error {
	if len(cookie) == 0 || len(q.cookie) == 0 {
		return err
	}
	switch resultCode(err) {
	case ldap.LDAPResultUnavailableCriticalExtension, ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultProtocolError:
		return fmt.Errorf("%w: %w", connector.ErrWatermarkExpired, err)
	}
	return err
}

// stream makes a search whose answer may be of any size and passes on each entry. The
// connection is lost when it ends early. While each runs the connection may be blocked: it
// must make no request on it.
func (l *link) stream(ctx context.Context, req *ldap.SearchRequest, each func(*entry) error) ([]ldap.Control, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { l.wire.Close() }) //nolint:errcheck // only to interrupt
	defer stop()
	silence := time.AfterFunc(l.timeout, func() { cancel(errSilent) })
	type ending struct {
		controls []ldap.Control
		err      error
	}
	arrived, ended := make(chan *entry, 64), make(chan ending, 1)
	go func() {
		controls, err := l.entries(ctx, req, func(e *entry) error {
			select {
			case arrived <- e:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		ended <- ending{controls, err}
	}()
	var end ending
	var failed error
	for over := false; ; {
		var e *entry
		if over { // what is left
			select {
			case e = <-arrived:
			default:
			}
		} else {
			select {
			case e = <-arrived:
			case end = <-ended:
				over = true
				silence.Stop()
				continue
			}
		}
		if e == nil {
			break
		}
		silence.Stop() // the time that the caller takes does not count
		if failed == nil && ctx.Err() == nil {
			if failed = each(e); failed != nil {
				cancel(failed)
			}
		}
		if !over {
			silence.Reset(l.timeout)
		}
	}
	if failed == nil {
		failed = l.fault(ctx, end.err)
	}
	return end.controls, failed
}

// startCookies takes the cookies from which changes can be asked for later. The filter
// matches one object only: the cookie covers the partition whatever was filtered out.
func (s *session) startCookies(ctx context.Context, l *link) (watermark, error) {
	if s.d.opts.DirSync == DirSyncNever {
		return s.startNumbers(ctx, l)
	}
	modes := []bool{false, true}
	switch s.d.opts.DirSync {
	case DirSyncReplication:
		modes = modes[:1]
	case DirSyncObjectSecurity:
		modes = modes[1:]
	}
	for i, objectSecurity := range modes {
		w, err := s.cookies(ctx, l, objectSecurity)
		if i+1 < len(modes) && errors.Is(err, connector.ErrPermission) {
			s.log.Warn("the account has no right to replicate changes, changes are asked for in object-security mode")
			continue
		}
		if s.d.opts.DirSync == DirSyncAuto && resultCode(err) != 0 && !errors.Is(err, connector.ErrUnavailable) {
			s.log.LogAttrs(ctx, slog.LevelWarn, "the domain controller refuses DirSync, changes are found by uSNChanged", slog.Any("err", err))
			return s.startNumbers(ctx, l)
		}
		return w, err
	}
	return watermark{}, errors.New("ad: no way to ask for changes")
}

func (s *session) cookies(ctx context.Context, l *link, objectSecurity bool) (watermark, error) {
	w := watermark{Selection: s.fingerprint(), Narrowed: s.plan.narrowed, ObjectSecurity: objectSecurity, Cookies: map[string][]byte{}}
	for _, p := range s.parts {
		q := dirSync{partition: p, filter: p.head.filter(), attributes: []string{"objectGUID"}, objectSecurity: objectSecurity}
		cookie, err := q.run(ctx, l, func(*entry) error { return nil }, nil)
		if err != nil {
			return w, fmt.Errorf("changes of %s: %w", p.dn, err)
		}
		w.Cookies[p.id] = cookie
	}
	return w, s.stamp(ctx, l, &w)
}

// stamp notes who made the cookies, and when.
func (s *session) stamp(ctx context.Context, l *link, w *watermark) error {
	var err error
	w.Host, w.Server, w.Memory, w.Schema = l.root.host, l.server.url, s.scope.memory, s.plan.schema.id
	if w.Invocation, err = l.invocationID(ctx); err != nil {
		return err
	}
	now, err := l.readRoot(ctx)
	if err == nil && !now.now.IsZero() {
		w.Time = now.now.Unix()
	}
	w.USN = now.usn
	return err
}

// tombstoneLife is how long the forest keeps deletions.
func (l *link) tombstoneLife(ctx context.Context) (time.Duration, error) {
	e, err := l.read(ctx, "CN=Directory Service,CN=Windows NT,CN=Services,"+l.root.configNC, anything, "tombstoneLifetime")
	if err != nil {
		return 0, err
	}
	if e != nil {
		if days, err := strconv.Atoi(single(e, "tombstoneLifetime")); err == nil && days > 0 {
			return time.Duration(days) * 24 * time.Hour, nil
		}
	}
	return watermarkLife, nil
}
