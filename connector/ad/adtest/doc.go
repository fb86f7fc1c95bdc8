// Package adtest is a mock Active Directory domain controller that speaks LDAP on loopback,
// over LDAPS and StartTLS, so that programs that read and write AD can be tested without
// Windows and without Samba.
//
// # What it does not do
//
// It is not a directory to keep anything in: all is in memory. It has no Kerberos and no
// NTLM: SASL binds get authMethodNotSupported, although the rootDSE lists the mechanisms as
// AD does. What a client can do wrong there it does towards a key distribution centre, or in
// arithmetic that a mock by the same hand would repeat; Samba, whose answers are its own, is
// what to try sign-in on. After it all is the same, whoever signed in how. It has no replication (replicas share their objects, see [Server.Replicate]), no global
// catalogue port, no password policy beyond a minimum length, no virtual list views and no
// change notification. Audit lists (SACLs) are not kept, validated writes, quotas and the
// mode in which single objects are listed do not exist, and DirSync does not report
// descriptors. Rules about which kinds of group may hold which are not checked. Strings
// compare without regard to case, not by Windows' collation tables.
//
// # What it does
//
// It answers as AD does where that matters to a client that synchronises, and enforces the
// limits that Samba leaves out: MaxPageSize for searches and DirSync answers, MaxValRange
// with ranged retrieval, result codes with AD's texts, controls that must be known when
// critical, TLS before simple binds. Objects get objectGUID, objectSid, uSNChanged and the
// rest of what a domain controller keeps; links have back links and follow renames; every
// attribute and every linked value has replication metadata, from which DirSync answers are
// made. Deleted objects stay as tombstones. [NewReplica] adds domain controllers to the
// domain, each with cookies of its own, [NewDomain] adds domains to the forest.
//
//	func TestImport(t *testing.T) {
//		dc := adtest.NewServer(t, nil)
//		dc.Must(dc.AddUser("jdoe", adtest.Attrs{"givenName": {"John"}}))
//		conn, err := ldap.DialURL(dc.URL(), ldap.DialWithTLSConfig(dc.ClientTLS()))
//		// conn.Bind(dc.AdminUPN(), dc.AdminPassword()) ...
//	}
//
// # Rights
//
// Every object has a security descriptor: its class's default entries or those that it was
// given, and the entries that it inherits. All that is done over LDAP is checked against
// them as AD does it: what may not be read is missing, in answers and in filters, without
// a word; what may not be written is insufficientAccessRights (50) with AD's text. Extended
// rights count for DirSync, setting passwords and bringing deleted objects back.
// allowedAttributesEffective, allowedChildClassesEffective, sDRightsEffective,
// tokenGroups and tokenGroupsGlobalAndUniversal tell what an account may do and who it is.
// Accounts that nobody delegated anything to read nearly everything, as in AD, and write
// nothing but a few attributes of their own.
//
// [Server.Delegate] gives rights and [Server.Hide] takes them, [Server.AddEntry] and
// [Server.SetDescriptor] set entries themselves, clients write nTSecurityDescriptor. Objects
// with adminCount 1 have the descriptor of AdminSDHolder and inherit nothing; see
// [Server.ProtectAdministrators].
//
// # Editing
//
// [Server.AddUser], [Server.Modify], [Server.Move], [Server.Delete] and their like do what
// an administrator at the console would do, with metadata as if it had come by LDAP.
// [Server.Populate] makes a whole company. [Server.Get] and [Server.Dump] read past the
// protocol, to compare with what a client believes.
//
// # Faults
//
// [Server.Faults] breaks connections, delays, refuses, garbles and forgets, at run time: slow
// and dying servers are [Faults.Delay], [Faults.Busy], [Faults.DropAfter],
// [Faults.BreakImports] and [Faults.LoseAnswers]; domain controllers whose cookies do not
// agree are [NewReplica] with [Faults.RefuseForeignCookies], [Faults.Lag],
// [Faults.NewInvocation] and [Faults.ExpireCookies]; tombstones whose time is over are
// [Faults.PurgeTombstones]. [Options.NoExchangeSchema] is a forest without Exchange.
// Requests that no correct client sends, and controls and extended operations that the
// server does not know, fail the test; see [Options.OnMisuse].
package adtest
