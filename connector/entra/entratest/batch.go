package entratest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	batchPattern = "/$batch"
	batchLimit   = 20
)

// batchItem is one request of a batch.
type batchItem struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// decodeBatch parses and checks a batch body. What it accepts can run in the
// order in which it stands.
func decodeBatch(body []byte) ([]batchItem, *failure) {
	bad := func(format string, args ...any) ([]batchItem, *failure) {
		return nil, misused(codeParse, format, args...)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	var in struct {
		Requests []batchItem `json:"requests"`
	}
	if err := dec.Decode(&in); err != nil || dec.More() {
		return bad("Invalid batch payload format.")
	}
	if len(in.Requests) == 0 {
		return bad("Invalid batch payload format: no requests.")
	}
	if len(in.Requests) > batchLimit {
		return bad("Number of batch request steps exceeds the maximum value of %d.", batchLimit)
	}
	at := make(map[string]int, len(in.Requests))
	for i, it := range in.Requests {
		switch {
		case it.ID == "" || it.Method == "" || it.URL == "":
			return bad("Invalid batch payload format: id, method and url are required.")
		case !strings.HasPrefix(it.URL, "/"):
			return bad("Invalid batch payload format: url has to be relative and start with a slash.")
		case !slices.Contains([]string{"GET", "POST", "PATCH", "PUT", "DELETE"}, it.Method):
			return bad("Invalid batch payload format: method '%s'.", it.Method)
		}
		if _, ok := at[strings.ToLower(it.ID)]; ok {
			return bad("Request Id is already in use: '%s'.", it.ID)
		}
		at[strings.ToLower(it.ID)] = i
		if len(it.Body) > 0 && !isNull(it.Body) && headerOf(it.Headers).Get("Content-Type") == "" {
			return bad("Write request id : %s does not contain Content-Type header or body.", it.ID)
		}
	}
	if !dependenciesAllowed(in.Requests, at) {
		return bad("Invalid batch payload format: dependsOn. Requests either depend on nothing, each on the one before, or all on the same one.")
	}
	return in.Requests, nil
}

// dependenciesAllowed accepts Graph's three patterns: none, a chain in which
// each request depends on the one before it, and one request that all the others with
// dependencies share.
func dependenciesAllowed(items []batchItem, at map[string]int) bool {
	chain, same, shared := true, true, -1
	for i, it := range items {
		if len(it.DependsOn) == 0 {
			chain = chain && i == 0
			continue
		}
		if len(it.DependsOn) != 1 {
			return false
		}
		on, ok := at[strings.ToLower(it.DependsOn[0])]
		if !ok || on >= i {
			return false
		}
		chain = chain && on == i-1
		if shared == -1 {
			shared = on
		}
		same = same && on == shared
	}
	return chain || same
}

func headerOf(m map[string]string) http.Header {
	h := make(http.Header, len(m))
	for k, v := range m {
		h.Set(k, v)
	}
	return h
}

// batch performs the items and answers them in an order of its own.
func (s *Server) batch(r *request) (*answer, *failure) {
	if _, fail := r.decode(); fail != nil {
		return nil, fail
	}
	items, fail := decodeBatch(r.body)
	if fail != nil {
		return nil, fail
	}
	out := make([][]byte, len(items))
	failed := make(map[string]bool)
	for i, it := range items {
		var a *answer
		if len(it.DependsOn) > 0 && failed[strings.ToLower(it.DependsOn[0])] {
			id := newGUID()
			sub := s.item(r, it)
			a = refuse(http.StatusFailedDependency, "FailedDependency", "A request that this one depends on has failed.").answer(sub, id, id)
			s.note(sub, a, id, "", false)
		} else {
			a = s.perform(s.item(r, it))
		}
		if a.status >= 400 {
			failed[strings.ToLower(it.ID)] = true
		}
		out[i] = appendItem(nil, it.ID, a)
	}
	s.shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	b := append([]byte(`{"responses":[`), bytes.Join(out, []byte{','})...)
	return jsonAnswer(http.StatusOK, append(b, "]}"...)), nil
}

// item makes a request of a batch item. Its time is that of its own start.
func (s *Server) item(outer *request, it batchItem) *request {
	path, query, _ := strings.Cut(it.URL, "?")
	body := it.Body
	if isNull(body) {
		body = nil
	}
	return &request{
		srv: s, method: it.Method, path: path, rawQ: query, header: headerOf(it.Headers), body: body,
		caller: outer.caller, now: s.Now(), batch: outer.id,
	}
}

func appendItem(b []byte, id string, a *answer) []byte {
	b = append(b, `{"id":`...)
	b = appendString(b, id)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, `,"headers":{`...)
	names := make([]string, 0, len(a.header))
	for name := range a.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = appendString(b, name)
		b = append(b, ':')
		b = appendString(b, a.header.Get(name))
		b = append(b, ',')
	}
	b = append(b, `"Content-Type":"application/json"}`...)
	if len(a.body) > 0 {
		b = append(b, `,"body":`...)
		b = append(b, a.body...)
	}
	return append(b, '}')
}
