package entratest

import (
	"net/http"
	"net/url"
	"strings"
)

// handler answers a request while the state's lock is held: shared for
// reads, exclusive for routes marked as writing.
type handler func(s *state, r *request) (*answer, *failure)

// route is one operation of the API.
type route struct {
	method  string
	pattern string // /users/{id}/manager/$ref
	writes  bool
	allow   option
	needs   []string // any one of these permissions
	units   int      // resource units before modifiers
	do      handler
}

// router finds routes by path. It is immutable once built.
type router struct {
	root *node
}

type node struct {
	literal map[string]*node
	param   *node
	routes  map[string]*route
}

func newRouter(routes []route) *router {
	rt := &router{root: new(node)}
	for i := range routes {
		r := &routes[i]
		n := rt.root
		for seg := range strings.SplitSeq(strings.TrimPrefix(r.pattern, "/"), "/") {
			n = n.child(seg)
		}
		if n.routes == nil {
			n.routes = make(map[string]*route)
		}
		n.routes[r.method] = r
	}
	return rt
}

func (n *node) child(seg string) *node {
	if strings.HasPrefix(seg, "{") {
		if n.param == nil {
			n.param = new(node)
		}
		return n.param
	}
	if n.literal == nil {
		n.literal = make(map[string]*node)
	}
	c := n.literal[seg]
	if c == nil {
		c = new(node)
		n.literal[seg] = c
	}
	return c
}

// find returns the route of an escaped path and the path's parameters.
func (rt *router) find(method, path string) (*route, []string, *failure) {
	segs, ok := segments(path)
	if !ok {
		return nil, nil, misused(codeParse, "The request URI is not valid.")
	}
	n := rt.root
	var vars []string
	for _, seg := range segs {
		switch next := n.named(seg); {
		case next != nil:
			n = next
		case n.param != nil:
			vars = append(vars, seg)
			n = n.param
		default:
			return nil, nil, misused(codeParse, "Resource not found for the segment '%s'.", seg)
		}
	}
	if len(n.routes) == 0 {
		return nil, nil, misused(codeParse, "Resource not found for the segment '%s'.", segs[len(segs)-1])
	}
	r := n.routes[method]
	if r == nil {
		f := refuse(http.StatusMethodNotAllowed, codeBadRequest, "Specified HTTP method is not allowed for the request target.")
		f.misuse = f.message
		return nil, nil, f
	}
	return r, vars, nil
}

// named returns the child of a literal segment. The namespace may be
// abbreviated in a type cast and left out before a function or an action.
func (n *node) named(seg string) *node {
	if c := n.literal[seg]; c != nil {
		return c
	}
	if short, ok := strings.CutPrefix(seg, "graph."); ok {
		return n.literal["microsoft.graph."+short]
	}
	if short, ok := strings.CutPrefix(seg, "microsoft.graph."); ok {
		return n.literal[short]
	}
	return nil
}

// segments splits an escaped path: users('x') becomes users, x; a function
// call loses its parentheses.
func segments(path string) ([]string, bool) {
	var out []string
	for raw := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		seg, err := url.PathUnescape(raw)
		if err != nil || seg == "" {
			return nil, false
		}
		open := strings.IndexByte(seg, '(')
		if open <= 0 || !strings.HasSuffix(seg, ")") {
			out = append(out, seg)
			continue
		}
		name, arg := seg[:open], seg[open+1:len(seg)-1]
		switch key, val, named := strings.Cut(arg, "="); {
		case arg == "":
			out = append(out, name)
		case named && !strings.HasPrefix(arg, "'"):
			out = append(out, name, key+"="+unquote(val))
		default:
			out = append(out, name, unquote(arg))
		}
	}
	return out, len(out) > 0
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return strings.ReplaceAll(s[1:len(s)-1], "''", "'")
	}
	return s
}
