package entratest

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

const maxBody = 8 << 20

// handle is the HTTP entry of both the authority and Graph.
func (s *Server) handle(w http.ResponseWriter, hr *http.Request) {
	body, err := io.ReadAll(io.LimitReader(hr.Body, maxBody))
	if err != nil {
		http.Error(w, "unreadable body", http.StatusBadRequest)
		return
	}
	escaped := hr.URL.EscapedPath()
	path, ok := strings.CutPrefix(escaped, "/v1.0/")
	if !ok {
		if !strings.HasPrefix(escaped, "/"+s.TenantID+"/") && strings.Count(escaped, "/") < 3 {
			s.misuse(&request{method: hr.Method, path: escaped}, "unknown path; Graph is below /v1.0")
			http.NotFound(w, hr)
			return
		}
		s.handleAuthority(w, hr, body)
		return
	}
	r := &request{
		srv: s, method: hr.Method, path: "/" + path, rawQ: hr.URL.RawQuery, header: hr.Header, body: body, now: s.Now(),
	}
	a := s.graph(r)
	if a.cut {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), a.header)
	if a.html {
		w.Header().Set("Content-Type", "text/html")
	} else if len(a.body) > 0 && a.header.Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// graph authenticates a request from the wire and performs it.
func (s *Server) graph(r *request) *answer {
	fail := s.inflate(r)
	if fail == nil {
		r.caller, fail = s.authorize(r.header)
	}
	if fail != nil {
		id, client := newGUID(), r.header.Get("client-request-id")
		if fail.misuse != "" {
			s.misuse(r, fail.misuse)
		}
		a := fail.answer(r, id, client)
		s.note(r, a, id, client, false)
		return a
	}
	return s.perform(r)
}

// inflate undoes the body's content encoding.
func (s *Server) inflate(r *request) *failure {
	switch enc := r.header.Get("Content-Encoding"); enc {
	case "", "identity":
		return nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(r.body))
		if err == nil {
			r.body, err = io.ReadAll(io.LimitReader(z, maxBody))
		}
		if err != nil {
			return misused(codeParse, "The request body is not encoded as its Content-Encoding says.")
		}
		return nil
	default:
		return misused(codeParse, "The content encoding '%s' is not supported.", enc)
	}
}

// perform answers one operation of an authenticated caller.
func (s *Server) perform(r *request) *answer {
	id, client := newGUID(), r.header.Get("client-request-id")
	r.id = id
	var fail *failure
	r.route, r.vars, fail = s.router.find(r.method, r.path)
	if fail == nil {
		r.opts, fail = parseOptions(r.rawQ, r.route.allow)
	}
	fault := s.faults.next(r)
	var a *answer
	switch {
	case fault != nil && !fault.After:
		a = fault.answer(r, id, client)
	case fail != nil:
		a = s.failed(r, fail, id, client)
	default:
		a = s.admitted(r, id, client)
		if fault != nil {
			a = fault.answer(r, id, client)
		}
	}
	s.note(r, a, id, client, fault != nil)
	return a
}

// admitted charges the quota, checks permissions and runs the handler.
func (s *Server) admitted(r *request, id, client string) *answer {
	units, write := r.units(), isWrite(r)
	var load float64
	if r.route.pattern != batchPattern {
		users := s.userCount()
		l, wait, limit := s.throttle.charge(r.now, units, write, users)
		if load = l; wait > 0 {
			a := throttled(wait).answer(r, id, client)
			decorate(a, units, load)
			a.set("x-ms-throttle-information", limit)
			return a
		}
	}
	if !r.caller.holds(r.route.needs) {
		return s.failed(r, denied(), id, client)
	}
	a, fail := s.run(r)
	if fail != nil {
		a = s.failed(r, fail, id, client)
	}
	decorate(a, units, load)
	a.set("request-id", id)
	a.set("client-request-id", orID(client, id))
	return a
}

func (s *Server) userCount() int {
	if s.throttle.scale == 0 {
		return 0
	}
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	return s.state.live[s.state.cat.kind("user")].len()
}

// run calls the handler under the lock that its route asks for.
func (s *Server) run(r *request) (*answer, *failure) {
	if r.route.pattern == batchPattern {
		return s.batch(r)
	}
	s.state.mu.RLock()
	due := !s.state.nextPurge.IsZero() && !r.now.Before(s.state.nextPurge)
	if due || r.route.writes {
		s.state.mu.RUnlock()
		s.state.mu.Lock()
		defer s.state.mu.Unlock()
		s.state.expire(r.now)
	} else {
		defer s.state.mu.RUnlock()
	}
	return r.route.do(s.state, r)
}

func (s *Server) failed(r *request, f *failure, id, client string) *answer {
	if f.misuse != "" {
		s.misuse(r, f.misuse)
	}
	return f.answer(r, id, client)
}

func (f *failure) answer(r *request, id, client string) *answer {
	a := &answer{status: f.status, header: f.header.Clone(), body: f.body(id, orID(client, id), r.now)}
	a.set("request-id", id)
	a.set("client-request-id", orID(client, id))
	return a
}

func orID(client, id string) string {
	if client != "" {
		return client
	}
	return id
}

// decorate adds the headers by which clients see what a request cost.
func decorate(a *answer, units int, load float64) {
	a.set("x-ms-resource-unit", strconv.Itoa(units))
	if load >= 0.8 {
		a.set("x-ms-throttle-limit-percentage", strconv.FormatFloat(min(load, 1.8), 'f', 2, 64))
	}
	if a.status == http.StatusTooManyRequests {
		a.set("x-ms-throttle-scope", "Tenant_Application/ReadWrite")
	}
}

func (s *Server) note(r *request, a *answer, id, client string, fault bool) {
	template := ""
	if r.route != nil {
		template = r.route.pattern
	}
	status := a.status
	if a.cut {
		status = 0
	}
	s.log.add(Request{
		Time: r.now, Method: r.method, Template: template, Path: r.path, Query: r.rawQ, Status: status, Batch: r.batch,
		Fault: fault, RequestID: id, ClientRequestID: client,
	}, isWrite(r))
}
