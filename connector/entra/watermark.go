package entra

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"

	"github.com/hybridsync/hybridsync/connector"
)

const watermarkVersion = 1

// maxLoose is how many objects may change twice during one full import before it is given
// up: they all travel in the watermark.
const maxLoose = 50_000

// A position is the content of watermarks and checkpoints.
type position struct {
	Version int    `json:"version"`
	Use     string `json:"use"` // "watermark", "full" or "delta"
	// Links say by class where to go on: at a delta link or, in checkpoints, a page link.
	Links map[string]link `json:"links"`
	// Done names the classes that a checkpoint has behind it.
	Done []string `json:"done,omitempty"`
	// Loose are objects that changed again after a full import had yielded them. The next
	// delta import reads them first.
	Loose []string `json:"loose,omitempty"`
	// Shown is, in the checkpoint of a full import, the number of objects that came before it.
	Shown int64 `json:"shown,omitempty"`
}

// A link is where the changes of one class go on.
type link struct {
	URL string `json:"url"`
	// Scope is a digest of what the link stands for. It answers what was asked for when it
	// was made: with other properties it is not good any more.
	Scope string `json:"scope"`
	// First and Last are when the round that led to the link began and ended, in seconds of
	// the service's clock. Objects created before First were in it, objects created after
	// Last were not.
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Began is, in a checkpoint, when the round under way began.
	Began int64 `json:"began,omitempty"`
}

const (
	useWatermark = "watermark"
	useFull      = "full"
	useDelta     = "delta"
)

// scope returns the digest for a class in this session.
func (s *session) scope(d *decoder) string {
	text, err := json.Marshal([]any{s.t.o.BaseURL, s.t.o.TenantID, d.class.selection(d.wanted, true)})
	if err != nil {
		return "" // strings and lists of strings can always be marshalled
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

func newPosition(use string) *position {
	return &position{Version: watermarkVersion, Use: use, Links: make(map[string]link)}
}

func (p *position) encode() []byte {
	text, err := json.Marshal(p)
	if err != nil {
		return nil // as above
	}
	return text
}

// decodePosition reads what encode wrote for the same use. Anything else, such as the work
// of a later version, has expired: to guess could lose changes.
func (s *session) decodePosition(text []byte, use string) (*position, error) {
	var p position
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if dec.Decode(&p) != nil || p.Version != watermarkVersion || p.Use != use {
		return nil, connector.ErrWatermarkExpired
	}
	if p.Links == nil {
		p.Links = make(map[string]link)
	}
	for _, c := range s.classes {
		if l, ok := p.Links[c.name]; ok && l.Scope != s.scope(s.decoders[c.name]) {
			return nil, connector.ErrWatermarkExpired
		}
	}
	return &p, nil
}

// looseText and looseID write ids shorter than as text.
func looseText(id guid) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

func looseID(text string) (id guid, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return guid(b), true
}
