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
// thousand, and more only where many new containers are held back.
const maxForestMark = 64 << 20

// A forestMark holds a watermark for each domain, by the id of its first partition.
type forestMark map[string]json.RawMessage

// An envelope is how a forestMark is written. It has no field that a watermark has.
type envelope struct {
	Version int        `json:"forestVersion"`
	Domains forestMark `json:"domains"`
}

// of returns the watermark of the domain with these partitions, nil if there is none.
func (f forestMark) of(parts []partition) connector.Watermark {
	return connector.Watermark(f[parts[0].id])
}

func (f forestMark) encode() (connector.Watermark, error) {
	out, err := json.Marshal(envelope{forestMarkVersion, f})
	if err == nil && len(out) > maxForestMark {
		return nil, errors.New("ad: the watermark of the forest is too large")
	}
	return out, err
}

// parseForestMark is the inverse of encode. The watermarks inside are not looked at.
func parseForestMark(text connector.Watermark) (forestMark, error) {
	var e envelope
	if len(text) > maxForestMark {
		return nil, expired("it is larger than %d octets", maxForestMark)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return nil, expired("it was not made by this connector, or not for several domains")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, expired("something follows it")
	}
	if e.Version != forestMarkVersion {
		return nil, expired("it is of version %d, not %d", e.Version, forestMarkVersion)
	}
	if len(e.Domains) == 0 {
		return nil, expired("it is incomplete")
	}
	return e.Domains, nil
}

// marks reads the watermark into the domains that can be reached, and checks that it is of
// the same domains.
func (s *forestSession) marks(w connector.Watermark) error {
	all, err := parseForestMark(w)
	if err != nil {
		return err
	}
	if len(all) != len(s.domains) {
		return expired("the domains have changed")
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
	all := forestMark{}
	for _, x := range s.domains {
		own, err := x.next.encode()
		if err != nil {
			return err
		}
		all[x.id()] = json.RawMessage(own)
	}
	mark, err := all.encode()
	if err != nil {
		return err
	}
	return m.finish(mark)
}
