package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// An Engine is what the scheduler needs of a [metaverse.Engine].
type Engine interface {
	Run(ctx context.Context, connector string, kind metaverse.StepKind, o *metaverse.RunOptions) (*metaverse.RunRecord, error)
}

// A Connector is a connector as the scheduler sees it.
type Connector struct {
	Name  string // as the engine knows it
	Cloud bool   // a cloud directory, as opposed to an on-premises one
	// ReadOnly connectors are never exported to.
	ReadOnly bool
}

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
}

// A Cycle is what one sync cycle did.
type Cycle struct {
	Policy  Policy
	Started time.Time
	Ended   time.Time
	// Steps holds the records in the order in which the steps ran.
	Steps []*metaverse.RunRecord
	// Skipped says which steps did not run, and why.
	Skipped []SkippedStep
}

// A SkippedStep is a step that a cycle left out.
type SkippedStep struct {
	Step
	Reason string
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

// Plan returns the steps of a cycle in the order in which it runs them.
func (s *Scheduler) Plan(p Policy) []Step {
	imp, sync := metaverse.DeltaImport, metaverse.DeltaSync
	if p == Initial {
		imp, sync = metaverse.FullImport, metaverse.FullSync
	}
	var onPremises, cloud []Connector
	for _, c := range s.connectors {
		if c.Cloud {
			cloud = append(cloud, c)
		} else {
			onPremises = append(onPremises, c)
		}
	}
	var plan []Step
	for _, kind := range []metaverse.StepKind{imp, sync} {
		for _, c := range slices.Concat(onPremises, cloud) {
			plan = append(plan, Step{c.Name, kind})
		}
	}
	for _, c := range slices.Concat(cloud, onPremises) {
		if !c.ReadOnly {
			plan = append(plan, Step{c.Name, metaverse.Export})
		}
	}
	return plan
}

// Cycle runs one cycle. It returns what was done always. The error joins those of the
// steps that did not complete ([*metaverse.StepError]); steps that completed with object
// errors have none. While another cycle runs it fails with [ErrRunning].
func (s *Scheduler) Cycle(ctx context.Context, p Policy) (*Cycle, error) {
	if !s.running.TryLock() {
		return &Cycle{Policy: p}, ErrRunning
	}
	defer s.running.Unlock()
	return s.cycle(ctx, p)
}

func (s *Scheduler) cycle(ctx context.Context, p Policy) (*Cycle, error) {
	c := &Cycle{Policy: p, Started: time.Now()}
	var failed []error
	blind := make(map[string]bool) // connectors whose import failed
	for _, step := range s.Plan(p) {
		if ctx.Err() != nil {
			c.Skipped = append(c.Skipped, SkippedStep{step, "the cycle was stopped"})
			continue
		}
		if step.Kind == metaverse.Export && blind[step.Connector] {
			c.Skipped = append(c.Skipped, SkippedStep{step, "the import of the same connector did not complete"})
			continue
		}
		record, err := s.engine.Run(ctx, step.Connector, step.Kind, nil)
		if record != nil {
			c.Steps = append(c.Steps, record)
		}
		if err != nil {
			failed = append(failed, err)
			blind[step.Connector] = blind[step.Connector] || step.Kind == metaverse.FullImport || step.Kind == metaverse.DeltaImport
		}
	}
	c.Ended = time.Now()
	s.opts.Logger.Info("sync cycle ended", "policy", string(p), "result", string(c.Result()),
		"steps", len(c.Steps), "skipped", len(c.Skipped), "duration", c.Ended.Sub(c.Started))
	if err := context.Cause(ctx); err != nil {
		failed = append(failed, fmt.Errorf("scheduler: the cycle was stopped: %w", err))
	}
	return c, errors.Join(failed...)
}
