// Package scheduler runs sync cycles: import, synchronise and export of all connectors, in
// the order in which Microsoft Entra Connect's scheduler runs them, at an interval.
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
// (how-to-connect-sync-feature-scheduler). A step that fails does not keep unrelated steps
// from running: an unreachable directory holds up nobody else. One thing is related: a
// directory whose import failed in a cycle is not exported to in that cycle, because what
// it holds is not known well enough.
//
// # Program
//
//	s, err := scheduler.New(engine, []scheduler.Connector{
//		{Name: "contoso.test"},
//		{Name: "tenant", Cloud: true},
//	}, nil)
//	cycle, err := s.Cycle(ctx, scheduler.Delta)
//
// [Scheduler.Run] runs cycles until its context ends.
//
// # Concurrency
//
// A Scheduler is safe for concurrent use; it never runs two cycles at a time.
package scheduler
