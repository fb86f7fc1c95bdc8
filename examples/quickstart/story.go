package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

// changes is a morning's work of an administrator. It returns what was done, in words.
func (w *world) changes() (told []string, err error) {
	p := w.people
	married, leaver, mover, gone := p.Users[3], p.Users[4], p.Users[5], p.Users[6]
	group := p.Groups[1]
	joiner, err := w.outsider(group)
	if err != nil {
		return nil, err
	}
	say := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }

	name := func(dn string) string {
		o, getErr := w.dc.Get(dn)
		if getErr != nil {
			err = getErr
			return ""
		}
		return o.First("displayName")
	}
	say("%s marries and becomes Ada Lovelace", name(married))
	say("%s leaves: the account is disabled", name(leaver))
	say("%s moves to another organisational unit", name(mover))
	say("%s is deleted", name(gone))
	say("%s joins %s", name(joiner), name(group))
	if err != nil {
		return nil, err
	}
	if err := w.dc.Modify(married, adtest.Replace("displayName", "Ada Lovelace"), adtest.Replace("givenName", "Ada"), adtest.Replace("sn", "Lovelace")); err != nil {
		return nil, err
	}
	if _, err := w.dc.Rename(married, "Ada Lovelace"); err != nil {
		return nil, err
	}
	if err := w.dc.SetEnabled(leaver, false); err != nil {
		return nil, err
	}
	if _, err := w.dc.Move(mover, w.dc.UsersDN()); err != nil {
		return nil, err
	}
	if err := w.dc.Delete(gone); err != nil {
		return nil, err
	}
	return told, w.dc.AddMember(group, joiner)
}

// outsider finds a user who is no member of a group.
func (w *world) outsider(group string) (string, error) {
	g, err := w.dc.Get(group)
	if err != nil {
		return "", err
	}
	for _, u := range w.people.Users[7:] {
		if !slices.Contains(g.Attrs["member"], u) {
			return u, nil
		}
	}
	return "", fmt.Errorf("everybody is a member of %s", group)
}

// written lists the requests that changed the tenant since the log was reset.
func (w *world) written() (lines []string) {
	for _, r := range w.tenant.Requests() {
		if r.Method == "GET" || r.Template == "/$batch" {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %s: %d", r.Method, r.Template, r.Status))
	}
	slices.Sort(lines)
	return lines
}

// snapshot describes every object of the tenant, property by property.
func (w *world) snapshot() map[string]map[string]string {
	names := make(map[string]string)
	for _, u := range w.tenant.Users() {
		names[u.ID] = u.UserPrincipalName
	}
	for _, g := range w.tenant.Groups() {
		names[g.ID] = g.DisplayName
	}
	all := make(map[string]map[string]string)
	for _, u := range w.tenant.Users() {
		all["user "+u.UserPrincipalName] = map[string]string{
			"displayName": u.DisplayName, "givenName": u.GivenName, "surname": u.Surname, "department": u.Department,
			"accountEnabled": fmt.Sprint(!u.Disabled), "manager": names[u.ManagerID],
		}
	}
	for _, g := range w.tenant.Groups() {
		var members []string
		for _, id := range w.tenant.Members(g.ID) {
			members = append(members, names[id])
		}
		slices.Sort(members)
		all["group "+g.DisplayName] = map[string]string{"members": strings.Join(members, ", ")}
	}
	return all
}

// difference tells two snapshots apart, in words.
func difference(before, after map[string]map[string]string) (lines []string) {
	for _, key := range slices.Sorted(maps.Keys(before)) {
		now, there := after[key]
		if !there {
			lines = append(lines, key+" is gone")
			continue
		}
		for _, prop := range slices.Sorted(maps.Keys(now)) {
			was, is := before[key][prop], now[prop]
			switch {
			case was == is:
			case prop == "members":
				lines = append(lines, key+": "+membership(was, is))
			default:
				lines = append(lines, fmt.Sprintf("%s: %s was %q, is %q", key, prop, was, is))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if _, there := before[key]; !there {
			lines = append(lines, key+" is new")
		}
	}
	return lines
}

func membership(was, is string) string {
	old, now := strings.Split(was, ", "), strings.Split(is, ", ")
	var parts []string
	for _, n := range now {
		if !slices.Contains(old, n) {
			parts = append(parts, "new member "+n)
		}
	}
	for _, n := range old {
		if !slices.Contains(now, n) {
			parts = append(parts, n+" is no member any more")
		}
	}
	return strings.Join(parts, ", ")
}
