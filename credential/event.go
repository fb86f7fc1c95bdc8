package credential

import (
	"context"
	"log/slog"
	"time"
)

// An EventKind says what an [Event] is about.
type EventKind string

// The events.
const (
	EventRotationDue    EventKind = "rotation-due"    // 1011, warning: the certificate should be replaced
	EventExpired        EventKind = "expired"         // 1012, error: the certificate has expired
	EventNoHardware     EventKind = "no-hardware"     // 1014, warning: no hardware boundary protects the key
	EventSuspended      EventKind = "suspended"       // error: rotation is due and suspended
	EventStalled        EventKind = "stalled"         // error: maintenance has not run for long
	EventRemovalFailed  EventKind = "removal-failed"  // error: an old key credential is still there
	EventRotationFailed EventKind = "rotation-failed" // error: a rotation did not come to its end
	EventSwitched       EventKind = "switched"        // information: a new credential is in use
	EventRemoved        EventKind = "removed"         // information: an old key credential was removed
	EventResumed        EventKind = "resumed"         // information: an interrupted change goes on
	EventRevoked        EventKind = "revoked"         // warning: a key was taken away
	EventNextKeyWeak    EventKind = "algorithm-rs256" // warning: the key cannot make PS256, RS256 is used
	EventKeyNotDeleted  EventKind = "key-not-deleted" // warning: a private key could not be destroyed
	EventUsingPrevious  EventKind = "rolled-back"     // warning: the previous credential is in use again
)

// Numbers of events that Microsoft Entra Connect writes too.
const (
	idRotationDue = 1011
	idExpired     = 1012
	idNoHardware  = 1014
)

// An Event is something that an administrator should hear of. Events are logged, and given
// to [ManagerOptions.OnEvent].
type Event struct {
	Kind    EventKind
	ID      int // number of Entra Connect's event, 0 where it has none
	Level   slog.Level
	Message string // for people; it holds no secret
	Time    time.Time
	KeyID   string // key credential, if the event is about one
	// Thumbprint and Expires are those of the certificate, if the event is about one.
	Thumbprint string
	Expires    time.Time
}

func (m *Manager) emit(ctx context.Context, e Event) {
	e.Time = m.opts.Clock()
	attrs := []slog.Attr{slog.String("event", string(e.Kind))}
	if e.ID != 0 {
		attrs = append(attrs, slog.Int("id", e.ID))
	}
	if e.KeyID != "" {
		attrs = append(attrs, slog.String("keyId", e.KeyID))
	}
	if e.Thumbprint != "" {
		attrs = append(attrs, slog.String("thumbprint", e.Thumbprint), slog.Time("expires", e.Expires))
	}
	m.opts.Logger.LogAttrs(ctx, e.Level, e.Message, attrs...)
	if m.opts.OnEvent != nil {
		m.opts.OnEvent(e)
	}
}

// conditions returns the events that the state as it is gives reason for.
func (m *Manager) conditions(st *State) []Event {
	if st.Current == nil || len(st.Current.Certificate) == 0 {
		return nil
	}
	cert, err := st.Current.certificate()
	if err != nil {
		return nil
	}
	now, due := m.opts.Clock(), m.opts.Policy.Due(cert)
	var out []Event
	add := func(kind EventKind, id int, level slog.Level, message string) {
		out = append(out, Event{Kind: kind, ID: id, Level: level, Message: message,
			KeyID: st.Current.KeyID, Thumbprint: Thumbprint(cert), Expires: cert.NotAfter})
	}
	switch {
	case now.After(cert.NotAfter):
		add(EventExpired, idExpired, slog.LevelError,
			"the certificate has expired: an administrator has to sign in and rotate it")
	case !now.Before(due):
		add(EventRotationDue, idRotationDue, slog.LevelWarn, "the certificate is due for rotation")
		if m.opts.suspended() {
			add(EventSuspended, 0, slog.LevelError,
				"rotation is due and suspended: resume it before the certificate expires, or rotate by hand")
		}
	}
	if st.Current.Source == InKeyStore && m.keys != nil && !m.keys.Info().Hardware || st.Current.Source == InFile {
		add(EventNoHardware, idNoHardware, slog.LevelWarn, "the private key is not protected by hardware")
	}
	if st.Mode == Managed && !st.Maintained.IsZero() && now.Sub(st.Maintained) > m.opts.StallAfter {
		add(EventStalled, 0, slog.LevelError,
			"maintenance of the certificate has not run for long: nothing will rotate it")
	}
	return out
}

// watchInterval is how often use of the credential looks at its condition.
const watchInterval = time.Hour

// watch emits the conditions at most once an hour. It is called as the credential is used,
// so that a program whose maintenance does not run is heard of all the same.
func (m *Manager) watch(ctx context.Context, st *State) {
	now := m.opts.Clock().UnixNano()
	last := m.watched.Load()
	if now-last < int64(watchInterval) || !m.watched.CompareAndSwap(last, now) {
		return
	}
	for _, e := range m.conditions(st) {
		m.emit(ctx, e)
	}
}
