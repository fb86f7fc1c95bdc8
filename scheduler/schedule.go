package scheduler

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// MinInterval is the shortest interval between the starts of two cycles.
const MinInterval = time.Minute

// MaxGap is the longest time that may lie between two cycles: watermarks and deleted objects
// are not kept for ever. Entra Connect asks for the same
// (how-to-connect-sync-feature-scheduler).
const MaxGap = 7 * 24 * time.Hour

// A Schedule says when cycles start. It must be safe for concurrent use.
type Schedule interface {
	// Next returns the first start after the time, which is that of the last start. The
	// zero time means never; the scheduler starts a cycle within MaxGap all the same.
	Next(after time.Time) time.Time
}

// Every returns the schedule of a fixed interval from start to start. A cycle that takes
// longer is followed by the next at once.
func Every(interval time.Duration) Schedule { return every(interval) }

type every time.Duration

func (e every) Next(after time.Time) time.Time { return after.Add(time.Duration(e)) }

func (e every) String() string { return "every " + time.Duration(e).String() }

// A CronSchedule starts cycles at times of the day and the week.
type CronSchedule struct {
	text     string
	spec     *cron.SpecSchedule
	location *time.Location
	repeats  bool // at every hour, so that the hour that comes twice in autumn counts twice
}

// Cron parses the five fields of cron, minute, hour, day of month, month and day of week, or
// "@hourly", "@daily" and "@weekly", as times in a location; nil means the machine's. A time
// that the clock skips in spring is made up for right afterwards, one that comes twice in
// autumn is taken once, except by schedules for every hour.
func Cron(text string, location *time.Location) (*CronSchedule, error) {
	if location == nil {
		location = time.Local
	}
	if strings.HasPrefix(text, "@every") || strings.Contains(text, "TZ=") {
		return nil, fmt.Errorf("scheduler: %q: intervals and time zones are settings of their own", text)
	}
	parsed, err := cron.ParseStandard(text)
	if err != nil {
		return nil, fmt.Errorf("scheduler: schedule %q: %w", text, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("scheduler: schedule %q: %w", text, errors.ErrUnsupported)
	}
	spec.Location = location
	const everyHour = 1<<24 - 1
	return &CronSchedule{text: text, spec: spec, location: location, repeats: spec.Hour&everyHour == everyHour}, nil
}

// String returns the schedule as it was given, with its location.
func (c *CronSchedule) String() string { return c.text + " " + c.location.String() }

// Next implements [Schedule].
func (c *CronSchedule) Next(after time.Time) time.Time {
	after = after.In(c.location)
	next := c.spec.Next(after)
	if made, ok := c.skipped(after); ok && (next.IsZero() || made.Before(next)) {
		return made
	}
	if !c.repeats && c.repeated(next) {
		return c.spec.Next(next)
	}
	return next
}

// skipped returns the next start by the clock as it is set at a moment, when the clock will
// have been put forward over it.
func (c *CronSchedule) skipped(after time.Time) (time.Time, bool) {
	_, offset := after.Zone()
	fixed := *c.spec
	fixed.Location = time.FixedZone("", offset)
	next := fixed.Next(after)
	if next.IsZero() {
		return next, false
	}
	next = next.In(c.location)
	_, then := next.Zone()
	forward := time.Duration(then-offset) * time.Second
	_, before := next.Add(-forward).Zone()
	return next, forward > 0 && before == offset
}

// repeated reports whether a moment has the same time of the day as one an hour before.
func (c *CronSchedule) repeated(t time.Time) bool {
	if t.IsZero() {
		return false
	}
	_, offset := t.Zone()
	_, earlier := t.Add(-3 * time.Hour).Zone()
	back := time.Duration(earlier-offset) * time.Second
	if back <= 0 {
		return false
	}
	_, then := t.Add(-back).Zone()
	return then == earlier
}

var (
	_ Schedule = every(0)
	_ Schedule = (*CronSchedule)(nil)
)
