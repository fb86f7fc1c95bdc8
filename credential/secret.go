package credential

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// redacted is what a secret shows of itself.
const redacted = "[secret]"

// A Secret is a password, a client secret or a passphrase. It does not show its content
// when it is printed, formatted, logged or marshalled; only [Secret.Reveal] does. The zero
// Secret is empty.
type Secret struct{ value string }

// NewSecret returns a secret with the given content.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the content.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.value == "" }

// String returns a fixed text.
func (s Secret) String() string { return redacted }

// GoString returns a fixed text.
func (s Secret) GoString() string { return redacted }

// Format writes a fixed text whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue is what [log/slog] prints: a fixed text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes a fixed text: a secret does not leave by way of a configuration dump.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON writes a fixed text.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// UnmarshalText takes the content as it is.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
