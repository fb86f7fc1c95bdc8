package sqlstore

import (
	"math"

	"github.com/hybridsync/hybridsync/metaverse"
)

func (r *reader) Configuration(version int64) (found *metaverse.Configuration, err error) {
	q, args := sqlNewestConfiguration, []any(nil)
	if version != 0 {
		q, args = sqlConfiguration, []any{version}
	}
	err = r.query(q, func(rows row) error {
		c := &metaverse.Configuration{}
		var at int64
		err := rows.Scan(&c.Version, &c.Hash, &c.Author, &at, &c.Text)
		c.At = unstamp(at)
		found = c
		return err
	}, args...)
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (r *reader) Configurations(before int64, limit int) (out []metaverse.Configuration, err error) {
	if limit <= 0 {
		return nil, r.ready()
	}
	if before <= 0 {
		before = math.MaxInt64
	}
	err = r.query(sqlConfigurations, func(rows row) error {
		var c metaverse.Configuration
		var at int64
		err := rows.Scan(&c.Version, &c.Hash, &c.Author, &at)
		c.At = unstamp(at)
		out = append(out, c)
		return err
	}, before, int64(limit))
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (t *tx) PutConfiguration(c metaverse.Configuration) (*metaverse.Configuration, error) {
	c.Hash = metaverse.HashConfiguration(c.Text)
	newest, err := t.Configuration(0)
	if err != nil || newest != nil && newest.Hash == c.Hash {
		return newest, err
	}
	c.Version, c.At = 1, c.At.UTC()
	if newest != nil {
		c.Version = newest.Version + 1
	}
	text := c.Text
	if text == nil {
		text = []byte{} // not NULL
	}
	if err := t.write(sqlAddConfiguration, c.Version, c.Hash, c.Author, stamp(c.At), text); err != nil {
		return nil, err
	}
	return &c, nil
}
