// Package sqlstore keeps a metaverse in a SQL database: in a SQLite file, without a server and
// without cgo, or on a PostgreSQL server that several processes share. It implements
// [metaverse.Store].
//
//	store, err := sqlstore.Open(ctx, "/var/lib/hybridsync/state.db", nil)
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// Both have the same tables, and everything below holds for both unless it says otherwise. [Copy]
// moves a store from one to the other, and verifies what has arrived.
//
// # PostgreSQL
//
// The name of a store on a server is a URL: postgres://hybridsync@db.example.com/hybridsync. The
// database has to exist and to belong to the role; the tables are made, in the first schema of
// the search path, which the URL may set (?search_path=identity). PostgreSQL 13 is the oldest that
// will do; the tests run on 15.
//
//	CREATE ROLE hybridsync LOGIN PASSWORD '...';
//	CREATE DATABASE hybridsync OWNER hybridsync ENCODING 'UTF8' TEMPLATE template0;
//
// The password comes from [Options.Password], the URL, PGPASSWORD or a password file; errors and logs
// never show it. A server on another machine has to prove who it is: sslmode is verify-full unless
// the URL or PGSSLMODE says otherwise, and sslrootcert names the authority where it is not one of
// the system's. Weaker modes are possible and leave a warning in the log.
//
// A store opens at most [Options.ReadConnections] + 2 connections. Writes are put off and sent
// together, as arrays, before the first statement that reads what they change: a batch of a thousand
// objects costs a few dozen round trips. A pooler in front of the server must pool sessions, not
// transactions. For a backup there are pg_dump and the server's own means; [Store.Backup] says so.
// 100,000 identities take about a gigabyte.
//
// # Durability
//
// SQLite runs in WAL mode with synchronous=FULL, PostgreSQL as its server is configured: what
// [Store.Update] has committed survives the death of the process and, as far as the disk keeps its
// promises, a power cut. A process killed in the middle of an Update leaves a store without that Update.
// There is nothing to repair and no lock to remove.
//
// [Store.Check] verifies what should always be true, and says of each thing that is not what to do.
// [Store.Repair] puts right what follows from something else; everything else is in a backup, or in
// the directories: an empty store and an initial cycle find every object again by its source anchor.
//
// # Concurrency
//
// One connection writes and a few others read. Views work on a snapshot and neither wait
// for an Update nor make one wait. Updates queue up, within a process and, on PostgreSQL, over all
// processes; that another process holds the store for writing longer than [Options.BusyTimeout] is
// [metaverse.ErrStoreBusy]. A View must not be kept open for long: the write-ahead log of SQLite grows,
// and dead rows of PostgreSQL stay, as long as somebody reads an old snapshot. Starting an Update
// within an Update of the same goroutine waits for itself until its context ends.
//
// On PostgreSQL an Update is tried again when the server undoes it because of another transaction,
// or goes away; a server that is away is waited for, see [Options.Reconnect]. A commit whose answer was
// lost is looked up, so that nothing is done twice. A View whose connection is lost fails.
//
// # High availability
//
// Any number of processes may share a store on PostgreSQL. One holds the lease, by the clock of the
// server; the transactions of its steps check the fencing token and keep the lease from changing hands
// until they have ended. A successor undoes the transaction of a holder whose time is over. The lease
// has a connection of its own, so that long transactions do not keep it from being extended. On SQLite
// the lease does the same for processes of one machine; there, a process that is suspended
// in the middle of an Update keeps the file locked until it goes on or ends.
//
// # Records
//
// Objects are stored as small binary records: a format version, then attribute ids, kinds,
// lengths and values. The ids come from a table of names, are handed out once and never
// change. What has to be found or changed by itself, such as links, references, queues and join
// keys, has narrow tables of its own. [Store.Dump] writes everything as JSON lines.
//
// What objects hold is packed (S2), which costs a few microseconds for each. From the first objects
// that come together, 64 at least, a store learns texts that one in eight of them has, such as mail
// domains, companies and addresses, and keeps them among the names as a dictionary for all others. Values
// that tell people apart are never in it. Unpacking is bounded: a record of a forged file takes no
// more than a hundred times its own size.
//
// Attribute names of images, metaverse objects and modifications come back as they were
// spelled. Attribute names of references and of value keys are compared without regard to
// case and come back in the spelling in which the store first met them.
//
// # Upkeep
//
// The schema version is part of the database. Opening a store of an older version brings it
// forward in one transaction, as soon as nobody holds the lease: a new version of a program that is
// started as a standby waits for the old one to hand over, and says so ([Options.Waiting]). A program that finds the schema newer than
// it knows, when it opens the store or while it has it open, is refused with
// [metaverse.ErrNewerSchema] and writes nothing. So a rolling upgrade is: replace the standbys, then
// stop the active process.
//
// [Store.Check] verifies what should always be true of a store; the soundness of the database itself
// is verified on SQLite only, PostgreSQL has pg_amcheck. The files of SQLite belong to the account that
// made them (mode 0600): they hold personal data.
package sqlstore
