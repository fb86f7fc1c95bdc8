package connector

import (
	"context"
	"log/slog"
)

// A Connector gives access to one connected directory. Building one dials nothing.
// It is safe for concurrent use.
type Connector interface {
	// Info names the connector. It is constant.
	Info() Info
	// Capabilities declares what sessions of this connector can do. It is constant.
	Capabilities() Capabilities
	// Schema reads the directory's classes, attributes and partitions.
	Schema(ctx context.Context) (*Schema, error)
	// Open starts a session for one run step. The caller closes it.
	// It fails with an error matching [ErrAuthentication], [ErrUntrusted] or
	// [ErrUnavailable] when the directory refuses or cannot be reached.
	Open(ctx context.Context, o OpenOptions) (Session, error)
}

// A Session is one conversation with the directory, made for one run step. What it can do
// beyond being closed it says by implementing capability interfaces; find them with [As].
// It is not safe for concurrent use.
type Session interface {
	// Close ends the session and releases its connections. It is idempotent. It does not
	// wait for the directory longer than ctx allows.
	Close(ctx context.Context) error
}

// Info identifies a connector.
type Info struct {
	Type    string // kind of directory in lower case: "ad", "entra", "memdir"
	Version string // version of the implementation
	Name    string // name of this instance, unique in one deployment; rules refer to it
}

// OpenOptions says what a session is for. The zero value asks for everything that the
// connector is configured for.
type OpenOptions struct {
	// Classes limits imports to these object classes. Empty means all configured ones.
	Classes []string
	// Attributes limits imports to these attributes, in addition to those that the
	// connector needs itself. Empty means all that the connector is configured to read.
	Attributes []string
	// Last is the watermark of the last complete import, where there was one. A connector
	// may take from it what has to be known between imports, such as the identity of
	// containers that are configured by name; an import does not start from it.
	Last Watermark
	// Logger receives what an operator may want to see. Nil discards it.
	Logger *slog.Logger
}

// Log returns the logger to use, never nil.
func (o OpenOptions) Log() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}
