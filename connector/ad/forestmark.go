package ad

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/hybridsync/hybridsync/connector"
)

// forestMarkVersion is raised when older watermarks of forests can no longer be understood.
const forestMarkVersion = 1

// maxForestMark bounds a watermark of a forest, in octets. One of a domain has a few
// thousand, and more only where many new containers are held back or much is doubtful.
const maxForestMark = 64 << 20

// A forestMark holds a watermark for each domain, by the id of its first partition. It has no
// field that a watermark has.
type forestMark struct {
	Version int                        `json:"forestVersion"`
	Domains map[string]json.RawMessage `json:"domains"`
	// Doubtful and Unsettled are the doubts of the import.
	Doubtful  []byte `json:"doubtful,omitempty"`
	Unsettled int    `json:"unsettled,omitempty"`
}

// of returns the watermark of the domain with these partitions, nil if there is none.
func (f forestMark) of(parts []partition) connector.Watermark {
	return connector.Watermark(f.Domains[parts[0].id])
}

func (f forestMark) encode() (connector.Watermark, error) {
	f.Version = forestMarkVersion
	out, err := json.Marshal(f)
	if err == nil && len(out) > maxForestMark {
		return nil, errors.New("ad: the watermark of the forest is too large")
	}
	return out, err
}

// parseForestMark is the inverse of encode. The watermarks inside are not looked at.
func parseForestMark(text connector.Watermark) (forestMark, error) {
	var f forestMark
	if len(text) > maxForestMark {
		return f, expired("it is larger than %d octets", maxForestMark)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return f, expired("it was not made by this connector, or not for several domains")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return f, expired("something follows it")
	}
	if f.Version != forestMarkVersion {
		return f, expired("it is of version %d, not %d", f.Version, forestMarkVersion)
	}
	if len(f.Domains) == 0 {
		return f, expired("it is incomplete")
	}
	return f, nil
}

// marks reads the watermark into the domains that can be reached, and checks that it is of
// the same domains.
func (s *forestSession) marks(w connector.Watermark) error {
	all, err := parseForestMark(w)
	if err != nil {
		return err
	}
	if len(all.Domains) != len(s.domains) {
		return expired("the domains have changed")
	}
	if s.earlier, err = parseDoubts(all.Doubtful, all.Unsettled); err != nil {
		return err
	}
	for _, x := range s.domains {
		if x.s == nil {
			continue
		}
		own := all.of(x.s.parts)
		if own == nil {
			return expired("the domains have changed")
		}
		if x.mark, err = parseWatermark(own); err != nil {
			return x.named(err)
		}
	}
	return nil
}

// complete ends an import of all domains.
func (s *forestSession) complete(m *emitter) error {
	all := forestMark{Domains: map[string]json.RawMessage{}, Unsettled: s.later.unsettled}
	tooMany := len(s.later.referrers) > maxDoubts
	if !tooMany {
		all.Doubtful = s.later.encode()
	}
	for _, x := range s.domains {
		if tooMany {
			x.next.Renew = "too many objects refer to others by names that may have changed meanwhile"
		}
		own, err := x.next.encode()
		if err != nil {
			return err
		}
		all.Domains[x.id()] = json.RawMessage(own)
	}
	mark, err := all.encode()
	if err != nil {
		return err
	}
	return m.finish(mark)
}
