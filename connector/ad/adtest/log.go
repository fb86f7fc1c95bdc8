package adtest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
)

// An Op is a kind of LDAP operation.
type Op string

// The operations.
const (
	OpBind     Op = "bind"
	OpUnbind   Op = "unbind"
	OpSearch   Op = "search"
	OpAdd      Op = "add"
	OpModify   Op = "modify"
	OpModifyDN Op = "modifydn"
	OpDelete   Op = "delete"
	OpCompare  Op = "compare"
	OpAbandon  Op = "abandon"
	OpExtended Op = "extended"
)

// A Request is one that the server answered.
type Request struct {
	Op       Op
	DN       string   // base or object; of an extended operation its OID
	Controls []string // OIDs
	// Attributes are those that a search asks for, or that an add or modify names.
	Attributes []string
	Code       uint16 // result
	Entries    int    // search entries sent
	Account    string // DN of who asked, "" before a bind
}

// A requestLog remembers requests and misuse.
type requestLog struct {
	mu      sync.Mutex
	limit   int
	list    []Request
	counts  map[Op]int
	misuses []string
}

func (l *requestLog) add(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[r.Op]++
	if len(l.list) < l.limit {
		l.list = append(l.list, r)
	}
}

// Requests returns the requests since the start or the last [Server.ResetLog], oldest first.
func (s *Server) Requests() []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.Clone(s.log.list)
}

// Count returns how many requests of a kind there were.
func (s *Server) Count(op Op) int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.counts[op]
}

// Counts returns how many requests of each kind there were.
func (s *Server) Counts() map[Op]int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return maps.Clone(s.log.counts)
}

// ResetLog forgets requests and counts.
func (s *Server) ResetLog() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.list, s.log.counts = nil, map[Op]int{}
}

// Misuses lists the requests that no correct client sends.
func (s *Server) Misuses() []string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.Clone(s.log.misuses)
}

func (s *Server) misuse(format string, args ...any) {
	text := fmt.Sprintf("adtest: "+format, args...)
	s.log.mu.Lock()
	s.log.misuses = append(s.log.misuses, text)
	s.log.mu.Unlock()
	if s.opts.OnMisuse != nil {
		s.opts.OnMisuse(text)
	}
}
