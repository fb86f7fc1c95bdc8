// Package failover has the test of high availability: three processes on one PostgreSQL store,
// between a mock domain controller and a mock tenant, that are killed, suspended and cut off while
// the directory changes.
package failover
