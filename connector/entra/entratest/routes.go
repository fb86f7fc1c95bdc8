package entratest

import "net/http"

// Permissions, any one of which an operation needs.
func readUsers() []string {
	return []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
}

func writeUsers() []string { return []string{"User.ReadWrite.All", "Directory.ReadWrite.All"} }

func readGroups() []string {
	return []string{"Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
}

func readMembers() []string {
	return append(readGroups(), "GroupMember.Read.All", "GroupMember.ReadWrite.All")
}

func writeGroups() []string { return []string{"Group.ReadWrite.All", "Directory.ReadWrite.All"} }

func readKind(k *kind) []string {
	extra := map[string][]string{
		"user": readUsers(), "group": append(readGroups(), "GroupMember.Read.All"), "orgContact": {"OrgContact.Read.All"},
		"device": {"Device.Read.All", "Device.ReadWrite.All"}, "directoryRole": {"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory"},
		"domain": {"Domain.Read.All"}, "organization": {"Organization.Read.All"},
		"application":      {"Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"},
		"servicePrincipal": {"Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"},
	}[k.name]
	return append(extra, "Directory.Read.All", "Directory.ReadWrite.All")
}

// routes is the whole API: what is not here is an unknown path.
func routes(c *catalog) []route {
	var out []route
	for _, k := range c.kinds {
		out = append(out, readRoutes(k)...)
	}
	out = append(out, userRoutes(c)...)
	out = append(out, groupRoutes(c)...)
	out = append(out, directoryRoutes(c)...)
	out = append(out, applicationRoutes(c)...)
	return append(out, route{method: http.MethodPost, pattern: batchPattern})
}

// readRoutes are the reads that every kind has.
func readRoutes(k *kind) []route {
	need := readKind(k)
	units := 1
	if k.name == "user" || k.name == "application" {
		units = 2
	}
	allow := forList
	if len(k.relations) > 0 {
		allow |= optExpand
	}
	out := []route{
		{method: "GET", pattern: "/" + k.set, allow: allow, needs: need, units: units, do: listKind(k)},
		{method: "GET", pattern: "/" + k.set + "/{id}", allow: forOne, needs: need, do: getOne(k)},
	}
	if k.soft || k.deltas {
		out = append(out, route{method: "GET", pattern: "/" + k.set + "/$count", allow: optFilter | optForceCount, needs: need, do: countKind(k)})
	}
	if k.deltas {
		out = append(out, route{method: "GET", pattern: "/" + k.set + "/delta", allow: optSelect | optFilter | optSkip | optDelta, needs: need, units: units, do: deltaKind(k)})
	}
	if k.soft {
		out = append(out, route{
			method: "GET", pattern: "/directory/deletedItems/microsoft.graph." + k.name,
			allow: optSelect | optFilter | optTop | optSkip, needs: need, do: listDeleted(k),
		})
	}
	return out
}

// linkRoutes are the list of a relation, its casts and their counts.
func linkRoutes(c *catalog, k *kind, name string, source func(*object) *ordered, units int) []route {
	path := "/" + k.set + "/{id}/" + name
	need := readMembers()
	if k.name == "user" {
		need = readUsers()
	}
	if k.name != "user" && k.name != "group" {
		need = readKind(k)
	}
	lists := optSelect | optFilter | optTop | optOrderby | optCount | optSkip
	out := []route{
		{method: "GET", pattern: path, allow: lists, needs: need, units: units, do: listLinks(k, source, nil, false)},
		{method: "GET", pattern: path + "/$count", allow: optForceCount, needs: need, units: units, do: listLinks(k, source, nil, true)},
	}
	for _, cast := range c.kinds {
		if cast.name == "domain" || cast.name == "organization" {
			continue
		}
		p := path + "/microsoft.graph." + cast.name
		out = append(out,
			route{method: "GET", pattern: p, allow: lists, needs: need, units: units, do: listLinks(k, source, cast, false)},
			route{method: "GET", pattern: p + "/$count", allow: optFilter | optForceCount, needs: need, units: units, do: listLinks(k, source, cast, true)})
	}
	return out
}

func memberOf(o *object) *ordered { return o.memberOf }
func members(o *object) *ordered  { return o.members }
func owners(o *object) *ordered   { return o.owners }
func owned(o *object) *ordered    { return o.ownerOf }
func reports(o *object) *ordered  { return o.reports }

func userRoutes(c *catalog) []route {
	k := c.kind("user")
	remove := append(writeUsers(), "User.DeleteRestore.All")
	out := []route{
		{method: "POST", pattern: "/users", writes: true, needs: append(writeUsers(), "User.Create"), do: createUser},
		{method: "PATCH", pattern: "/users/{id}", writes: true, needs: writeUsers(), do: updateUser},
		{method: "DELETE", pattern: "/users/{id}", writes: true, needs: remove, do: deleteUser},
		{method: "GET", pattern: "/users/{id}/manager", allow: optSelect, needs: readUsers(), do: getManager},
		{method: "PUT", pattern: "/users/{id}/manager/$ref", writes: true, needs: writeUsers(), do: putManager},
		{method: "DELETE", pattern: "/users/{id}/manager/$ref", writes: true, needs: writeUsers(), do: deleteManager},
	}
	out = append(out, linkRoutes(c, k, "memberOf", memberOf, 2)...)
	out = append(out, linkRoutes(c, k, "transitiveMemberOf", transitive(memberOf), 2)...)
	out = append(out, linkRoutes(c, k, "ownedObjects", owned, 1)...)
	return append(out, linkRoutes(c, k, "directReports", reports, 1)...)
}

func groupRoutes(c *catalog) []route {
	k := c.kind("group")
	change := append(writeGroups(), "GroupMember.ReadWrite.All")
	out := []route{
		{method: "POST", pattern: "/groups", writes: true, needs: append(writeGroups(), "Group.Create"), do: createGroup},
		{method: "PATCH", pattern: "/groups/{id}", writes: true, needs: change, do: updateGroup},
		{method: "DELETE", pattern: "/groups/{id}", writes: true, needs: writeGroups(), do: deleteGroup},
		{method: "POST", pattern: "/groups/{id}/members/$ref", writes: true, needs: change, do: addRef(k, "members")},
		{method: "DELETE", pattern: "/groups/{id}/members/{id}/$ref", writes: true, needs: change, do: removeRef(k, "members")},
		{method: "DELETE", pattern: "/groups/{id}/members/{id}", writes: true, needs: writeUsers(), do: deleteThroughMember},
		{method: "POST", pattern: "/groups/{id}/owners/$ref", writes: true, needs: writeGroups(), do: addRef(k, "owners")},
		{method: "DELETE", pattern: "/groups/{id}/owners/{id}/$ref", writes: true, needs: writeGroups(), do: removeRef(k, "owners")},
	}
	out = append(out, linkRoutes(c, k, "members", members, 3)...)
	out = append(out, linkRoutes(c, k, "transitiveMembers", transitive(members), 5)...)
	out = append(out, linkRoutes(c, k, "owners", owners, 1)...)
	out = append(out, linkRoutes(c, k, "memberOf", memberOf, 2)...)
	return append(out, linkRoutes(c, k, "transitiveMemberOf", transitive(memberOf), 2)...)
}

func directoryRoutes(c *catalog) []route {
	any := append(append(readUsers(), readGroups()...), "Application.Read.All")
	restore := append(append(writeUsers(), writeGroups()...), "User.DeleteRestore.All", "Application.ReadWrite.All")
	out := []route{
		{method: "GET", pattern: "/directoryObjects/{id}", allow: optSelect, needs: any, do: getAny},
		{method: "POST", pattern: "/directoryObjects/getByIds", allow: optSelect, needs: any, units: 3, do: getByIDs},
		{method: "GET", pattern: "/directory/deletedItems", allow: forList, needs: any, do: deletedWithoutCast},
		{method: "GET", pattern: "/directory/deletedItems/{id}", allow: optSelect, needs: any, do: getDeleted},
		{method: "POST", pattern: "/directory/deletedItems/{id}/restore", writes: true, needs: restore, do: restoreDeleted},
		{method: "DELETE", pattern: "/directory/deletedItems/{id}", writes: true, needs: restore, do: purgeDeleted},
	}
	out = append(out, route{
		method: "GET", pattern: "/roleManagement/directory/roleEligibilitySchedules", allow: optSelect | optTop | optSkip,
		needs: []string{"RoleEligibilitySchedule.Read.Directory", "RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "RoleManagement.Read.All"},
		do:    listEligible,
	})
	out = append(out, route{
		method: "GET", pattern: "/directory/onPremisesSynchronization/{id}", allow: optSelect,
		needs: []string{"OnPremDirectorySynchronization.Read.All", "OnPremDirectorySynchronization.ReadWrite.All", "Directory.ReadWrite.All"},
		do:    getSyncSettings,
	})
	return append(out, linkRoutes(c, c.kind("directoryRole"), "members", members, 1)...)
}
