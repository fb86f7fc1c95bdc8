// Package postgrestest starts throw-away PostgreSQL servers for tests, on loopback, with TLS
// and a password.
//
//	func TestStore(t *testing.T) {
//		s := postgrestest.Start(t, nil)
//		store, err := sqlstore.Open(t.Context(), s.Schema(t), nil)
//		// ...
//	}
//
// [Start] skips the test where PostgreSQL is not installed, and fails it instead when the
// environment variable HYBRIDSYNC_REQUIRE is "all". Programs use [New]. PostgreSQL refuses to
// run as root: started by root, the server runs as the system's user postgres.
//
// A server takes about a second to make. Tests share one by giving each its own
// [Server.Schema]. The server does not wait for the disk, unless [Options.Durable] is set: it
// survives [Server.Kill] all the same, as the operating system does.
package postgrestest
