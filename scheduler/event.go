package scheduler

import (
	"context"
	"log/slog"
	"time"
)

// An EventID is the stable number of an event, for filters and alerts. Where Microsoft Entra
// Connect has a number for the same thing, it is that one; the others are from 20000 on.
// EVENTS.md has them all, and so has [EventTable].
type EventID int

// The events. A number never changes its meaning.
const (
	EventDeletionThreshold  EventID = 116
	EventCertificateDue     EventID = 1011
	EventCertificateExpired EventID = 1012
	EventNoHardwareKey      EventID = 1014
	EventCredentials        EventID = 6000
	EventExportErrors       EventID = 6941
	EventReferenceErrors    EventID = 6949

	EventStarted                EventID = 20000
	EventStopped                EventID = 20001
	EventCycleStarted           EventID = 20010
	EventCycleEnded             EventID = 20011
	EventCycleFailed            EventID = 20012
	EventStepFailed             EventID = 20013
	EventStepSkipped            EventID = 20014
	EventFullStep               EventID = 20015
	EventWatermarkExpired       EventID = 20016
	EventSlow                   EventID = 20017
	EventMissed                 EventID = 20018
	EventClock                  EventID = 20019
	EventSuspended              EventID = 20020
	EventResumed                EventID = 20021
	EventStillSuspended         EventID = 20022
	EventSuspendedExpiry        EventID = 20023
	EventLimitNear              EventID = 20024
	EventLimitExceeded          EventID = 20025
	EventStartRequested         EventID = 20026
	EventStopRequested          EventID = 20027
	EventStepHung               EventID = 20028
	EventStagingEntered         EventID = 20030
	EventStagingLeft            EventID = 20031
	EventImportHeld             EventID = 20032
	EventExportHeld             EventID = 20033
	EventSyncErrors             EventID = 20034
	EventImportErrors           EventID = 20035
	EventStoreTrouble           EventID = 20036
	EventMaintenance            EventID = 20040
	EventMaintenanceFailed      EventID = 20041
	EventCertificateChanged     EventID = 20042
	EventRotationFailed         EventID = 20043
	EventOldKey                 EventID = 20044
	EventIdentity               EventID = 20045
	EventActive                 EventID = 20050
	EventStandby                EventID = 20051
	EventConfiguration          EventID = 20060
	EventConfigurationError     EventID = 20061
	EventConfigurationDrift     EventID = 20062
	EventConfigurationPublished EventID = 20063
)

// An EventInfo describes an event of [EventTable].
type EventInfo struct {
	ID    EventID
	Level slog.Level
	Name  string // short and stable
	Text  string // the message of its log records
	Do    string // what an operator does about it; "" for nothing
}

// EventTable returns all events in order of their numbers.
func EventTable() []EventInfo {
	const info, warn, fail = slog.LevelInfo, slog.LevelWarn, slog.LevelError
	return []EventInfo{
		{EventDeletionThreshold, warn, "deletion-threshold", "an export was stopped: too many deletions are pending", "review them with the staging report; accept the run if they are right"},
		{EventCertificateDue, warn, "certificate-due", "a certificate is due for rotation", "rotate it"},
		{EventCertificateExpired, fail, "certificate-expired", "a certificate has expired", "an administrator signs in and makes a new one"},
		{EventNoHardwareKey, warn, "no-hardware-key", "a private key is not protected by hardware", "consider a TPM or an HSM"},
		{EventCredentials, fail, "bad-credentials", "a directory does not accept the account or its credentials", "correct the credentials; check the account"},
		{EventExportErrors, warn, "export-errors", "a directory refused changes of some objects", "see the object errors"},
		{EventReferenceErrors, info, "reference-errors", "references could not be exported: their objects are not there", "usually settles by itself"},

		{EventStarted, info, "scheduler-started", "the scheduler has started", ""},
		{EventStopped, info, "scheduler-stopped", "the scheduler has stopped", ""},
		{EventCycleStarted, info, "cycle-started", "a sync cycle has started", ""},
		{EventCycleEnded, info, "cycle-ended", "a sync cycle has ended", ""},
		{EventCycleFailed, fail, "cycle-failed", "a sync cycle has ended with steps that did not complete", "see the events of the steps"},
		{EventStepFailed, fail, "step-failed", "a run step did not complete", "see the history; the next cycle tries again"},
		{EventStepSkipped, warn, "step-skipped", "a run step was left out", "see the reason"},
		{EventFullStep, info, "full-step", "a delta cycle runs a full step", ""},
		{EventWatermarkExpired, warn, "watermark-expired", "a directory no longer takes the watermark: it was read in full", "cycles must run more often than watermarks expire"},
		{EventSlow, warn, "cycle-slow", "a sync cycle takes longer than expected", "look at its progress"},
		{EventMissed, warn, "starts-missed", "starts of cycles were missed while the machine or the program did not run", ""},
		{EventClock, warn, "clock-changed", "the clock was set", "check time synchronisation"},
		{EventSuspended, warn, "suspended", "the scheduler was suspended", "resume it"},
		{EventResumed, info, "resumed", "the scheduler was resumed", ""},
		{EventStillSuspended, warn, "still-suspended", "the scheduler is still suspended: nothing is synchronised and no certificate is rotated", "resume it"},
		{EventSuspendedExpiry, fail, "suspended-expiry", "a certificate expires soon, and the suspended scheduler does not rotate it", "resume it before then, or rotate by hand"},
		{EventLimitNear, warn, "limit-near", "a connector was not imported for long", "cycles must complete within seven days"},
		{EventLimitExceeded, fail, "limit-exceeded", "a connector was not imported for more than seven days: the next import is a full one", "find out why cycles do not run or complete"},
		{EventStartRequested, info, "start-requested", "an operator asked for a cycle", ""},
		{EventStopRequested, info, "stop-requested", "an operator asked for the cycle to stop", ""},
		{EventStepHung, fail, "step-hung", "a run step made no progress for too long: it is broken off", "see what the directory or the database is doing; the next cycle tries again"},
		{EventStagingEntered, warn, "staging-entered", "staging mode begins: nothing is exported", ""},
		{EventStagingLeft, warn, "staging-left", "staging mode ends: changes are exported", ""},
		{EventImportHeld, warn, "import-held", "a full import was held: too many objects are missing", "check filters, permissions and the directory; accept the run if they are gone"},
		{EventExportHeld, warn, "export-held", "an export was stopped: too many adds or updates are pending", "review them with the staging report; accept the run if they are right"},
		{EventSyncErrors, warn, "sync-errors", "rules could not be applied to some objects", "see the object errors"},
		{EventImportErrors, warn, "import-errors", "some objects could not be read", "see the object errors"},
		{EventStoreTrouble, fail, "store-trouble", "the store could not be read or written", "check disk space and the database"},
		{EventMaintenance, info, "maintenance", "a maintenance task was carried out", ""},
		{EventMaintenanceFailed, fail, "maintenance-failed", "a maintenance task has failed", "see the error"},
		{EventCertificateChanged, info, "certificate-changed", "another certificate signs the program in", ""},
		{EventRotationFailed, fail, "rotation-failed", "a certificate could not be replaced; it is tried again, and the old one stays in use", "see the error and hybridsync check"},
		{EventOldKey, warn, "old-key", "an old key could not be removed from the application or from the key store", "remove it as an administrator"},
		{EventIdentity, info, "identity", "the application identity was changed", ""},
		{EventActive, warn, "active", "this process is the active one", ""},
		{EventStandby, warn, "standby", "this process is on standby", ""},
		{EventConfiguration, info, "configuration", "a configuration is in force", ""},
		{EventConfigurationError, fail, "configuration-error", "a new configuration was refused; the old one stays in force", "correct it and reload again"},
		{EventConfigurationDrift, fail, "configuration-drift", "this server's configuration is not that of the store: it stays on standby", "put its file right and reload, or publish its configuration"},
		{EventConfigurationPublished, info, "configuration-published", "the store holds this version of the configuration", ""},
	}
}

// An Event is something that an operator may want to hear of. It names connectors, steps,
// counts and reasons, never people or their attribute values.
type Event struct {
	EventInfo
	Time      time.Time
	Connector string // that it is about; "" for none
	Attrs     []slog.Attr
}

// Emit writes an event to the scheduler's log and gives it to [Options.OnEvent]. Programs use
// it for events that they see themselves, such as those of the configuration. An event that
// is not in the table is a programming error.
func (s *Scheduler) Emit(ctx context.Context, id EventID, connector string, attrs ...slog.Attr) {
	info, ok := eventInfo[id]
	if !ok {
		panic("scheduler: event that is not in the table")
	}
	e := Event{EventInfo: info, Time: s.now(), Connector: connector, Attrs: attrs}
	all := make([]slog.Attr, 0, len(attrs)+3)
	all = append(all, slog.Int("event_id", int(id)), slog.String("event", info.Name))
	if connector != "" {
		all = append(all, slog.String("connector", connector))
	}
	s.opts.Logger.LogAttrs(ctx, info.Level, info.Text, append(all, attrs...)...)
	s.opts.OnEvent(ctx, e)
}

var eventInfo = func() map[EventID]EventInfo {
	m := make(map[EventID]EventInfo)
	for _, i := range EventTable() {
		m[i.ID] = i
	}
	return m
}()
