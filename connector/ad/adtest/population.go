package adtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// PopulationOptions say what [Server.Populate] makes. The same options make the same people.
type PopulationOptions struct {
	// Users, Groups and Contacts are how many of each. Of the users every fiftieth is
	// disabled, one in fifteen is somebody's manager, and one in a hundred is an
	// inetOrgPerson. The first group holds all users, the others five to fifty each; every
	// tenth group is a member of the one before it, every fourth is for distribution only.
	Users, Groups, Contacts int
	// Seed varies names and memberships.
	Seed uint64
	// OU is the name of the organisational unit, below the domain, that all goes into.
	// Defaults to Company.
	OU string
	// MailDomain is what mail addresses end in. Defaults to the domain.
	MailDomain string
}

// A Population is what was made, as DNs in order of creation.
type Population struct {
	OU       string
	Users    []string
	Groups   []string
	Contacts []string
	Everyone string // the group of all users; "" without groups
}

const (
	givenNames = `Anna Ben Carla Daniel Elena Felix Grace Henry Ines Jakob Karin Liam Maria Noah Olivia Paul Quentin Rosa Simon
		Tara Ulrich Vera William Xenia Yusuf Zoe Amélie Björn Chloé Dariusz Éva François Göran Håkon Inés José Kōji Łukasz`
	familyNames = `Adams Baker Clark Davis Evans Fischer Garcia Hughes Ivanov Jones Keller Lopez Meyer Novak Olsen Peters Quinn
		Rossi Schmidt Taylor Ueda Vogel Weber Xu Young Zimmermann Müller Núñez O'Brien Sørensen Žižka Dvořák Lefèvre Smith-Jones`
	departments = `Accounting|Customer Service|Engineering|Facilities|Human Resources|Information Technology|Legal|Logistics|
		Marketing|Research & Development|Sales, Europe|Treasury`
	titles = `Accountant|Analyst|Assistant|Consultant|Developer|Engineer|Manager|Officer|Representative|Specialist|Technician`
	cities = `Berlin;DE;Germany;276;10115|Paris;FR;France;250;75001|Madrid;ES;Spain;724;28001|Oslo;NO;Norway;578;0150|
		London;GB;United Kingdom;826;EC1A 1BB|Seattle;US;United States;840;98101`
)

func splitList(s string) []string {
	var out []string
	for p := range strings.SplitSeq(s, "|") {
		out = append(out, strings.TrimSpace(p))
	}
	return out
}

// Populate fills the directory with a company: departments, people with some twenty-five
// attributes each and managers, groups within groups, contacts.
func (s *Server) Populate(o PopulationOptions) (*Population, error) {
	if o.OU == "" {
		o.OU = "Company"
	}
	if o.MailDomain == "" {
		o.MailDomain = s.opts.Domain
	}
	b := &populator{PopulationOptions: o, s: s, rng: rand.New(rand.NewPCG(o.Seed, 0x9e3779b97f4a7c15)),
		given: strings.Fields(givenNames), family: strings.Fields(familyNames), departments: splitList(departments),
		titles: splitList(titles), cities: splitList(cities), made: &Population{}}
	for _, step := range []func() error{b.units, b.users, b.groups, b.contacts} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("adtest: populating: %w", err)
		}
	}
	return b.made, nil
}

type populator struct {
	PopulationOptions
	s    *Server
	rng  *rand.Rand
	made *Population

	given, family, departments, titles, cities []string
	managers                                   []string
}

func (b *populator) units() error {
	ou, err := b.s.AddOU(b.OU)
	if err != nil {
		return err
	}
	b.made.OU = ou
	for _, name := range append([]string{"Groups", "Contacts"}, b.departments...) {
		if _, err := b.s.AddOU(formatRDN("OU", name) + "," + ou); err != nil {
			return err
		}
	}
	return nil
}

func (b *populator) users() error {
	for i := range b.Users {
		department := b.departments[i%len(b.departments)]
		given, family := b.given[b.rng.IntN(len(b.given))], b.family[b.rng.IntN(len(b.family))]
		class := "user"
		if i%100 == 99 {
			class = "inetOrgPerson"
		}
		name := fmt.Sprintf("%s %s %05d", given, family, i+1)
		dn := formatRDN("CN", name) + "," + formatRDN("OU", department) + "," + b.made.OU
		attrs := b.person(i, given, family, department)
		attrs["objectClass"] = []string{class}
		if len(b.managers) > 0 {
			attrs["manager"] = []string{b.managers[b.rng.IntN(len(b.managers))]}
		}
		if _, err := b.s.AddUser(dn, attrs); err != nil {
			return err
		}
		if i%15 == 0 {
			b.managers = append(b.managers, dn)
		}
		b.made.Users = append(b.made.Users, dn)
	}
	return nil
}

// person makes the attributes of the i-th user.
func (b *populator) person(i int, given, family, department string) Attrs {
	logon := fmt.Sprintf("u%05d", i+1)
	city := strings.Split(b.cities[b.rng.IntN(len(b.cities))], ";")
	local := fmt.Sprintf("%s.%s.%d", mailPart(given), mailPart(family), i+1)
	mail := local + "@" + b.MailDomain
	uac := "512"
	if i%50 == 49 {
		uac = "514"
	}
	a := Attrs{"givenName": {given}, "sn": {family}, "displayName": {given + " " + family}, "initials": {given[:1] + family[:1]},
		"sAMAccountName": {logon}, "userPrincipalName": {logon + "@" + b.s.opts.Domain}, "mail": {mail},
		"proxyAddresses": {"SMTP:" + mail, "smtp:" + logon + "@" + b.MailDomain, "x500:/o=Company/cn=" + logon},
		"title":          {b.titles[b.rng.IntN(len(b.titles))]}, "department": {department}, "company": {b.OU},
		"employeeID": {fmt.Sprintf("E%06d", i+1)}, "employeeType": {[]string{"Staff", "Contractor"}[i%7/6]},
		"telephoneNumber":            {fmt.Sprintf("+49 30 %07d", i+1)},
		"mobile":                     {fmt.Sprintf("+49 170 %07d", i+1)},
		"physicalDeliveryOfficeName": {fmt.Sprintf("%d/%03d", 1+i%9, i%300)}, "streetAddress": {fmt.Sprintf("Main Street %d", 1+i%200)},
		"l": {city[0]}, "c": {city[1]}, "co": {city[2]}, "countryCode": {city[3]}, "postalCode": {city[4]},
		"preferredLanguage": {"en-US"}, "userAccountControl": {uac}}
	if !isASCII(a["initials"][0]) {
		delete(a, "initials")
	}
	if !b.s.opts.NoExchangeSchema {
		a["mailNickname"] = []string{logon}
		a["extensionAttribute1"] = []string{fmt.Sprintf("CC-%03d", i%40)}
	}
	return a
}

// mailPart turns a name into what an address may hold.
func mailPart(name string) string {
	var s strings.Builder
	for _, c := range fold(name) {
		if c >= 'a' && c <= 'z' || c == '-' {
			s.WriteRune(c)
		}
	}
	if s.Len() == 0 {
		return "x"
	}
	return s.String()
}

func (b *populator) groups() error {
	users := b.made.Users
	for k := range b.Groups {
		name := fmt.Sprintf("Group %04d", k+1)
		kind := "-2147483646"
		if k%4 == 3 {
			kind = "8"
		}
		attrs := Attrs{"groupType": {kind}, "sAMAccountName": {fmt.Sprintf("g%04d", k+1)}, "displayName": {name},
			"description": {fmt.Sprintf("Members of team %d", k+1)}}
		switch {
		case k == 0:
			name, attrs["displayName"] = "All Employees", []string{"All Employees"}
			attrs["member"] = users
		case len(users) > 0:
			start, n := b.rng.IntN(len(users)), 5+b.rng.IntN(46)
			for j := range min(n, len(users)) {
				attrs["member"] = append(attrs["member"], users[(start+j)%len(users)])
			}
		}
		if len(b.managers) > 0 {
			attrs["managedBy"] = []string{b.managers[k%len(b.managers)]}
		}
		dn, err := b.s.AddGroup(formatRDN("CN", name)+",OU=Groups,"+b.made.OU, attrs)
		if err != nil {
			return err
		}
		if k%10 == 9 {
			if err := b.s.AddMember(b.made.Groups[k-1], dn); err != nil {
				return err
			}
		}
		if k == 0 {
			b.made.Everyone = dn
		}
		b.made.Groups = append(b.made.Groups, dn)
	}
	return nil
}

func (b *populator) contacts() error {
	for i := range b.Contacts {
		name := fmt.Sprintf("Partner %04d", i+1)
		mail := fmt.Sprintf("partner%d@partner.example", i+1)
		dn, err := b.s.AddContact("CN="+name+",OU=Contacts,"+b.made.OU, Attrs{"mail": {mail}, "proxyAddresses": {"SMTP:" + mail},
			"company": {"Partner Ltd"}, "givenName": {"Partner"}, "sn": {fmt.Sprint(i + 1)}})
		if err != nil {
			return err
		}
		b.made.Contacts = append(b.made.Contacts, dn)
	}
	return nil
}
