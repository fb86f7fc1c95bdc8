package entratest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const maxTop = 999

// request is one Graph operation, on its own or inside a batch.
type request struct {
	srv    *Server
	method string
	path   string // relative to /v1.0, still escaped
	rawQ   string
	header http.Header
	body   []byte
	caller *caller
	now    time.Time
	id     string // from perform on
	batch  string // id of the $batch that it is in

	route *route
	vars  []string // the path's parameters, in order
	opts  queryOptions
}

// answer is what the server says to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    bool // close the connection instead of answering
	html   bool // body is a page of some proxy, not Graph's
}

func (a *answer) set(name, value string) {
	if a.header == nil {
		a.header = make(http.Header)
	}
	a.header.Set(name, value)
}

func noContent() *answer { return &answer{status: http.StatusNoContent} }

func jsonAnswer(status int, body []byte) *answer { return &answer{status: status, body: body} }

// option is one query option that a route may take.
type option uint16

const (
	optSelect option = 1 << iota
	optFilter
	optTop
	optExpand
	optOrderby
	optCount
	optSkip
	optDelta
	optForceCount // not a query option: the path itself ends in $count

	forOne  = optSelect | optExpand
	forList = optSelect | optFilter | optTop | optOrderby | optCount | optSkip
)

// queryOptions are the parsed options of a request.
type queryOptions struct {
	selected []string
	filter   string
	top      int // 0: not given
	expand   string
	orderby  string
	count    bool
	skip     string
	delta    string
	given    map[string]bool
	raw      url.Values
}

// eventual reports whether the request asks for the advanced query engine.
func (r *request) eventual() bool {
	return strings.EqualFold(r.header.Get("ConsistencyLevel"), "eventual")
}

// advancedQuery reports whether both things are there that advanced queries need.
func (r *request) advancedQuery() bool {
	return r.eventual() && (r.opts.count || r.route.allow&optForceCount != 0)
}

func parseOptions(rawQuery string, allow option) (queryOptions, *failure) {
	q := queryOptions{given: make(map[string]bool)}
	if rawQuery == "" {
		return q, nil
	}
	vals, err := url.ParseQuery(rawQuery)
	if err != nil {
		return q, misused(codeParse, "The query string is malformed.")
	}
	q.raw = vals
	for name, list := range vals {
		if len(list) > 1 {
			return q, misused(codeParse, "Query option '%s' was specified more than once, but it must be specified at most once.", name)
		}
		if f := q.take(name, list[0], allow); f != nil {
			return q, f
		}
		q.given[name] = true
	}
	return q, nil
}

func (q *queryOptions) take(name, v string, allow option) *failure {
	need := map[string]option{
		"$select": optSelect, "$filter": optFilter, "$top": optTop, "$expand": optExpand, "$orderby": optOrderby,
		"$count": optCount, "$skiptoken": optSkip, "$deltatoken": optDelta,
	}[name]
	if need == 0 || allow&need == 0 {
		return misused(codeBadRequest, "The query parameter '%s' is not supported for this resource.", name)
	}
	switch name {
	case "$select":
		for s := range strings.SplitSeq(v, ",") {
			s = strings.TrimSpace(s)
			if s == "" {
				return misused(codeParse, "Parsing OData Select and Expand failed: Term '%s' is not valid.", v)
			}
			q.selected = append(q.selected, s)
		}
	case "$filter":
		q.filter = v
	case "$top":
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxTop {
			return misused(codeBadRequest, "Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", v, maxTop)
		}
		q.top = n
	case "$expand":
		q.expand = v
	case "$orderby":
		q.orderby = v
	case "$count":
		switch v {
		case "true":
			q.count = true
		case "false":
		default:
			return misused(codeParse, "Invalid value '%s' for $count query option found. Valid values are 'true' and 'false'.", v)
		}
	case "$skiptoken":
		q.skip = v
	case "$deltatoken":
		q.delta = v
	}
	return nil
}

// decode parses the body, which has to be a JSON object without repeated
// members, and returns its members in order.
func (r *request) decode() ([]member, *failure) {
	ct := r.header.Get("Content-Type")
	if ct == "" {
		return nil, misused(codeParse, "Write requests (excluding DELETE) must contain the Content-Type header declaration.")
	}
	if media, _, _ := strings.Cut(ct, ";"); !strings.EqualFold(strings.TrimSpace(media), "application/json") {
		f := refuse(http.StatusUnsupportedMediaType, codeParse, "Content type '%s' is not supported.", media)
		f.misuse = f.message
		return nil, f
	}
	ms, err := decodeObject(r.body)
	if err != nil {
		return nil, misused(codeParse, "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	return ms, nil
}

// member is one member of a JSON object.
type member struct {
	name string
	raw  json.RawMessage
}
