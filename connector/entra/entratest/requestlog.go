package entratest

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Request is one operation as the server saw it. Items of a batch are listed
// on their own, besides the batch.
type Request struct {
	Time            time.Time
	Method          string
	Template        string // /users/{id}/manager/$ref; empty for an unknown path
	Path            string // relative to /v1.0, escaped
	Query           string
	Status          int    // 0 when the connection was cut
	Batch           string // RequestID of the $batch that it came in; empty for one that came by itself
	Fault           bool   // an injected fault answered
	RequestID       string
	ClientRequestID string
}

type requestLog struct {
	mu     sync.Mutex // guards everything below
	limit  int
	list   []Request
	counts map[string]int
	status map[int]int
	writes int
	misuse []string
}

func newRequestLog(limit int) *requestLog {
	return &requestLog{limit: limit, counts: make(map[string]int), status: make(map[int]int)}
}

func (l *requestLog) add(r Request, write bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[r.Method+" "+r.Template]++
	l.status[r.Status]++
	if write {
		l.writes++
	}
	if len(l.list) < l.limit {
		l.list = append(l.list, r)
	}
}

func (l *requestLog) count(method, template string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[method+" "+template]++
}

func (l *requestLog) addMisuse(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.misuse) < l.limit {
		l.misuse = append(l.misuse, text)
	}
}

func (l *requestLog) misused() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.misuse)
}

// Requests returns the logged Graph requests in the order of their answers.
func (s *Server) Requests() []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.Clone(s.log.list)
}

// Counts returns how often each operation came, by method and path template:
// "PATCH /users/{id}". The token endpoint's paths are included.
func (s *Server) Counts() map[string]int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return maps.Clone(s.log.counts)
}

// StatusCounts returns how often Graph requests were answered with each status.
func (s *Server) StatusCounts() map[int]int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return maps.Clone(s.log.status)
}

// Count returns how often one operation came.
func (s *Server) Count(method, template string) int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.counts[method+" "+template]
}

// Writes is the number of requests that were meant to change the directory,
// those refused included.
func (s *Server) Writes() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.writes
}

// ResetLog forgets requests, counts and misuses.
func (s *Server) ResetLog() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.list, s.log.misuse, s.log.writes = nil, nil, 0
	clear(s.log.counts)
	clear(s.log.status)
}

// Revision grows with every change of the directory.
func (s *Server) Revision() uint64 {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	return s.state.rev
}

// isWrite reports whether an operation is meant to change the directory.
func isWrite(r *request) bool {
	return r.method != http.MethodGet && (r.route == nil || r.route.writes)
}
