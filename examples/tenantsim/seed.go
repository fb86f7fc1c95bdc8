package main

import (
	"fmt"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// seed fills the directory with made-up people and groups of them.
func seed(srv *entratest.Server, set settings) {
	first := []string{"Ada", "Alan", "Barbara", "Donald", "Edsger", "Grace", "Leslie", "Margaret", "Niklaus", "Radia"}
	last := []string{"Allen", "Berg", "Costa", "Dietz", "Evans", "Fischer", "Garcia", "Haas", "Ito", "Jansen", "Kaya"}
	departments := []string{"Engineering", "Finance", "Operations", "Sales"}
	domain := domains(set.domains)[0].Name
	ids := make([]string, set.users)
	for i := range ids {
		given, surname := first[i%len(first)], last[i/len(first)%len(last)]
		name := fmt.Sprintf("user%06d", i+1)
		u := entratest.User{
			UserPrincipalName: name + "@" + domain, MailNickname: name, Mail: name + "@" + domain,
			DisplayName: given + " " + surname, GivenName: given, Surname: surname, Department: departments[i%len(departments)],
		}
		if i%10 != 0 {
			u.ManagerID = ids[i-i%10]
		}
		ids[i] = srv.AddUser(u)
	}
	for i := range set.groups {
		g := entratest.Group{DisplayName: fmt.Sprintf("Group %05d", i+1), MailNickname: fmt.Sprintf("group%05d", i+1)}
		for n := range min(10, len(ids)) {
			g.Members = append(g.Members, ids[(i*10+n)%len(ids)])
		}
		srv.AddGroup(g)
	}
}
