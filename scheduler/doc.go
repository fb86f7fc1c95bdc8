// Package scheduler runs sync cycles: import, synchronise and export of all connectors, in
// the order in which Microsoft Entra Connect's scheduler runs them, when a schedule says so.
//
// # Words
//
// A run step is one import, synchronisation or export of one connector. A cycle is the
// sequence of steps for all connectors. A delta cycle takes in what changed since the last
// one; an initial cycle reads and evaluates everything.
//
// # Order
//
// On-premises directories are imported first, then the cloud; on-premises directories are
// synchronised first, then the cloud; exports go to the cloud first, then on-premises
// (how-to-connect-sync-feature-scheduler), but for directories that are given the source
// anchor: see [Connector.ExportFirst]. Imports of different connectors run side by side,
// and so do exports; synchronisations never do. A step that fails does not keep unrelated
// steps from running: an unreachable directory holds up nobody else. One thing is related: a
// directory whose import failed in a cycle is not exported to in that cycle, because what
// it holds is not known well enough.
//
// # Full steps
//
// Changed rules, other filters, new attributes, a watermark that is gone or an import that is
// too old make single steps of a delta cycle full ones. Nobody has to remember that:
// [Scheduler.Plan] decides, and the reason is kept in the history. [Control.Require] asks for
// full steps by hand.
//
// # Program
//
//	s, err := scheduler.New(engine, []scheduler.Connector{
//		{Name: "contoso.test"},
//		{Name: "tenant", Cloud: true},
//	}, nil)
//	cycle, err := s.Cycle(ctx, scheduler.Delta)
//
// [Scheduler.Run] runs cycles until it is stopped. It keeps its state in the store, so that a
// restarted process keeps the rhythm, and takes its orders from there: a [Control] of the
// same store, in whichever process, suspends and resumes it, starts and stops cycles, and
// tells what it is doing. A suspended scheduler raises alarms instead of falling silent.
//
// # Events
//
// What an operator may want to hear of is an [Event] with a stable number, in the log and for
// [Options.OnEvent]; EVENTS.md is the table. No event holds names or attribute values of
// people. [Scheduler.Health] tells liveness, readiness and staleness apart.
//
// # Concurrency
//
// A Scheduler is safe for concurrent use; it never runs two cycles at a time.
package scheduler
