package metaverse

import "time"

// A StepKind is what a run step does. The texts are stored and appear in results.
type StepKind string

// The kinds of run steps.
const (
	FullImport  StepKind = "full-import"
	DeltaImport StepKind = "delta-import"
	FullSync    StepKind = "full-sync"
	DeltaSync   StepKind = "delta-sync"
	Export      StepKind = "export"
	// ObjectSync is the kind of the records that [Engine.SyncObject] leaves. [Engine.Run]
	// does not take it.
	ObjectSync StepKind = "object"
)

// A RunResult is how a run step ended, in the words of Microsoft Entra Connect. Results
// beginning with "stopped" or "no-start" mean that the step did not complete.
type RunResult string

// The results of run steps.
const (
	ResultRunning         RunResult = "in-progress"
	ResultSuccess         RunResult = "success"
	ResultWarnings        RunResult = "completed-warnings"
	ResultSyncErrors      RunResult = "completed-sync-errors"
	ResultExportErrors    RunResult = "completed-export-errors"
	ResultDiscoveryErrors RunResult = "completed-discovery-errors"
	ResultTransient       RunResult = "completed-transient-objects"
	// ResultStoppedServerDown: the directory went away in mid-step.
	ResultStoppedServerDown RunResult = "stopped-server-down"
	// ResultStoppedCredentials: the directory stopped accepting the account.
	ResultStoppedCredentials RunResult = "stopped-bad-server-credentials"
	// ResultStoppedCancelled: the caller stopped the step.
	ResultStoppedCancelled RunResult = "stopped-user-termination"
	// ResultStoppedDeletionThreshold: more deletions than allowed; nothing was sent.
	ResultStoppedDeletionThreshold RunResult = "stopped-deletion-threshold-exceeded"
	// ResultStoppedExportThreshold: more adds or updates than allowed; nothing was sent.
	ResultStoppedExportThreshold RunResult = "stopped-export-threshold-exceeded"
	// ResultStoppedImportHeld: a full import would have removed suspiciously many objects.
	ResultStoppedImportHeld RunResult = "stopped-import-held"
	ResultStoppedErrorLimit RunResult = "stopped-error-limit"
	ResultStoppedDiskFull   RunResult = "stopped-disk-full"
	ResultStoppedDatabase   RunResult = "stopped-database-connection-lost"
	// ResultStoppedLeaseLost: another process has taken over.
	ResultStoppedLeaseLost RunResult = "stopped-lease-lost"
	// ResultStoppedInterrupted: the process was killed or lost the lease before it could
	// record the end of the step; the next holder of the lease did.
	ResultStoppedInterrupted RunResult = "stopped-interrupted"
	ResultStoppedUnexpected  RunResult = "stopped-unexpected-data"
	// ResultNoStartCredentials: the step could not start, the credentials are wrong.
	ResultNoStartCredentials RunResult = "no-start-credentials"
	// ResultNoStartConnection: the step could not start, the directory was not reached or
	// not trusted.
	ResultNoStartConnection RunResult = "no-start-connection"
	// ResultNoStartRunning: the connector has a run already.
	ResultNoStartRunning RunResult = "no-start-ma-already-running"
	// ResultNoStartStaging: the store is in staging mode; nothing was sent.
	ResultNoStartStaging RunResult = "no-start-staging-mode"
	// ResultStoppedStaging: the store went into staging mode in mid-export.
	ResultStoppedStaging RunResult = "stopped-staging-mode"
)

// Counters count what a run step did. In an import adds, updates, renames, deletes and
// unchanged count staged objects; in a synchronisation the first group stays 0; in an
// export they count changes carried out.
type Counters struct {
	Adds      int64 `json:"adds"`
	Updates   int64 `json:"updates"`
	Renames   int64 `json:"renames"` // those of the updates that gave another DN
	Deletes   int64 `json:"deletes"`
	Unchanged int64 `json:"unchanged"`
	Errors    int64 `json:"errors"`
	Warnings  int64 `json:"warnings"`

	// Synchronisation only.
	Evaluated     int64 `json:"evaluated,omitempty"`     // objects whose rules were evaluated
	References    int64 `json:"references,omitempty"`    // reference values looked at
	Projected     int64 `json:"projected,omitempty"`     // metaverse objects made
	Joined        int64 `json:"joined,omitempty"`        // links made to existing metaverse objects
	Disconnected  int64 `json:"disconnected,omitempty"`  // links taken away
	Disconnectors int64 `json:"disconnectors,omitempty"` // evaluated objects left without a link
	MVDeleted     int64 `json:"mvDeleted,omitempty"`     // metaverse objects removed
	Provisioned   int64 `json:"provisioned,omitempty"`   // connector-space objects made
	Deprovisioned int64 `json:"deprovisioned,omitempty"` // connector-space objects to be deleted
	ExportsStaged int64 `json:"exportsStaged,omitempty"` // objects whose pending export changed

	// Imports and exports.
	Confirmed   int64 `json:"confirmed,omitempty"`   // exported changes that the import showed
	Unconfirmed int64 `json:"unconfirmed,omitempty"` // exported changes that it did not show
	Retries     int64 `json:"retries,omitempty"`     // changes put off to a later run
	Deferred    int64 `json:"deferred,omitempty"`    // changes not tried: put off by earlier runs, and not due yet
	RefAdds     int64 `json:"refAdds,omitempty"`     // reference values added
	RefDeletes  int64 `json:"refDeletes,omitempty"`  // reference values deleted
}

// A RunRecord is one run step in the history.
type RunRecord struct {
	ID        int64  `json:"id"`
	Connector string `json:"connector"`
	// Token is the fencing token of the lease under which the step ran.
	Token    int64     `json:"token,omitempty"`
	Step     StepKind  `json:"profile"`
	Result   RunResult `json:"result"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended"` // zero while in progress
	Counters Counters  `json:"counters"`
	// Objects is the number of objects looked at: imported, synchronised or exported.
	Objects int64  `json:"objects"`
	Error   string `json:"error,omitempty"` // why the step did not complete
	// Held says which limits stopped the step; see [RunOptions.AcceptRun].
	Held []Excess `json:"held,omitempty"`
	// Reason says why the step was asked for as it was, where somebody gave one.
	Reason string `json:"reason,omitempty"`
	// Widened says why a delta step did the work of a full one, if it did.
	Widened WidenReason `json:"widened,omitempty"`
	// Notes are things that an operator should read, such as attributes that the directory
	// does not let be written.
	Notes []string `json:"notes,omitempty"`
}
