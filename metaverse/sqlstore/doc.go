// Package sqlstore keeps a metaverse in a SQLite database: one file, no server, no cgo. It
// implements [metaverse.Store].
//
//	store, err := sqlstore.Open(ctx, "/var/lib/hybridsync/state.db", nil)
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// # Durability
//
// The database runs in WAL mode with synchronous=FULL: what [Store.Update] has committed
// survives the death of the process and, as far as the disk keeps its promises, a power
// cut. A process killed in the middle of an Update leaves a store without that Update. There is
// nothing to repair and no lock to remove.
//
// # Concurrency
//
// One connection writes and a few others read. Views work on a snapshot and neither wait
// for an Update nor make one wait. Updates of one process queue up; that another process
// holds the store for writing longer than [Options.BusyTimeout] is
// [metaverse.ErrStoreBusy]. A View must not be kept open for long: the write-ahead log grows
// as long as somebody reads an old snapshot. Starting an Update within an Update of the same
// goroutine waits for itself until its context ends.
//
// # Records
//
// Objects are stored as small binary records: a format version, then attribute ids, kinds,
// lengths and values. The ids come from a table of names, are handed out once and never
// change. What has to be found or changed by itself, such as links, references, queues and join
// keys, has narrow tables of its own. [Store.Dump] writes everything as JSON lines.
//
// Attribute names of images, metaverse objects and modifications come back as they were
// spelled. Attribute names of references and of value keys are compared without regard to
// case and come back in the spelling in which the store first met them.
//
// # Upkeep
//
// The schema version is part of the file. Opening a store of an older version brings it
// forward in one transaction; a newer one is refused with [metaverse.ErrNewerSchema].
// [Store.Backup] copies the store while it is in use and [Store.Check] verifies what should
// always be true of it. The files belong to the account that made them (mode 0600): they
// hold personal data.
package sqlstore
