// Package ad is the connector of Active Directory Domain Services. It speaks LDAP to one
// domain controller at a time.
//
//	d, err := ad.New("contoso.com", ad.Options{
//		URLs:     []string{"ldaps://dc1.contoso.com", "ldaps://dc2.contoso.com"},
//		BindName: "svc-sync@contoso.com",
//		Password: func(context.Context) (string, error) { return os.Getenv("AD_PASSWORD"), nil },
//		Include:  []string{"OU=People,DC=contoso,DC=com", "OU=Groups,DC=contoso,DC=com"},
//	})
//
// # Domain controllers
//
// Options.URLs names domain controllers in order of preference, or Options.Domain has them
// looked up in DNS, those of Options.Site first; without one the first domain controller is
// asked which site this machine is in (LDAP ping, over the connection). A session that loses its domain controller
// goes on at the next one that can be reached. One that refuses the account ends the
// search, lest the account be locked out, and one that has not had its first replication is
// passed over.
//
// The account signs in with a simple bind, with Kerberos ([AuthKerberos]: password, keytab
// or credential cache) or with NTLM. Kerberos and NTLM are bound to the TLS connection, as
// domain controllers with LdapEnforceChannelBinding demand; simple binds have no such
// thing and are not subject to it. Where domain controllers have no certificates,
// [ProtectSealing] encrypts with the ticket's key instead of TLS, which meets a demand for
// signing too.
//
// # Several domains
//
// A [Directory] reads one domain. [NewForest] makes one connector of several domains of a
// forest, each with domain controllers, account, scope and uses of its own; no global
// catalogue is needed. Objects say in which partition they are, so that rules know the
// names of their domain.
//
//	f, err := ad.NewForest("contoso", root, emea, apac) // Options of each domain
//
// An object that moves from one domain to another keeps its objectGUID: it is renamed, and
// never deleted, whatever the order in which the two domains tell of it, and also when it
// moves while an import goes on. Deletions wait until every domain was asked for the
// object; a full import, until nothing came that it had not seen. While a domain cannot be
// read the others are, nothing is deleted, and imports end with an error that names the
// domain. A watermark that one domain does not take any more makes the next import of all
// a full one. A full import keeps some forty octets in memory for each object.
//
// Members of groups in other domains are DNs like others. An object of a delta import that
// refers to what was renamed or moved while the domains were asked one after the other is
// sent again, whole, when all names were sent. Who is moved or renamed in these seconds, even while
// that is sent, keeps her memberships too: an import that cannot be certain that the names which
// it told are those that it told of the members leaves a note in the watermark, and the next one
// sends such groups again. What it cannot notice is a name that changes hands: somebody is moved
// to another domain, made a member there, and moved on, and somebody else gets the very same DN,
// all that after the group's domain was asked for changes and before hers. The group then has the
// other one until it is sent again, whole. Domain controllers learn of
// renames in other domains late; an object that is read whole meanwhile names such members
// by what they were called, until the next full import. What is on its way, left one domain
// and is not known yet to the domain controller of the other, keeps imports from being
// complete for Options.FailoverWait at most, where the account may list the deleted objects
// of the domain that was left. A domain may say nothing of what moved to where nothing is
// imported from: a full import finds that it is gone.
//
// # Objects
//
// An object's anchor is its objectGUID, the sixteen octets as the directory stores them.
// Its DN is spelled as the server spells it. Its class is the most specific of its object
// classes that this package knows or that Options.Classes names: a computer is never a
// user, though Active Directory derives the one from the other. References are DNs.
//
// Values keep the directory's form: large integers, times and intervals of file-time form
// are integers, generalized times are strings such as 20260701123456.0Z, SIDs, GUIDs and
// security descriptors are binary, DNs with binary or string are strings in the form
// B:8:0123ABCD:CN=... of the directory.
//
// # Import
//
// A full import reads pages (control 1.2.840.113556.1.4.319) and large attributes in
// ranges. A delta import uses DirSync (control 1.2.840.113556.1.4.841) with incremental
// values, so that one member of a large group is one small change. The watermark of a full
// import is a DirSync cookie that was taken before the first page was read: a change made
// during the import comes again in the first delta import, and none is lost.
// Who was renamed or moved during the import, under whatever name others refer to her, is sent
// again at the end, and what refers to her after that; of attributes without a link, such as
// assistant, this is not done.
//
// DirSync reports the rename or move of a container and says nothing of what is beneath
// it. This package reads the container's tree then and yields every object with its new
// DN; with Options.Include or Exclude set it also yields what entered the scope and
// deletes what left it. What refers to an object that may have entered the scope is sent
// too: it was known there by a name that nobody keeps up to date.
//
// Active Directory keeps references by object, not by DN: when an object is renamed, every
// reference to it reads differently from then on, and when it is deleted, references to it
// vanish, without the referring objects being reported. The receiver of a delta import has
// to follow both. To make that possible, updates that remove references come last, after
// all renames: the removed value is spelled with the present DN of its target.
//
// An object that was deleted and brought back is the same object. With the recycle bin all
// of it comes back, memberships too. Without it they are lost, of which nobody tells when
// both happened between two imports; the import after that is therefore a full one.
//
// A watermark is bound to partitions, scope and attributes: when these change, or the
// schema gains a selected attribute, the next delta import ends with
// [connector.ErrWatermarkExpired], which leads to a full import.
//
// A delta import goes back to the domain controller that made the watermark. When that one
// cannot be reached, another one goes on from there: the cookie says what its holder
// knows of each domain controller's changes. It must have replicated what the first one
// told; until then imports fail as unavailable, for Options.FailoverWait at most, and a
// full import follows. A domain controller that was restored from a backup, or put back to
// a snapshot, may have lost what its clients know: that takes a full import too.
//
// # Scope
//
// Options.Include and Exclude name containers by DN, of nested ones the innermost decides.
// The watermark keeps their GUIDs, so that a container which was renamed or moved stays
// what it is, with a warning in the log; give the last watermark to Open as
// [connector.OpenOptions].Last, as the engine does. HoldNewContainers keeps out what is
// created beneath included containers later. GroupFilter takes the direct members of one
// group only. A group or container that is gone is an error, never a reason to delete what
// was in it.
//
// Searches that a domain controller is too busy for are made again for half a minute;
// limits on time and work are met with smaller pages. Everything else ends the import.
//
// Imports have no checkpoints: an interrupted full import starts again (the cookie of a
// paged search dies with its connection), an interrupted delta import starts again at its
// watermark.
//
// # Rights
//
// The account needs read access and, for DirSync, the right Replicating Directory Changes
// on every partition. Without that right DirSync runs in object-security mode, in which
// the account sees what it can read; deletions then arrive only if it may list the
// container of deleted objects. [DirSyncNever] does without DirSync. What becomes readable
// is found by the next full import only, as is what a container in scope turns out to hold
// after rights were changed. [connector.Preflighter] tells.
//
// Other uses ([Feature]) need permissions of their own. [Preflight] computes from security
// descriptors which of them are missing, where, and the commands that grant them; a
// session's Preflight does the same for Options.Uses. Permissions that are granted on a
// container do not reach what does not inherit them, above all accounts that are or were
// administrators (adminCount): the report names these. It looks at all containers and all
// protected accounts, and at a sample of the other objects.
//
// Accounts with the powers of a domain administrator are refused, see
// [Options.AllowAdministrator]. A [Provisioner] makes an account with exactly the
// permissions that its uses need. Where deletions are seen only by listing the container of
// deleted objects ([DirSyncObjectSecurity], [DirSyncNever], Samba) that is among them; the
// container belongs to the system, so that BUILTIN\Administrators become its owner first.
//
// Attributes that are not replicated, constructed or back links (memberOf) never appear in
// DirSync. They are imported only when Options.Attributes names them, and are refreshed
// only together with the whole object.
//
// # Export
//
// Changes of multi-valued attributes travel by value, deletions before additions, in
// requests of bounded size, with permissive modify so that a repeated change is harmless.
// A change whose answer was lost is Unknown.
//
// An ordinary value is replaced only where the directory still holds what the engine
// believes it to hold; what somebody else wrote meanwhile is a Conflict and stays.
// mS-DS-ConsistencyGuid, on which the identity in the cloud hangs, is written where it is
// empty and never again.
//
// [Directory.ResetPassword] sets passwords under the domain's policy, those of protected
// accounts never.
//
// # Security
//
// Passwords travel over TLS only, LDAPS or StartTLS, with a verified certificate; with
// Kerberos they do not travel. The one
// exception is a loopback address with Options.AllowPlainLoopback. Error texts hold result
// codes, DNs and attribute names, never values or the server's free text, which may quote
// them.
//
// # Concurrency
//
// A [Directory] is safe for concurrent use, its sessions are not. A session redials when
// its connection was lost.
//
// # Testing
//
// Package adtest is a domain controller for tests, on loopback, without any set-up; several
// of them make a domain, and several domains a forest.
package ad
