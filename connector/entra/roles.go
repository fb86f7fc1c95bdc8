package entra

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/hybridsync/hybridsync/connector"
)

// roleHolders are the objects that hold, or are eligible for, an administrative role. They
// are listed once a session, when the first existing object could be taken over. It is safe
// for concurrent use.
type roleHolders struct {
	mu     sync.Mutex // guards everything below; held while listing
	loaded bool
	ids    map[guid]bool
	err    error // why they cannot be told
}

// load lists them. The calling task counts as one that waits, so that it does not keep
// back the batch in which another task asks.
func (x *roleHolders) load(t *task) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.loaded {
		return x.err
	}
	t.d.wake()
	ids, err := t.roleHolders()
	t.d.rest()
	if isStatus(err, http.StatusForbidden) {
		err = fmt.Errorf("%w: %w", errUnvetted, err)
		x.loaded, x.err = true, err
	}
	if err != nil {
		return err
	}
	x.loaded, x.ids = true, ids
	return nil
}

func (x *roleHolders) holds(id guid) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ids[id]
}

// roleHolders reads the members of all roles, and of the groups that are among them.
func (t *task) roleHolders() (map[guid]bool, error) {
	roles, err := t.refList("/directoryRoles?$select=id")
	if err != nil {
		return nil, err
	}
	ids := make(map[guid]bool)
	groups, err := t.membersOf("directoryRoles", roles, ids)
	if err != nil {
		return nil, err
	}
	eligible, err := t.eligible(ids)
	if err != nil {
		return nil, err
	}
	// Groups that can hold roles have no groups as members. An eligible one may be a user
	// as well, of which there are no members to be read.
	_, err = t.membersOf("groups", append(groups, eligible...), ids)
	return ids, err
}

// membersOf adds the members of the objects to ids and returns those that are groups.
func (t *task) membersOf(set string, of []ref, ids map[guid]bool) (groups []ref, err error) {
	found, errs := make([][]ref, len(of)), make([]error, len(of))
	t.d.fan(len(of), linkWindow, func(i int) {
		found[i], errs[i] = t.refList("/" + set + "/" + of[i].id.String() + "/members?$select=id")
		if isStatus(errs[i], http.StatusNotFound) {
			errs[i] = nil
		}
	})
	for i := range of {
		if errs[i] != nil {
			return nil, errs[i]
		}
		for _, r := range found[i] {
			ids[r.id] = true
			if r.kind == refGroup {
				groups = append(groups, r)
			}
		}
	}
	return groups, nil
}

// eligible adds those that can activate a role. Tenants without privileged identity
// management have none, and say so in one way or another.
func (t *task) eligible(ids map[guid]bool) ([]ref, error) {
	var out []ref
	path := "/roleManagement/directory/roleEligibilitySchedules?$select=principalId"
	for seen := map[string]bool{}; path != ""; {
		a, err := t.d.send(operation{method: http.MethodGet, path: path})
		if isStatus(err, http.StatusBadRequest) || isStatus(err, http.StatusForbidden) || isStatus(err, http.StatusNotFound) {
			t.s.log.WarnContext(t.d.ctx, "objects that are eligible for a role cannot be told from others", "connector", t.connectorName(), "err", describeError(err))
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var page struct {
			Next  string `json:"@odata.nextLink"`
			Value []struct {
				PrincipalID string `json:"principalId"`
			} `json:"value"`
		}
		if json.Unmarshal(a.body, &page) != nil {
			return nil, errJSON
		}
		for _, v := range page.Value {
			if id, ok := parseGUID(strings.ToLower(v.PrincipalID)); ok {
				ids[id] = true
				out = append(out, ref{id: id})
			}
		}
		seen[path] = true
		if path, err = t.relative(page.Next); err != nil {
			return nil, err
		}
		if seen[path] {
			return nil, errRepeated
		}
	}
	return out, nil
}

// errUnvetted is why a match is refused when nobody can tell who holds roles.
var errUnvetted = fmt.Errorf("%w: nobody can tell whether the matching object holds an administrative role; grant the application permission RoleManagement.Read.Directory, or block matching", connector.ErrPermission)
