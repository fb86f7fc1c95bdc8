package metaverse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/rules"
)

// wholly is what a synchronisation holds of [Engine.syncing]; an export holds one.
const wholly = math.MaxInt64

// Options are the options of [New]. The zero value, or nil, is good.
type Options struct {
	// Logger receives one record for each step and debug records for objects. Nil
	// discards.
	Logger *slog.Logger
	// Progress, when not nil, is called during long steps, at most about ten times a
	// second, on the goroutine of the step.
	Progress func(Progress)
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Batch is the number of objects in one transaction; 0 means 1000.
	Batch int
	// ImportHold says when a full import is held because too many objects are missing.
	ImportHold ImportHold
	// DeletionThreshold is the number of pending deletions in one connector above which
	// an export stops before it sends anything: 0 means 500, negative means no limit.
	// Entra Connect: how-to-connect-sync-feature-prevent-accidental-deletes.
	DeletionThreshold int
	// Thresholds are further limits of exports, by connector, class and operation. They
	// hold beside DeletionThreshold.
	Thresholds []Threshold
	// AnchorAttribute is the attribute in which on-premises directories keep the source
	// anchor, mS-DS-ConsistencyGuid, where rules write it there; "" means none. No
	// directory gets a new object for an identity as long as an export of this attribute is
	// pending for it elsewhere: what the source anchor is must be settled before the cloud
	// knows it. Refused exports of the attribute therefore hold the identity back.
	AnchorAttribute string
	// Filters keep objects out of the metaverse: an object in the scope of any of these
	// inbound rules is a filtered disconnector, which neither joins nor projects. One that was
	// linked leaves its metaverse object, with all that follows. Their flows and joins have no
	// meaning. Nil means no filters.
	Filters *rules.Set
	// ErrorLimit is the number of object errors after which a step stops; 0 means 5000,
	// negative means no limit.
	ErrorLimit int
	// LeasePeriod is how long the lease of the store is good without being extended, which
	// happens three times as often. When a process dies or is cut off, another one can take
	// over after so long; a shorter period makes that quicker and short troubles more
	// expensive. 0 means [DefaultLeasePeriod]; the least is half a second, the most an hour.
	LeasePeriod time.Duration
}

// ImportHold says when a full import that would obsolete objects is held instead: when it
// would obsolete more than Fraction of the connector's objects and at least Minimum. An
// empty full import of a directory that had objects is held always.
type ImportHold struct {
	Fraction float64 // 0 means 0.1; negative means never
	Minimum  int     // 0 means 50
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Progress == nil {
		d.Progress = func(Progress) {}
	}
	d.Batch = orDefault(d.Batch, 1000)
	d.DeletionThreshold = orDefault(d.DeletionThreshold, 500)
	d.ErrorLimit = orDefault(d.ErrorLimit, 5000)
	d.ImportHold.Minimum = orDefault(d.ImportHold.Minimum, 50)
	if d.LeasePeriod == 0 {
		d.LeasePeriod = DefaultLeasePeriod
	}
	if d.ImportHold.Fraction == 0 {
		d.ImportHold.Fraction = 0.1
	}
	return d
}

func orDefault(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}

// An Engine imports, synchronises and exports. It is safe for concurrent use: steps of
// different connectors may run side by side, but two synchronisations, a synchronisation and an export,
// or two steps of one connector, never do. A synchronisation waits for exports, and exports for it.
type Engine struct {
	store      Store
	rules      *rules.Set
	joins      *joinPlan
	rulesByID  map[string]*rules.CompiledRule
	outboundTo map[string]bool // connectors that rules flow to
	connectors map[string]*target
	names      []string // in the order given
	opts       Options
	keeper     *keeper

	mu      sync.Mutex
	running map[string]StepKind // by connector, guarded by mu

	// syncing is held by the one synchronisation, or shared by exports: what one of them finds pending
	// and sends, a synchronisation could change its mind about meanwhile.
	syncing *semaphore.Weighted
}

// target is a connector with what the engine needs to know of it.
type target struct {
	connector.Connector
	name string
	caps connector.Capabilities

	// What rules write, spelled as they do.
	classes, exports []string
	deciding         map[string]bool // DN keys of groups that decide about scopes

	mu     sync.Mutex
	schema *schemaIndex // read once, guarded by mu
}

// New returns an engine over a store. The names of the connectors, by which rules refer to
// them, must be unique.
func New(store Store, set *rules.Set, connectors []connector.Connector, opts *Options) (*Engine, error) {
	e := &Engine{
		store: store, rules: set, joins: planJoins(set), opts: opts.withDefaults(),
		connectors: make(map[string]*target), running: make(map[string]StepKind),
		rulesByID: make(map[string]*rules.CompiledRule), outboundTo: make(map[string]bool),
		syncing: semaphore.NewWeighted(wholly),
	}
	problems := []error{validThresholds(e.opts.Thresholds)}
	if p := e.opts.LeasePeriod; p < minLeasePeriod || p > maxLeasePeriod {
		problems = append(problems, fmt.Errorf("LeasePeriod is %v, not %v to %v", p, minLeasePeriod, maxLeasePeriod))
	}
	e.keeper = &keeper{store: store, period: e.opts.LeasePeriod, log: e.opts.Logger}
	for _, c := range connectors {
		name := c.Info().Name
		if _, twice := e.connectors[name]; twice || name == "" {
			problems = append(problems, fmt.Errorf("connector name %q is empty or not unique", name))
			continue
		}
		e.connectors[name] = &target{
			Connector: c, name: name, caps: c.Capabilities(), classes: set.Classes(name), exports: set.ExportAttributes(name),
		}
		e.names = append(e.names, name)
		e.connectors[name].deciding = e.decidingGroups(e.connectors[name])
	}
	for _, r := range set.Rules() {
		e.rulesByID[r.ID] = r
		if r.Direction == rules.Outbound {
			e.outboundTo[r.Connector] = true
		}
		if _, ok := e.connectors[r.Connector]; !ok {
			problems = append(problems, fmt.Errorf("rule %q: there is no connector %q", r.Name, r.Connector))
		}
	}
	problems = append(problems, e.validFilters())
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("metaverse: %w", err)
	}
	return e, nil
}

// Connectors returns the names of the connectors in the order given to [New].
func (e *Engine) Connectors() []string { return slices.Clone(e.names) }

// Store returns the engine's store.
func (e *Engine) Store() Store { return e.store }

// Rules returns the engine's rules.
func (e *Engine) Rules() *rules.Set { return e.rules }

func (e *Engine) openOptions(ctx context.Context, t *target) (connector.OpenOptions, error) {
	o := connector.OpenOptions{
		Classes:    e.rules.Classes(t.name),
		Attributes: e.importAttributes(t.name),
		Logger:     e.opts.Logger.With("connector", t.name),
	}
	err := e.store.View(ctx, func(rd Reader) (err error) {
		o.Last, err = rd.Setting(settingWatermark + t.name)
		return err
	})
	return o, err
}
