package scheduler

import (
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// A Policy says how much a cycle reads and evaluates.
type Policy string

// The policies.
const (
	Delta   Policy = "delta"   // what changed
	Initial Policy = "initial" // everything
)

// A Step is one run step of a cycle's plan.
type Step struct {
	Connector string
	Kind      metaverse.StepKind
	// Reason says why the step is a full one, or runs at all, where it would not be expected.
	Reason string
}

// A StepRecord is a step that has ended.
type StepRecord struct {
	Step
	Run *metaverse.RunRecord
	Err error // why it did not complete
	// Errors counts, after a step with object errors, the objects by error name.
	Errors map[string]int64
}

// A Cycle is what one sync cycle did.
type Cycle struct {
	Policy  Policy
	Started time.Time
	Ended   time.Time
	// Steps holds the records in the order of the plan. Imports, and exports, may have run
	// side by side.
	Steps []*metaverse.RunRecord
	// Skipped says which steps did not run, and why.
	Skipped []SkippedStep
	// Staging says that the store was in staging mode, so that nothing was exported.
	Staging bool
}

// A SkippedStep is a step that a cycle left out.
type SkippedStep struct {
	Step
	Why string
}

// Result is the worst result of the cycle's steps: the first that stopped, else the first
// that completed with errors, else the first with warnings, else success.
func (c *Cycle) Result() metaverse.RunResult {
	worst := metaverse.ResultSuccess
	for _, s := range c.Steps {
		if severity(s.Result) > severity(worst) {
			worst = s.Result
		}
	}
	return worst
}

func severity(r metaverse.RunResult) int {
	switch r {
	case metaverse.ResultSuccess:
		return 0
	case metaverse.ResultWarnings, metaverse.ResultTransient:
		return 1
	case metaverse.ResultSyncErrors, metaverse.ResultExportErrors, metaverse.ResultDiscoveryErrors:
		return 2
	default:
		return 3
	}
}

func isImport(k metaverse.StepKind) bool {
	return k == metaverse.FullImport || k == metaverse.DeltaImport
}
func isSync(k metaverse.StepKind) bool { return k == metaverse.FullSync || k == metaverse.DeltaSync }
