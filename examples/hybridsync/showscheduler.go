package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/scheduler"
)

// showScheduler prints what the scheduler of the store does, whichever process runs it.
func (i *invocation) showScheduler(st *scheduler.Status, now time.Time) {
	line := func(format string, args ...any) { fmt.Fprintf(i.out, format+"\n", args...) }
	at := func(t time.Time) string { return t.Local().Format(time.DateTime) }
	switch p := st.State.Process; {
	case alive(p, now):
		line("daemon: process %d on %s, since %s", p.PID, p.Host, at(p.Started))
	case p != nil:
		line("daemon: process %d on %s gave its last sign of life at %s", p.PID, p.Host, at(p.Seen))
	default:
		line("daemon: none is running")
	}
	if s := st.Orders.Suspended; s != nil {
		line("suspended since %s, by %s %s", at(s.Since), s.By, s.Reason)
	}
	if s := st.Staging; s != nil {
		line("staging mode since %s, by %s %s: nothing is exported", at(s.Since), s.By, s.Reason)
	}
	if r := st.State.Running; r != nil {
		line("running: a %s cycle since %s", r.Policy, at(r.Started))
		for _, s := range r.Steps {
			rate, left := "", ""
			if s.Rate > 0 {
				rate = fmt.Sprintf(", %.0f a second", s.Rate)
			}
			if s.Remaining != nil {
				left = fmt.Sprintf(", about %s left", time.Duration(*s.Remaining)*time.Millisecond)
			}
			line("  %s %s: %s %s%s%s", s.Connector, s.Step, s.Phase, counted(s.Done, s.Total), rate, left)
		}
	} else if !st.State.LastStart.IsZero() {
		line("last cycle: %s, %s to %s, %s", st.State.LastPolicy, at(st.State.LastStart), at(st.State.LastEnd), st.State.LastResult)
	}
	if n := st.State.Next; !n.IsZero() && st.Orders.Suspended == nil && alive(st.State.Process, now) {
		line("next cycle: %s", at(n))
	}
	for _, name := range slices.Sorted(maps.Keys(st.Orders.Overrides)) {
		o := st.Orders.Overrides[name]
		line("required of %s by %s:%s%s", name, o.By, pick(o.FullImport, " full import", ""), pick(o.FullSync, " full synchronisation", ""))
	}
}

func counted(done, total int64) string {
	if total > 0 {
		return fmt.Sprintf("%d of %d", done, total)
	}
	return fmt.Sprint(done)
}
