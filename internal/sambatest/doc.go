// Package sambatest starts throw-away Active Directory forests for tests: Samba AD domain
// controllers on loopback, with their own certificate authority, test population and
// accounts.
//
//	func TestImport(t *testing.T) {
//		d := sambatest.Start(t, &sambatest.Options{Users: 1000, Groups: 50})
//		// d.URL, d.CAFile, d.BaseDN, d.AdminUPN, d.Password ...
//	}
//
// [Start] skips the test where Samba is not installed or the user is not root (a domain
// controller listens on ports below 1024), and fails it instead when the environment
// variable HYBRIDSYNC_REQUIRE is "all". Programs use [New].
//
// # What it costs
//
// The first domain on a machine is provisioned, which takes about six seconds; the result
// is kept as a template in the system's temporary folder, from which later domains, of
// later processes too, are copied in a second. 10,000 users and 500 groups are written
// straight into the database in about half a minute.
//
// # Several at once
//
// Each domain listens on a loopback address of its own, 127.0.0.0/8, held by a lock file
// as long as the domain exists, so that test processes do not disturb each other.
//
// # Limits
//
// Samba is not Windows. It does not enforce MaxPageSize, MaxValRange or the size of
// DirSync answers, has no AdminSDHolder process and ends at the 2012 R2 schema. The
// durability of the databases is turned off. Passwords here are test data and guard
// nothing.
package sambatest
