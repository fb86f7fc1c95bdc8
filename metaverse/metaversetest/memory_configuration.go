package metaversetest

import (
	"bytes"

	"github.com/hybridsync/hybridsync/metaverse"
)

func (r *memReader) Configuration(version int64) (*metaverse.Configuration, error) {
	n := int64(len(r.s.configs))
	if version == 0 {
		version = n
	}
	if version < 1 || version > n {
		return nil, r.ready()
	}
	c := r.s.configs[version-1]
	c.Text = bytes.Clone(c.Text)
	return &c, r.ready()
}

func (r *memReader) Configurations(before int64, limit int) (out []metaverse.Configuration, err error) {
	for i := len(r.s.configs) - 1; i >= 0 && len(out) < limit; i-- {
		if c := r.s.configs[i]; before <= 0 || c.Version < before {
			c.Text = nil
			out = append(out, c)
		}
	}
	return out, r.ready()
}

func (t *memTx) PutConfiguration(c metaverse.Configuration) (*metaverse.Configuration, error) {
	c.Hash = metaverse.HashConfiguration(c.Text)
	if newest, err := t.Configuration(0); err != nil || newest != nil && newest.Hash == c.Hash {
		return newest, err
	}
	c.Version, c.At, c.Text = int64(len(t.s.configs))+1, c.At.UTC(), bytes.Clone(c.Text)
	t.s.configs = append(t.s.configs, c)
	return &c, t.ready()
}
