package sambatest

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Lists that names are drawn from. The products of their lengths keep names varied.
const (
	givenNames  = "Aisha Benoit Carmen Derek Esra Filip Gwen Hana Igor Jamila Kofi Lucia Marek Noor Otto Priya Rafael Signe Tomas Uma Viktor Wanda Yusuf"
	surnames    = "Almeida Brandt Chandra Duarte Ekstrom Fontaine Gruber Haddad Ito Janssen Kaya Lindqvist Mbeki Nowak OBrien Popescu Rahman Silva Torres Urbano Vasquez Wolff Yilmaz Zimmer"
	departments = "Sales Engineering Finance Legal Marketing Support Research Operations"
)

// A Population is a deterministic set of users and groups below OU=People and OU=Groups
// of one domain. The same numbers always give the same objects, apart from what the
// directory assigns.
//
// User i (from 1) has the account name u000001 and so on, a mail address, three proxy
// addresses, a manager (user i/10, the first has none), a department that is also the
// OU, and no password; every 50th is disabled. Group k has the account name g00001 and
// so on; group 1 holds every user, group k holds group k-1 and every user whose number
// modulo the number of groups is k; every fifth is a distribution group.
type Population struct {
	Users, Groups int
	BaseDN        string // of the domain
	DNSDomain     string
}

// PeopleDN is the DN of the OU above all users.
func (p Population) PeopleDN() string { return "OU=People," + p.BaseDN }

// GroupsDN is the DN of the OU that holds all groups.
func (p Population) GroupsDN() string { return "OU=Groups," + p.BaseDN }

// DepartmentDN is the DN of the OU that holds user i.
func (p Population) DepartmentDN(i int) string {
	return "OU=" + pick(departments, i) + "," + p.PeopleDN()
}

// UserDN is the DN of user i.
func (p Population) UserDN(i int) string { return "CN=" + p.userName(i) + "," + p.DepartmentDN(i) }

// GroupDN is the DN of group k.
func (p Population) GroupDN(k int) string { return fmt.Sprintf("CN=Group %05d,%s", k, p.GroupsDN()) }

// Disabled reports whether user i is disabled.
func (p Population) Disabled(i int) bool { return i%50 == 0 }

func (p Population) userName(i int) string {
	return fmt.Sprintf("%s %s %d", pick(givenNames, i), p.surname(i), i)
}

func (p Population) surname(i int) string { return pick(surnames, i/23) }

func pick(list string, i int) string {
	words := strings.Fields(list)
	return words[i%len(words)]
}

// WriteLDIF writes the population as records to be added.
func (p Population) WriteLDIF(w io.Writer) error {
	b := &ldif{bufio.NewWriterSize(w, 1<<16)}
	container := func(dn string) { b.printf("dn: %s\nobjectClass: organizationalUnit\n\n", dn) }
	container(p.PeopleDN())
	container(p.GroupsDN())
	for d := range strings.Fields(departments) {
		container(p.DepartmentDN(d))
	}
	for i := 1; i <= p.Users; i++ {
		p.writeUser(b, i)
	}
	for k := 1; k <= p.Groups; k++ {
		p.writeGroup(b, k)
	}
	return b.Flush()
}

// An ldif is being written. Flush reports the first error of all writing.
type ldif struct{ *bufio.Writer }

func (b *ldif) printf(format string, args ...any) {
	fmt.Fprintf(b.Writer, format, args...)
}

func (p Population) writeUser(b *ldif, i int) {
	given, sur, department := pick(givenNames, i), p.surname(i), pick(departments, i)
	address := strings.ToLower(fmt.Sprintf("%s.%s%d@%s", given, sur, i, p.DNSDomain))
	account := fmt.Sprintf("u%06d", i)
	b.printf("dn: %s\nobjectClass: user\ncn: %s\n", p.UserDN(i), p.userName(i))
	b.printf("givenName: %s\nsn: %s\ndisplayName: %s %s\n", given, sur, given, sur)
	b.printf("sAMAccountName: %s\nuserPrincipalName: %s\nmail: %s\n", account, address, address)
	b.printf("proxyAddresses: SMTP:%s\nproxyAddresses: smtp:%s@%s\nproxyAddresses: sip:%s\n",
		address, account, p.DNSDomain, address)
	b.printf("department: %s\ntitle: %s Specialist\ncompany: Contoso\nemployeeID: %d\n", department, department, 500000+i)
	b.printf("telephoneNumber: +47 555 %05d\nphysicalDeliveryOfficeName: Room %d\n", i%100000, i%300)
	b.printf("streetAddress: %d Harbour Street\nl: Bergen\npostalCode: %04d\nc: NO\nco: Norway\ncountryCode: 578\n", i, 5000+i%800)
	if boss := max(i/10, 1); boss != i {
		b.printf("manager: %s\n", p.UserDN(boss))
	}
	control := 512 + 32 // normal account, no password required: there is none
	if p.Disabled(i) {
		control += 2
	}
	b.printf("userAccountControl: %d\n\n", control)
}

func (p Population) writeGroup(b *ldif, k int) {
	groupType := -2147483646 // global security
	if k%5 == 0 {
		groupType = 2 // global distribution
	}
	b.printf("dn: %s\nobjectClass: group\ncn: Group %05d\n", p.GroupDN(k), k)
	b.printf("sAMAccountName: g%05d\ngroupType: %d\ndisplayName: Group %05d\nmail: g%05d@%s\n", k, groupType, k, k, p.DNSDomain)
	if k > 1 {
		b.printf("member: %s\n", p.GroupDN(k-1))
	}
	for _, i := range p.DirectUsers(k) {
		b.printf("member: %s\n", p.UserDN(i))
	}
	b.printf("\n")
}

// DirectUsers returns the numbers of the users that are direct members of group k.
func (p Population) DirectUsers(k int) []int {
	first, step := k, max(p.Groups, 1)
	if k == 1 {
		first, step = 1, 1
	}
	var users []int
	for i := first; i <= p.Users; i += step {
		users = append(users, i)
	}
	return users
}
