package adtest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Faults breaks a server at run time. Get it from [Server.Faults]. Its methods are safe for
// concurrent use and hold for requests that arrive after they return.
type Faults struct {
	srv *Server

	mu            sync.Mutex // guards what follows
	delay         time.Duration
	failures      []*failure
	refusals      []refusal
	bindData      string
	dropAfter     int // entries until the connection breaks; -1 never
	breakAfter    int // entries of the domain after which each connection breaks; -1 never
	loseAnswers   int // changes whose answers are not sent
	garble        int
	sizeLimit     int
	repeatPage    bool
	rejectPage    bool
	serial        int64
	oldestSerial  int64
	refuseForeign bool
	refuseDirSync bool
	holdArrivals  bool
	failPages     int
	pageError     *Error
}

// A failure is a result that the next operations get.
type failure struct {
	remaining int
	ops       []Op
	err       *Error
}

type refusal struct {
	under *entry // nil: everywhere
	attr  *attrDef
}

// Faults returns what breaks the server.
func (s *Server) Faults() *Faults { return s.faults }

// Clear ends all faults. Cookies that were rejected stay so.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay, f.failures, f.refusals, f.bindData = 0, nil, nil, ""
	f.dropAfter, f.breakAfter, f.loseAnswers, f.garble, f.sizeLimit = -1, -1, 0, 0, 0
	f.repeatPage, f.rejectPage, f.refuseForeign, f.refuseDirSync = false, false, false, false
	f.failPages, f.pageError = 0, nil
}

// HoldArrivals keeps objects out that move here from other domains, which have them no more,
// until it is called with false: the domain controller has not heard of them yet.
func (f *Faults) HoldArrivals(hold bool) {
	f.srv.mu.Lock()
	defer f.srv.mu.Unlock()
	f.mu.Lock()
	f.holdArrivals = hold
	f.mu.Unlock()
	if !hold {
		for _, arrive := range f.srv.dir.transit {
			arrive()
		}
		f.srv.dir.transit = nil
	}
}

func (f *Faults) holdsArrivals() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.holdArrivals
}

// Delay makes every operation wait before it is carried out.
func (f *Faults) Delay(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay = d
}

// DropAfter breaks the connection that sends the n-th search entry from now on, just after
// it. It happens once.
func (f *Faults) DropAfter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropAfter = n
}

// BreakImports breaks every connection that has sent n entries of the domain in answer to
// subtree searches, until [Faults.Clear]. What clients read of schema and configuration does
// not count.
func (f *Faults) BreakImports(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.breakAfter = n
}

// LoseAnswers breaks the connection in place of the answer to the next n adds, modifies,
// renames and deletes, which are carried out.
func (f *Faults) LoseAnswers(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loseAnswers = n
}

// DropConnections breaks all connections there are.
func (f *Faults) DropConnections() { f.srv.dropConnections() }

// Busy makes the next n operations fail with busy (51). Without ops all kinds count but
// binds.
func (f *Faults) Busy(n int, ops ...Op) {
	f.Fail(n, &Error{Code: ldap.LDAPResultBusy, Message: "0000200E: SvcErr: DSID-02050D9D, problem 5001 (BUSY), data 0\n\x00"}, ops...)
}

// Unavailable makes the next n operations fail with unavailable (52).
func (f *Faults) Unavailable(n int, ops ...Op) {
	f.Fail(n, &Error{Code: ldap.LDAPResultUnavailable,
		Message: "0000200F: SvcErr: DSID-02050D9D, problem 5002 (UNAVAILABLE), data 0\n\x00"}, ops...)
}

// Fail makes the next n operations of the given kinds fail, without ops all but binds. They
// have no effect.
func (f *Faults) Fail(n int, err *Error, ops ...Op) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, &failure{remaining: n, ops: slices.Clone(ops), err: err})
}

// TimeLimit makes the next n searches end with timeLimitExceeded (3), without entries.
func (f *Faults) TimeLimit(n int) {
	f.Fail(n, &Error{Code: ldap.LDAPResultTimeLimitExceeded}, OpSearch)
}

// SizeLimit makes searches of more than n entries, paged ones too, end with
// sizeLimitExceeded (4) after n; 0 ends that.
func (f *Faults) SizeLimit(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sizeLimit = n
}

// RejectBinds refuses all binds with invalidCredentials and AD's sub-code, such as "52e"
// (wrong password), "533" (disabled), "775" (locked out); "" ends that.
func (f *Faults) RejectBinds(data string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bindData = data
}

// RefuseWrites refuses changes of an attribute, "*" for all, of an object and what is below
// it, "" for all objects, with insufficientAccessRights, whoever asks.
func (f *Faults) RefuseWrites(dn, attribute string) error {
	f.srv.mu.RLock()
	defer f.srv.mu.RUnlock()
	var r refusal
	if dn != "" {
		e, err := f.srv.dir.find(dn)
		if err != nil {
			return err
		}
		r.under = e
	}
	if attribute != "*" {
		if r.attr = f.srv.dir.s.attr(attribute); r.attr == nil {
			return unknownAttribute()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusals = append(f.refusals, r)
	return nil
}

// Garble spoils the next n messages that the server sends: bytes in their middle are
// overwritten.
func (f *Faults) Garble(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.garble = n
}

// RepeatPages makes paged searches return the same page and the same cookie for ever.
func (f *Faults) RepeatPages(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.repeatPage = on
}

// RejectPages makes paged searches fail at their second page.
func (f *Faults) RejectPages(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rejectPage = on
}

// ExpireCookies makes all DirSync cookies that were issued so far unacceptable, as after
// the restoration of a domain controller.
func (f *Faults) ExpireCookies() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.oldestSerial = f.serial + 1
}

// RefuseForeignCookies makes DirSync cookies of other servers an error. Without it they
// lead to a complete answer.
func (f *Faults) RefuseForeignCookies(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuseForeign = on
}

// FailPages makes the next n paged searches of the domain fail.
func (f *Faults) FailPages(n int, err *Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failPages, f.pageError = n, err
}

func (f *Faults) pageFailure() *Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failPages == 0 {
		return nil
	}
	f.failPages--
	return f.pageError
}

// RefuseDirSync makes every search with the DirSync control an error, as proxies before
// domain controllers do that know no such thing.
func (f *Faults) RefuseDirSync(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuseDirSync = on
}

func (f *Faults) refusesDirSync() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refuseDirSync
}

// NewInvocation gives the server's database a new identity, as the restoration of a domain
// controller from a backup does. Cookies issued before are then another server's.
func (f *Faults) NewInvocation() {
	f.srv.mu.Lock()
	defer f.srv.mu.Unlock()
	d, r := f.srv.dir, f.srv.self
	r.invocation = d.guids.next()
	r.service.set(d.s.mustAttr("invocationId"), []string{string(r.invocation[:])}, d.begin().touch(r.service))
}

// Lag makes a replica say that it has had no replication from its siblings since now, or
// that it has. It shows the present state of objects all the same.
func (f *Faults) Lag(on bool) {
	f.srv.mu.Lock()
	defer f.srv.mu.Unlock()
	f.srv.self.lagUSN, f.srv.self.lagTime = 0, time.Time{}
	if on {
		f.srv.self.lagUSN, f.srv.self.lagTime = f.srv.dir.usn, f.srv.dir.clock()
	}
}

// Unsynchronized makes the server say, or no longer say, that it has not had its first
// replication: that it is no domain controller to rely on yet.
func (f *Faults) Unsynchronized(on bool) {
	f.srv.mu.Lock()
	defer f.srv.mu.Unlock()
	f.srv.self.fresh = on
}

// PurgeTombstones forgets all deleted objects, as garbage collection does when their
// lifetime is over. DirSync clients that have not heard of them never will.
func (f *Faults) PurgeTombstones() {
	f.srv.mu.Lock()
	defer f.srv.mu.Unlock()
	d := f.srv.dir
	for _, p := range d.partitions {
		for _, e := range slices.Clone(p.entries) {
			if e.isTombstone() && !e.purged {
				d.purge(e)
			}
		}
	}
}

// before applies delays and failures to an operation.
func (f *Faults) before(ctx context.Context, op Op) *Error {
	f.mu.Lock()
	delay, err := f.delay, f.failure(op)
	f.mu.Unlock()
	if delay > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
	return err
}

func (f *Faults) failure(op Op) *Error {
	if op == OpBind && f.bindData != "" {
		return badCredentials(f.bindData)
	}
	for i, x := range f.failures {
		if len(x.ops) == 0 && (op == OpBind || op == OpUnbind) || len(x.ops) > 0 && !slices.Contains(x.ops, op) {
			continue
		}
		if x.remaining--; x.remaining <= 0 {
			f.failures = slices.Delete(f.failures, i, i+1)
		}
		return x.err
	}
	return nil
}

// refuses reports whether a write is to be refused.
func (f *Faults) refuses(e *entry, def *attrDef) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.refusals, func(r refusal) bool {
		return (r.under == nil || e.under(r.under)) && (r.attr == nil || def == nil || r.attr == def)
	})
}

// loses reports whether the answer to a change is not to be sent.
func (f *Faults) loses() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loseAnswers == 0 {
		return false
	}
	f.loseAnswers--
	return true
}

// entriesToSend says how many of n entries go out before the connection breaks, which has
// sent so many of the domain before; imported says that these are such, too.
func (f *Faults) entriesToSend(n, before int, imported bool) (send int, drop bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if imported && f.breakAfter >= 0 && before+n >= f.breakAfter {
		return max(0, min(n, f.breakAfter-before)), true
	}
	if f.dropAfter < 0 || n == 0 {
		return n, false
	}
	if n < f.dropAfter {
		f.dropAfter -= n
		return n, false
	}
	send, f.dropAfter = f.dropAfter, -1
	return send, true
}

func (f *Faults) limit() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sizeLimit
}

func (f *Faults) garbles() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.garble == 0 {
		return false
	}
	f.garble--
	return true
}

func (f *Faults) repeatsPage() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.repeatPage
}

func (f *Faults) rejectsPages() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rejectPage
}

func (f *Faults) nextSerial() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serial++
	return f.serial
}

func (f *Faults) rejectsCookie(c dirSyncCookie, foreign bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if foreign && f.refuseForeign || !foreign && c.serial < f.oldestSerial {
		return badCookie()
	}
	return nil
}

// spoil overwrites the middle of a message.
func spoil(b []byte) []byte {
	out := slices.Clone(b)
	for i := len(out) / 3; i < len(out)*2/3; i++ {
		out[i] = 0xff
	}
	return out
}

// spoils reports whether messages are to be garbled.
func (f *Faults) spoils() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.garble > 0
}
