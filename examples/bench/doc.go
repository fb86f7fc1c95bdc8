// Command bench measures the library and, beside it in the same run, what one would take
// instead. Everything is made up from seeds, runs on loopback and in temporary folders, and
// is gone afterwards.
//
//	go run ./examples/bench -short            every scenario, three minutes on two cores
//	go run ./examples/bench                   the populations that BENCHMARKS.md quotes: about two hours
//	go run ./examples/bench -scenario sync    one scenario, or several separated by commas
//	go run ./examples/bench -json             results as JSON
//
// The table that it prints is the one that BENCHMARKS.md quotes: medians of at least five runs
// (three with -short, one where a run takes minutes), the lowest and the highest, and the targets.
// Progress goes to standard error. Targets that are missed are results, not failures: the exit
// status is 0 when every scenario came to its end.
//
// # Scenarios
//
//   - sync: a company of 100,000 users of about 22 attributes and 1.6 kB and 5,000 groups, made
//     up by a connector as it is asked for, the standard rules, a SQLite store, and a cloud that
//     takes everything at once. Import, first and further synchronisation, export, confirmation,
//     a delta cycle without changes, and one with 1 % created, 1 % deleted and 5 % modified.
//   - memory: its synchronisation with a store that does not wait for the disk.
//   - group: one member joins a group of 50,000 and one of 249,000.
//   - slapd: full import from OpenLDAP, loaded by slapadd, beside ldapsearch into a null file, go-ldap
//     alone, a Python script into sqlite3, and another OpenLDAP server that copies by syncrepl.
//   - samba: full import from a Samba domain controller beside ldapsearch.
//   - entra: full import of users from the answers of a mock tenant, played back from memory.
//   - export: export to a mock tenant with ten times the published quota.
//   - expr: the expressions of module rules/bench beside cel-go and Expr.
//   - million: 1,000,000 identities from end to end: time, peak memory, disk.
//
// A peer or scenario whose programs are not installed is skipped with the reason. Samba needs root.
package main
