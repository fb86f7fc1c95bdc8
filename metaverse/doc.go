// Package metaverse is the engine: connector spaces, the metaverse, and the three steps
// import, synchronise and export.
//
// # Words
//
// A connector space is the engine's staged copy of one connected directory. The metaverse
// holds one object for each identity, whose values the rules choose among those that the
// linked connector-space objects offer. A link is made by joining (the objects find each
// other), by projecting (a connector-space object makes its metaverse object) or by
// provisioning (a metaverse object makes a connector-space object). A pending import waits
// for synchronisation, a pending export for its export; what was exported is confirmed by
// the next import.
//
// # Steps
//
// An [Engine] runs one step of one connector at a time:
//
//	record, err := engine.Run(ctx, "contoso.test", metaverse.DeltaImport, nil)
//
// Import streams the directory's items into the connector space. Synchronise takes what is
// pending into the metaverse and computes pending exports for every connector; it touches
// no directory. Export sends them. Each step may be killed at any instant and repeated:
// it reads what is, computes what should be and writes the difference.
//
// # Who takes part
//
// Rules decide by their scopes whom they are for. Where a scope asks for members of a group, whoever
// joins or leaves it is evaluated by the next delta, though the directory tells of the group alone.
// Beside rules, [Options] has filters, whose objects are filtered disconnectors, and an operator may
// connect and disconnect objects. A
// delta step does the work of a full one, and says so, when rules, filters, the schema of a
// directory or what is read of it have changed ([WidenReason]).
//
// # Safety
//
// A deletion is computed only from a full import that was complete and without errors, or
// from a directory's own word. A full import that misses suspiciously many objects, and an
// export with too many deletions, are held ([ErrHeld]). Before a change is sent, the store
// notes that its fate is unknown; what stays unknown is settled by reading the directory.
//
// Where DNs are places in a tree, what is above comes first and is deleted last, and a rename waits
// until its place is free. Of objects that take each other's names one is put aside for a moment,
// as "hybridsync-" and 16 digits in its own container; should the process die just then, the next
// export goes on.
//
// # References
//
// References such as group members are kept, computed and exported value by value. One
// new member of a large group is one row, one check and one small change. An object with
// more references than its directory takes, or than a rule allows, is frozen: it is reported
// and no change of them is exported until there are fewer.
//
// # Looking ahead, and back
//
// [Engine.Preview] synchronises one object and takes it back; [Engine.WhatIf] does so for
// the whole population, on a copy of the store, for other rules or settings.
// [Engine.Explain] and [Engine.Lineage] tell why a value is what it is, [Engine.SearchCS]
// and [Engine.SearchMV] find objects, and [Engine.SyncObject] takes one object through all
// steps at once. [Engine.Connect] and [Engine.Disconnect] link by an operator's decision.
//
// # Errors
//
// Trouble with one object is recorded ([ObjectError]), the object is tried again in the
// next run, and the step goes on. Errors of the directory or of the store stop the step;
// [Engine.Run] returns them as [*StepError] together with the record of what was done.
//
// # Stores
//
// State lives in a [Store]; package sqlstore has one on SQLite. Package metaversetest
// proves stores.
//
// # Memory
//
// A step holds a few batches of objects, however many there are, and throws away some 30 kB for each
// object that it has dealt with. A program that may use half a gigabyte saves up to a fifth of its
// processor time by collecting that more rarely: GOGC=300 with GOMEMLIMIT=416MiB, or the
// same from package runtime/debug, as the example program does.
package metaverse
