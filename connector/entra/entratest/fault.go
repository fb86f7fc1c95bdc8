package entratest

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Fault is one way in which the service misbehaves.
type Fault struct {
	// Method and Template choose the requests, such as PATCH and /users/{id};
	// empty means any. A batch has the template /$batch and its items have
	// their own; cutting connections and HTML answers apply to whole requests only.
	Method, Template string
	// Times is how many requests fail. Zero means one, negative all.
	Times int
	// Skip is how many matching requests pass before.
	Skip int
	// Status is the answer's status; Code the error code, by default the usual
	// one of the status.
	Status int
	Code   string
	// RetryAfter is sent in whole seconds; zero sends no such header.
	RetryAfter time.Duration
	// After lets the request take effect before its answer is replaced.
	After bool
	// Cut closes the connection instead of answering.
	Cut bool
	// HTML answers with the HTML page of some proxy.
	HTML bool
}

func (f *Fault) matches(r *request) bool {
	if f.Method != "" && f.Method != r.method {
		return false
	}
	if r.batch != "" && (f.Cut || f.HTML) {
		return false
	}
	return f.Template == "" || (r.route != nil && f.Template == r.route.pattern)
}

type faults struct {
	srv *Server

	mu     sync.Mutex // guards everything below
	active []Fault
	rate   float64
	delta  DeltaFaults
}

// DeltaFaults are the oddities of delta answers that a client has to live with.
type DeltaFaults struct {
	Duplicates  bool // every item appears twice in its page
	EmptyPages  bool // an empty page precedes each page that follows a nextLink
	RepeatPages int  // so many next links lead to the page they came with once more
}

func newFaults(s *Server) *faults { return &faults{srv: s} }

// Inject adds a fault. Faults are tried in the order in which they were added.
func (s *Server) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	if f.Status == 0 {
		f.Status = http.StatusServiceUnavailable
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.active = append(s.faults.active, f)
}

// ThrottleNext answers the next n requests, items of batches counted singly,
// with 429. A zero retryAfter sends no Retry-After.
func (s *Server) ThrottleNext(n int, retryAfter time.Duration) {
	s.Inject(Fault{Times: n, Status: http.StatusTooManyRequests, RetryAfter: retryAfter})
}

// FailRate makes that share of all requests fail, in every way that [Fault]
// has, by the seed of the options. Zero stops it.
func (s *Server) FailRate(rate float64) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rate = rate
}

// SetDeltaFaults replaces the oddities of delta answers.
func (s *Server) SetDeltaFaults(d DeltaFaults) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.delta = d
}

// ClearFaults ends every injected fault.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.active, s.faults.rate, s.faults.delta = nil, 0, DeltaFaults{}
}

// next returns the fault that strikes the request, or nil.
func (f *faults) next(r *request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.active {
		a := &f.active[i]
		if !a.matches(r) {
			continue
		}
		if a.Skip > 0 {
			a.Skip--
			continue
		}
		hit := *a
		if a.Times > 0 {
			if a.Times--; a.Times == 0 {
				f.active = slices.Delete(f.active, i, i+1)
			}
		}
		return &hit
	}
	if f.rate > 0 && f.srv.chance() < f.rate {
		return f.random(r)
	}
	return nil
}

func (f *faults) random(r *request) *Fault {
	all := []Fault{
		{Status: 429, RetryAfter: time.Second}, {Status: 429}, {Status: 503}, {Status: 503, RetryAfter: time.Second},
		{Status: 504}, {Status: 504, After: true}, {Status: 503, After: true}, {Status: 500}, {Status: 409, Code: "Directory_ConcurrencyViolation"},
		{Cut: true}, {Cut: true, After: true}, {Status: 502, HTML: true},
	}
	if r.batch != "" {
		all = slices.DeleteFunc(all, func(f Fault) bool { return f.Cut || f.HTML })
	}
	return &all[int(f.srv.chance()*float64(len(all)))%len(all)]
}

// takeDelta returns the delta oddities and uses up one repeated page when ask is true.
func (f *faults) takeDelta(ask bool) (d DeltaFaults, repeat bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ask && f.delta.RepeatPages > 0 {
		f.delta.RepeatPages--
		repeat = true
	}
	return f.delta, repeat
}

// answer is what the client sees of the fault.
func (f *Fault) answer(r *request, requestID, clientID string) *answer {
	if f.Cut {
		return &answer{cut: true}
	}
	if f.HTML {
		a := &answer{status: f.Status, html: true, body: []byte("<html><head><title>" + http.StatusText(f.Status) +
			"</title></head><body><h1>" + http.StatusText(f.Status) + "</h1><hr>proxy</body></html>")}
		return a
	}
	code := f.Code
	if code == "" {
		code = map[int]string{
			401: codeToken, 403: codeDenied, 404: codeNotFound, 409: "Directory_ConcurrencyViolation", 410: "resyncRequired",
			429: codeThrottled, 500: "Service_InternalServerError", 502: "BadGateway", 503: "ServiceUnavailable", 504: "GatewayTimeout",
		}[f.Status]
	}
	if code == "" {
		code = "UnknownError"
	}
	fail := refuse(f.Status, code, "Injected fault.")
	if f.RetryAfter > 0 {
		fail = fail.with("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
	}
	return fail.answer(r, requestID, clientID)
}
