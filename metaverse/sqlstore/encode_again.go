package sqlstore

import (
	"slices"

	"github.com/hybridsync/hybridsync/metaverse"
)

// A nameCursor finds the numbers of attributes that come in much the same order again and again. It is
// a good deal faster than a map.
type nameCursor struct {
	names []string
	ids   []int64
	at    int
}

const maxCursor = 512

// attribute returns the number of the next attribute of a record.
func (c *nameCursor) attribute(e *encoder, name string) (int64, error) {
	for i := c.at; i < len(c.names); i++ {
		if c.names[i] == name {
			c.at = i + 1
			return c.ids[i], nil
		}
	}
	id, err := e.number(nameAttribute, name)
	if err != nil {
		return 0, err
	}
	if len(c.names) == maxCursor {
		c.names, c.ids, c.at = c.names[:0], c.ids[:0], 0
	}
	c.names, c.ids = slices.Insert(c.names, c.at, name), slices.Insert(c.ids, c.at, id)
	c.at++
	return id, nil
}

// An originList is the part of a record of origins that does not say which objects they are.
type originList struct {
	origins []metaverse.Origin
	objects []int // of the origins, as indexes
	body    []byte
}

// A flowList is a record of flows.
type flowList struct {
	flows  []metaverse.ReferenceFlow
	record []byte
}
