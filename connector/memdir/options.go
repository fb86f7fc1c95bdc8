package memdir

import (
	"errors"
	"fmt"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// Defaults of [Options].
const (
	DefaultPageSize    = 100
	DefaultHistory     = 1 << 20
	DefaultExportBatch = 50
)

// Options shape a [Directory]. The zero value is a directory with links by DN, without
// uniqueness, that takes any class and attribute.
type Options struct {
	// Type is [connector.Info.Type]; "" means "memdir".
	Type string
	// References says what reference values name. With [connector.ReferenceByAnchor]
	// objects may do without a DN.
	References connector.ReferenceForm
	// LooseReferences makes references plain text: the target need not exist, and neither
	// renaming nor deleting it changes them.
	LooseReferences bool
	// ReferencesLast is declared as it is given, see [connector.Capabilities].
	ReferencesLast bool
	// CaseSensitiveDN makes DNs that differ only in case different.
	CaseSensitiveDN bool
	// Unique names the attributes that no two objects may share a value of, without
	// regard to case.
	Unique []string
	// Schema is what the directory holds and allows. Nil means [StandardSchema] as far as
	// it goes, to which whatever the objects hold besides is added, and nothing is
	// refused. The schema must not be changed afterwards.
	Schema *connector.Schema
	// Partitions and Parameters replace those of Schema, where they are given. An object
	// belongs to the partition with the longest DN that its own DN ends in, unless it was
	// put with one.
	Partitions []connector.Partition
	Parameters map[string]string

	// FullOnly takes delta imports away, ReadOnly exports, NoRead the reading of single
	// objects.
	FullOnly, ReadOnly, NoRead bool
	// PageSize is the number of objects in a page when a request does not say; 0 means
	// [DefaultPageSize].
	PageSize int
	// ExportBatch is [connector.Capabilities.ExportBatch]; 0 means [DefaultExportBatch].
	ExportBatch int
	// History is the number of changes that are remembered. A watermark older than them
	// has expired. 0 means [DefaultHistory], a negative number all of them.
	History int
}

func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.Type == "" {
		out.Type = "memdir"
	}
	if out.PageSize == 0 {
		out.PageSize = DefaultPageSize
	}
	if out.ExportBatch == 0 {
		out.ExportBatch = DefaultExportBatch
	}
	if out.History == 0 {
		out.History = DefaultHistory
	}
	return out
}

func (o *Options) validate(name string) error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("memdir: "+format, args...))
	}
	if name == "" {
		bad("name is empty")
	}
	if o.PageSize < 0 {
		bad("PageSize is negative")
	}
	if o.ExportBatch < 0 {
		bad("ExportBatch is negative")
	}
	if o.References > connector.ReferenceByAnchor {
		bad("References is not a known form")
	}
	if o.Schema != nil {
		for _, c := range o.Schema.Classes {
			for _, a := range c.Attributes {
				if _, ok := o.Schema.Attribute(a); !ok {
					bad("Schema: class %s has attribute %s, which is not described", c.Name, a)
				}
			}
		}
		for _, u := range o.Unique {
			if a, ok := o.Schema.Attribute(u); !ok || a.Kind == attr.KindReference {
				bad("Unique: %s is not an attribute of Schema with values of its own", u)
			}
		}
	}
	return errors.Join(errs...)
}
