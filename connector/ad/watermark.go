package ad

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// watermarkVersion is raised when older watermarks can no longer be understood.
const watermarkVersion = 1

// A watermark is where the next delta import starts: one DirSync cookie for each partition
// together with what the cookies are good for.
type watermark struct {
	Version int `json:"v"`
	// Host and Invocation name the domain controller that made the cookies and its
	// database. Another one may take them or not.
	Host       string `json:"host,omitempty"`
	Invocation string `json:"invocation,omitempty"`
	// Server is the URL at which it was reached, USN the number of its last change.
	Server string `json:"server,omitempty"`
	USN    int64  `json:"usn,omitempty"`
	// Schema identifies the schema of the directory at that time.
	Schema string `json:"schema,omitempty"`
	// Renew is why a full import has to follow, "" where none has to.
	Renew string `json:"renew,omitempty"`
	// Memory is what has to be known of the scope.
	Memory memory `json:"memory,omitzero"`
	// Selection is the fingerprint of what the connector was configured to import, and
	// Narrowed what the session left of it.
	Selection string    `json:"selection"`
	Narrowed  narrowing `json:"narrowed,omitzero"`
	// ObjectSecurity says that the cookies come from that mode, in which less is seen.
	ObjectSecurity bool `json:"objectSecurity,omitempty"`
	// Time is when the cookies were made, in seconds of Unix time, by the clock of the
	// domain controller; 0 where it does not tell.
	Time int64 `json:"time,omitempty"`
	// Cookies are those of the partitions, by id.
	Cookies map[string][]byte `json:"cookies,omitempty"`
	// USNs are the highest numbers of changes that are known, by partition, where there is
	// no DirSync. They are good at one domain controller only.
	USNs map[string]int64 `json:"usns,omitempty"`
}

func (w watermark) encode() (connector.Watermark, error) {
	w.Version = watermarkVersion
	return json.Marshal(w)
}

// parseWatermark is the inverse of encode. Any trouble is that the watermark cannot be
// used, whatever it was.
func parseWatermark(text connector.Watermark) (watermark, error) {
	var w watermark
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&w); err != nil {
		return w, expired("it was not made by this connector")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return w, expired("something follows it")
	}
	switch {
	case w.Version != watermarkVersion:
		return w, expired("it is of version %d, not %d", w.Version, watermarkVersion)
	case w.Selection == "" || len(w.Cookies)+len(w.USNs) == 0 || w.Time < 0 || len(w.USNs) > 0 && w.Invocation == "":
		return w, expired("it is incomplete")
	}
	for _, cookie := range w.Cookies {
		if len(cookie) == 0 {
			return w, expired("a cookie is missing")
		}
	}
	return w, nil
}

// check reports whether the watermark fits what is to be imported now. life is how long
// the directory keeps deletions.
func (w watermark) check(selection string, narrowed narrowing, parts []partition, now time.Time, life time.Duration) error {
	if w.Renew != "" {
		return expired("%s", w.Renew)
	}
	if w.Selection != selection || !w.Narrowed.covers(narrowed) {
		return expired("classes, attributes, scope or schema have changed")
	}
	if len(w.Cookies)+len(w.USNs) != len(parts) {
		return expired("the partitions have changed")
	}
	for _, p := range parts {
		if _, numbered := w.USNs[p.id]; w.Cookies[p.id] == nil && !numbered {
			return expired("the partitions have changed")
		}
	}
	if w.Time != 0 && !now.IsZero() && now.Sub(time.Unix(w.Time, 0)) > life {
		return expired("it is older than %v, deletions may have been forgotten since", life)
	}
	return nil
}

func expired(format string, args ...any) error {
	return fmt.Errorf("%w: %s", connector.ErrWatermarkExpired, fmt.Sprintf(format, args...))
}
