package connector

import "github.com/hybridsync/hybridsync/connector/attr"

// A Schema describes what a connected directory holds.
type Schema struct {
	Classes    []Class
	Attributes []Attribute
	Partitions []Partition
	// Parameters are the values of %Name% in rules that hold for the whole directory,
	// such as Forest.FQDN.
	Parameters map[string]string
}

// A Class is one kind of object.
type Class struct {
	Name string
	// Attributes names the attributes that objects of the class may have.
	Attributes []string
	// ReadOnly names those of Attributes that cannot be exported to objects of this class,
	// though they can to others.
	ReadOnly []string
	// Export says that objects of the class can be created, changed and deleted.
	Export bool
}

// An Attribute is one attribute of the directory.
type Attribute struct {
	Name        string
	Kind        attr.Kind
	MultiValued bool
	// ReadOnly attributes are imported and cannot be exported.
	ReadOnly bool
	// CreateOnly attributes are exported when an object is created and read-only afterwards.
	// The directory may keep another value than the one asked for.
	CreateOnly bool
	// Required attributes always have a value: where none is exported the directory makes
	// one of its own, and they cannot be cleared.
	Required bool
	// WriteOnly attributes, such as passwords, are exported and never imported, so that an
	// export of them cannot be confirmed.
	WriteOnly bool
	// CaseSensitive says that the directory tells values apart by case.
	CaseSensitive bool
	// MaxValues is the largest number of values that an object may have; 0 means not known. An
	// object that would have more references is frozen: no change of them is exported.
	MaxValues int64
	// MaxLength is the longest value in characters or octets; 0 means not known.
	MaxLength int
}

// A Partition is a part of the directory with a name of its own: in Active Directory a
// domain.
type Partition struct {
	ID string // stable; [Object.Partition] refers to it
	DN string // where the partition's tree begins
	// Parameters are the values of %Name% in rules that hold for objects of this
	// partition, such as Domain.FQDN.
	Parameters map[string]string
}

// Class returns the class with that name, without regard to case, and whether there is one.
func (s *Schema) Class(name string) (*Class, bool) {
	for i := range s.Classes {
		if attr.EqualName(s.Classes[i].Name, name) {
			return &s.Classes[i], true
		}
	}
	return nil, false
}

// Attribute returns the attribute with that name, without regard to case, and whether
// there is one.
func (s *Schema) Attribute(name string) (*Attribute, bool) {
	for i := range s.Attributes {
		if attr.EqualName(s.Attributes[i].Name, name) {
			return &s.Attributes[i], true
		}
	}
	return nil, false
}
