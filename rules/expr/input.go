package expr

import (
	"io"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// An Input is what one evaluation reads. A zero field means that there is nothing of that
// sort, unless its comment says otherwise.
type Input struct {
	Attributes Source // what [name] reads
	Imported   Source // what ImportedValue("name") reads; nil means Attributes

	// Count is what ValueCount("name") returns. Nil means the number of values in
	// Attributes.
	Count func(name string) (int64, error)

	// Parameters is what %Name% reads. Nil means that there are none.
	Parameters func(name string) (string, bool)

	Now    time.Time // what Now() returns
	Random io.Reader // what Guid and RandomNum draw from; nil means crypto/rand
}

// source returns what an attribute is read from, nil if there is nothing.
func (in *Input) source(ref *slotRef) Source {
	if ref.imported && in.Imported != nil {
		return in.Imported
	}
	return in.Attributes
}

// A Source gives the values of attributes. Values returns none, and no error, for an
// attribute that the object does not have; the returned slice is not modified. Whether names are compared
// with regard to case is the source's business.
type Source interface {
	Values(name string) ([]attr.Value, error)
}

// FromSet returns a source that reads the set, without copying it and without allocation.
// A nil set has no attributes.
func FromSet(s *attr.Set) Source {
	return (*setSource)(s)
}

type setSource attr.Set

func (s *setSource) Values(name string) ([]attr.Value, error) {
	if s == nil {
		return nil, nil
	}
	return (*attr.Set)(s).Values(name), nil
}
