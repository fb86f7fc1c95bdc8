// Package connector is the contract between a connected directory and the sync engine.
//
// A connector is the module for one connected directory: it imports the directory's
// objects as a stream of items and exports changes to it. It decides nothing: joins,
// attribute flows, deletions and order belong to the engine in package metaverse.
//
// # Words
//
// An anchor identifies an object within its own directory for as long as the object lives
// (objectGUID in Active Directory). A DN says where the object is; it may change. A
// watermark lets the next run ask for what changed since this one; a checkpoint lets an
// interrupted run go on where it stopped.
//
// # Writing a connector
//
// Implement [Connector] and a [Session]. Then add, on the session, the capability
// interfaces that the directory can honour: [FullImporter], [DeltaImporter],
// [ObjectReader], [Exporter], [Preflighter]. Declare the same in [Capabilities]; package
// connectortest holds both against each other and against what the connector really does.
// Package memdir is a connector to read first.
//
// # Import
//
// An import is an iterator of [Item]. Its last item is Complete, or the import was partial:
// the engine keeps what it received, deletes nothing and does not move the watermark. A
// non-nil error is the last pair of the stream. Trouble with a single object travels on
// that object's item as [Item.Err], and the stream goes on.
//
// # Export
//
// [Exporter.Export] takes a batch of [Change] and returns one [Result] for each, in order.
// A change whose fate is not known is Unknown, never an error of the batch: the engine
// settles it by reading before it sends anything again. Right before each request that
// changes something, a connector asks [MayWrite]: the process may have lost its place to
// another one since Export was called.
//
// # Errors
//
// Conditions to branch on are sentinels ([ErrWatermarkExpired], [ErrAuthentication] and so
// on) found with [errors.Is]; context is in [*Error]. [IsTransient] tells whether trying
// again later can help. Message text may change at any time.
//
// # Concurrency
//
// A Connector is safe for concurrent use. A Session is not: one run step owns it. An import and
// the reads of single objects within it may run on different goroutines, never at once.
package connector
