package metaverse

import (
	"context"
	"errors"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// Conditions of stores to branch on.
var (
	// ErrNewerSchema: a newer version of the library has written the store.
	ErrNewerSchema = errors.New("store was written by a newer version")
	// ErrStoreFull: there is no space left. What was committed is good.
	ErrStoreFull = errors.New("no space left for the store")
	// ErrStoreBusy: another process holds the store for writing.
	ErrStoreBusy = errors.New("store is in use by another process")
	// ErrCorrupt: a stored record cannot be decoded.
	ErrCorrupt = errors.New("store is damaged")
)

// A Store keeps connector spaces, the metaverse and the history of runs. It is one full
// interface, owned by this package and proved by package metaversetest.
//
// Methods take and return batches, because a round trip for each row would make a
// database server many times slower than it is. Results of look-ups come in the order of
// the arguments. Slices given to a method are not kept; objects returned belong to the
// caller.
//
// A Store is safe for concurrent use. Any number of View calls run beside one Update;
// further Updates wait.
type Store interface {
	// View calls fn with a consistent picture of the store.
	View(ctx context.Context, fn func(Reader) error) error
	// Update calls fn in a transaction that is committed when fn returns nil and has no
	// effect otherwise, nor when a method of Tx has failed in between. After a commit the data survive the death of the process. fn may
	// be called again after a conflict, so it must not have effects beside those on Tx.
	Update(ctx context.Context, fn func(Tx) error) error
	// Backup writes a consistent copy to path, which must not exist, while the store is
	// in use. Stores that have tools of their own for this return errors.ErrUnsupported.
	Backup(ctx context.Context, path string) error
	// Close releases the store. It is idempotent.
	Close() error

	// AcquireLease gives the lease to the holder for the period. It fails with a
	// [*LeaseHeldError] while somebody else has it whom gone does not know to have ended; nil
	// knows of nobody. An Update that its holder has under way is waited for, or undone.
	AcquireLease(ctx context.Context, h Holder, period time.Duration, gone func(Holder) bool) (Lease, error)
	// RenewLease extends the lease to the period from now. The error matches [ErrLeaseLost]
	// when another one has acquired it since.
	RenewLease(ctx context.Context, token int64, period time.Duration) error
	// ReleaseLease gives the lease back, if the token is still that of the lease.
	ReleaseLease(ctx context.Context, token int64) error
	// Lease returns the lease as it is.
	Lease(ctx context.Context) (Lease, error)
}

// A Reader reads a store within View or Update. It must not be used afterwards, nor by
// several goroutines.
type Reader interface {
	// Connectors returns the names of the connectors whose spaces hold objects, in order.
	Connectors() ([]string, error)
	// CS returns the objects, nil for those that do not exist.
	CS(ids []CSID) ([]*CSObject, error)
	// CSHeads returns the objects without their images, which makes them much cheaper.
	CSHeads(ids []CSID) ([]*CSObject, error)
	// CSLinks returns the links of the objects that have one, in no particular order. That is
	// cheaper still.
	CSLinks(ids []CSID) ([]CSLink, error)
	// CSByAnchor returns the object with each anchor in the connector space, 0 for none.
	CSByAnchor(connector string, anchors []connector.Anchor) ([]CSID, error)
	// CSByDN returns the object with each DN key in the connector space, 0 for none.
	CSByDN(connector string, dnKeys []string) ([]CSID, error)
	// CSByValue returns for each value key the objects of the connector space that are
	// indexed under it, in id order.
	CSByValue(connector string, keys []ValueKey) ([][]CSID, error)
	// ScanCS returns up to limit objects of the connector space with ids above after, in
	// id order, placeholders included.
	ScanCS(connector string, after CSID, limit int) ([]*CSObject, error)
	// CountCS counts the objects of a connector space.
	CountCS(connector string) (CSCounts, error)
	// CountPendingImports counts what PendingImports would return in all.
	CountPendingImports(connector string) (int64, error)
	// PendingImports returns up to limit objects of the connector space with a pending
	// import and ids above after, in id order.
	PendingImports(connector string, after CSID, limit int) ([]CSID, error)
	// Unseen returns up to limit imported objects of the connector space with ids above
	// after that were not marked seen, in id order. Placeholders, objects that were never
	// imported and objects whose pending import is a deletion are left out.
	Unseen(connector string, after CSID, limit int) ([]CSID, error)
	// CountUnseen counts what Unseen would return in all.
	CountUnseen(connector string) (int64, error)

	// CSRefs returns up to limit values of the reference attribute of source, with target
	// ids above after, in id order. limit 0 means all.
	CSRefs(source CSID, attribute string, after CSID, limit int) ([]CSID, error)
	// CountCSRefs returns the number of values that CSRefs has in all.
	CountCSRefs(source CSID, attribute string) (int64, error)
	// CSRefNames returns the names of the reference attributes that source has values of.
	CSRefNames(source CSID) ([]string, error)
	// HasCSRefs reports for each reference whether it exists.
	HasCSRefs(refs []CSRef) ([]bool, error)
	// ReferredTo reports for each object whether any reference to it exists.
	ReferredTo(targets []CSID) ([]bool, error)
	// CSRefsFrom returns the values of the reference attributes, in no particular order; if linked
	// is set, only those that refer to objects with a link. Attribute "" means all of an object.
	// It stops at limit.
	CSRefsFrom(sources []CSRefAttribute, linked bool, limit int) ([]CSRef, error)
	// CSRefsTo returns the references to the objects from objects with a link, in no particular
	// order. It stops at limit.
	CSRefsTo(targets []CSID, limit int) ([]CSRef, error)
	// Referrers returns up to limit objects with ids above after that refer to the target by
	// any attribute, in id order.
	Referrers(target, after CSID, limit int) ([]CSID, error)

	// MV returns the metaverse objects, nil for those that do not exist.
	MV(ids []MVID) ([]*MVObject, error)
	// MVHeads returns the objects without their attributes, which makes them cheaper.
	MVHeads(ids []MVID) ([]*MVObject, error)
	// MVByValue returns for each value key the metaverse objects that are indexed under
	// it, in id order.
	MVByValue(keys []ValueKey) ([][]MVID, error)
	// ScanMV returns up to limit metaverse objects with ids above after, in id order.
	ScanMV(after MVID, limit int) ([]*MVObject, error)
	// CountMV counts metaverse objects by class.
	CountMV() (map[string]int64, error)
	// LinkedCS returns for each metaverse object the ids of its connector-space objects,
	// in id order.
	LinkedCS(ids []MVID) ([][]CSID, error)
	// MVRefs returns up to limit values of the copied reference attribute with target ids
	// above after, in id order. limit 0 means all.
	MVRefs(source MVID, attribute string, after MVID, limit int) ([]MVID, error)
	// CountMVRefs returns the number of values that MVRefs has in all.
	CountMVRefs(source MVID, attribute string) (int64, error)
	// HasMVRefs reports for each reference whether it exists.
	HasMVRefs(refs []MVRef) ([]bool, error)

	// RefWork returns up to limit entries of the reference queue, in an order that keeps
	// entries of one kind and source together.
	RefWork(limit int) ([]RefWork, error)

	// PendingExport returns the pending exports of the objects, nil for those without.
	PendingExport(ids []CSID) ([]*PendingExport, error)
	// PendingExportHeads returns the pending exports of the objects without Pending and Sent, which
	// makes them much cheaper.
	PendingExportHeads(ids []CSID) ([]*PendingExport, error)
	// ScanPendingExports returns up to limit pending exports of the connector space with
	// something to send (Op not 0), with CS ids above after, in id order.
	ScanPendingExports(connector string, after CSID, limit int) ([]*PendingExport, error)
	// CountPendingExports counts pending exports with something to send by operation and
	// class of the object.
	CountPendingExports(connector string) ([]ExportCount, error)
	// ExportRefs returns up to limit pending changes of references of source, in order of
	// attribute and target; sent says whether to return those sent or those not sent.
	// after is the last one of the page before, the zero ExportRef for the first page.
	ExportRefs(source CSID, sent bool, after ExportRef, limit int) ([]ExportRef, error)
	// HasExportRefs reports for each source whether it has pending changes of references
	// that were not sent, and whether it has some that were.
	HasExportRefs(sources []CSID) (unsent, sent []bool, err error)
	// FindExportRefs returns for each (source, attribute, target) its pending change and
	// whether there is one.
	FindExportRefs(refs []CSRef) ([]ExportRef, []bool, error)

	// Setting returns the value kept under a key, nil if there is none.
	Setting(key string) ([]byte, error)
	// Settings returns all keys with the prefix, with their values.
	Settings(prefix string) (map[string][]byte, error)
	// Configuration returns a version of the configuration, the newest for version 0, nil
	// if there is none.
	Configuration(version int64) (*Configuration, error)
	// Configurations returns up to limit versions of the configuration without their texts,
	// newest first, that are older than the version before; before 0 means from the newest.
	Configurations(before int64, limit int) ([]Configuration, error)

	// Runs returns up to limit run steps, newest first, of the connector or, with "", of
	// all, that are older than the step before; before 0 means from the newest.
	Runs(connector string, before int64, limit int) ([]RunRecord, error)
	// ObjectErrors returns up to limit current errors of the connector or, with "", of
	// all, in order of CS id, after the given one. Errors of unknown objects (CS 0) come
	// first, all of them, and only when after is -1. Pages hold whole objects: the errors of
	// one object that alone exceed the limit come together.
	ObjectErrors(connector string, after CSID, limit int) ([]ObjectError, error)
}

// A Tx reads and writes a store within Update. Reads see the writes made before them. A store
// may put writes off, so that they cost no round trip each: the error of one may come from a
// later method, or from Update.
type Tx interface {
	Reader

	// Fence fails, with an error matching [ErrLeaseLost], unless the token is that of the
	// store's lease, which then stays with its holder until the Update has ended.
	Fence(token int64) error

	// NewCS reserves n consecutive ids and returns the first. Ids are never reused.
	NewCS(n int) (CSID, error)
	// PutCS writes objects: class, anchor, DN, partition, state and image. It writes
	// neither Pending nor Link. Anchors and DN keys must be unique in the connector space
	// when the call returns; within one call objects may swap them. Anchors may be unset
	// for any number of objects.
	PutCS(objects []*CSObject) error
	// PutCSState writes only the states of objects. What has a link is [Connected] whatever was
	// written; without its link it is again what was written last.
	PutCSState(ids []CSID, state CSState) error
	// DeleteCS removes objects with their links, values, pending imports and exports,
	// errors and all references from and to them. Exports of other objects that were waiting for
	// nothing but references to them to be confirmed go, too.
	DeleteCS(ids []CSID) error
	// SetPendingImport puts objects into the queue of pending imports, replacing what was
	// there. ImportNone takes them out.
	SetPendingImport(op ImportOp, ids []CSID) error
	// SetPendingImportAll puts every imported object of the connector space that has no
	// pending import into the queue as ImportUpdate, for full synchronisation, together
	// with disconnectors, and returns how many. Placeholders stay out.
	SetPendingImportAll(connector string) (int64, error)
	// SetLink writes the links of objects, given by id. A link with MV 0 removes.
	SetLink(ids []CSID, links []Link) error
	// SetCSValues replaces the index entries of objects, each of which comes once.
	SetCSValues(ids []CSID, keys [][]ValueKey) error
	// MarkSeen notes that a full import has shown the objects.
	MarkSeen(connector string, ids []CSID) error
	// ClearSeen forgets all marks of the connector space.
	ClearSeen(connector string) error

	// AddCSRefs adds references; those that exist already are no error.
	AddCSRefs(refs []CSRef) error
	// DeleteCSRefs deletes references; those that do not exist are no error.
	DeleteCSRefs(refs []CSRef) error
	// MoveCSRefsTo makes all references to one object refer to another one instead.
	MoveCSRefsTo(from, to CSID) error

	// NewMV reserves n consecutive ids and returns the first. Ids are never reused.
	NewMV(n int) (MVID, error)
	// PutMV writes metaverse objects.
	PutMV(objects []*MVObject) error
	// DeleteMV removes metaverse objects with their values and all references from and to
	// them. They must have no links any more.
	DeleteMV(ids []MVID) error
	// SetMVValues replaces the index entries of metaverse objects, each of which comes once.
	SetMVValues(ids []MVID, keys [][]ValueKey) error
	// AddMVRefs adds references; those that exist already are no error.
	AddMVRefs(refs []MVRef) error
	// DeleteMVRefs deletes references; those that do not exist are no error.
	DeleteMVRefs(refs []MVRef) error

	// QueueRefWork adds entries to the reference queue; the queue is a set.
	QueueRefWork(work []RefWork) error
	// QueueCSRefsFrom queues every value of the reference attributes as WorkCS; attribute
	// "" means all of an object.
	QueueCSRefsFrom(sources []CSRefAttribute) error
	// QueueCSRefsTo queues every reference to the objects as WorkCS.
	QueueCSRefsTo(targets []CSID) error
	// QueueMVRefsFrom queues every value of the copied reference attributes as WorkMV;
	// attribute "" means all of an object.
	QueueMVRefsFrom(sources []MVRefAttribute) error
	// QueueMVRefsTo queues every copied reference to the objects as WorkMV.
	QueueMVRefsTo(targets []MVID) error
	// DeleteRefWork removes entries from the reference queue.
	DeleteRefWork(work []RefWork) error

	// PutPendingExport writes pending exports.
	PutPendingExport(exports []*PendingExport) error
	// SetExportOp writes only the operation of the objects' pending exports, and that there are
	// references to send. Objects without a pending export stay without.
	SetExportOp(ids []CSID, op connector.ChangeOp, references bool) error
	// DeletePendingExport removes the pending exports of the objects, with their
	// [ExportRef] rows.
	DeletePendingExport(ids []CSID) error
	// PutExportRefs writes pending changes of references, one for each (source,
	// attribute, target).
	PutExportRefs(refs []ExportRef) error
	// DeleteExportRefs removes pending changes of references, whatever their Delete and
	// Sent are.
	DeleteExportRefs(refs []CSRef) error

	// PutSetting keeps a value under a key; nil removes it.
	PutSetting(key string, value []byte) error

	// PutConfiguration adds a version of the configuration, with the author, time and text
	// given, and returns it. A text that equals that of the newest version adds nothing: the
	// newest is returned as it is.
	PutConfiguration(c Configuration) (*Configuration, error)

	// PutRun writes a run step. ID 0 asks for a new one. It returns the id.
	PutRun(r *RunRecord) (int64, error)
	// DeleteRuns removes run steps that ended before the time and returns how many.
	DeleteRuns(before time.Time) (int64, error)
	// PutObjectErrors records errors: an entry with the same CS, step, code, attribute and
	// rule keeps its First and counts up; other entries of the same CS and step are
	// replaced. Entries with CS 0 are told apart by connector and Object instead.
	PutObjectErrors(errs []ObjectError) error
	// ClearObjectErrors removes the errors of the objects in the step.
	ClearObjectErrors(step string, ids []CSID) error
	// ClearUnknownErrors removes the errors with CS 0 of the connector in the step.
	ClearUnknownErrors(connector, step string) error
}

// CSCounts counts the objects of a connector space.
type CSCounts struct {
	Objects       int64 `json:"objects"`       // all but placeholders
	Imported      int64 `json:"imported"`      // shown by the directory
	Connected     int64 `json:"connected"`     // linked to the metaverse
	Disconnectors int64 `json:"disconnectors"` // not linked, of any kind
	Placeholders  int64 `json:"placeholders"`
	PendingImport int64 `json:"pendingImport"` // waiting for synchronisation
	PendingExport int64 `json:"pendingExport"` // waiting for export
	Unconfirmed   int64 `json:"unconfirmed"`   // exported, waiting for an import to confirm
	Errors        int64 `json:"errors"`        // objects with a current error
}

// An ExportCount counts pending exports of one sort.
type ExportCount struct {
	Op    connector.ChangeOp
	Class string
	Count int64
}
