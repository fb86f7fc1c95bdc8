package secdesc

import (
	"fmt"
	"strings"
)

// A Mask is a set of rights.
type Mask uint32

// The rights to objects of a directory.
const (
	CreateChild    Mask = 0x1
	DeleteChild    Mask = 0x2
	ListContents   Mask = 0x4
	ValidatedWrite Mask = 0x8
	ReadProperty   Mask = 0x10
	WriteProperty  Mask = 0x20
	DeleteTree     Mask = 0x40
	ListObject     Mask = 0x80
	ControlAccess  Mask = 0x100 // an extended right

	Delete       Mask = 0x10000
	ReadControl  Mask = 0x20000 // read the descriptor
	WriteDACL    Mask = 0x40000
	WriteOwner   Mask = 0x80000
	SystemAccess Mask = 0x1000000 // the SACL

	GenericAll     Mask = 0x10000000
	GenericExecute Mask = 0x20000000
	GenericWrite   Mask = 0x40000000
	GenericRead    Mask = 0x80000000

	// FullControl is what GenericAll means for an object of a directory.
	FullControl Mask = 0xF01FF
)

// Has reports whether m holds all rights of other.
func (m Mask) Has(other Mask) bool { return m&other == other }

// Map replaces generic rights by those that they mean for objects of a directory.
func (m Mask) Map() Mask {
	for _, g := range [...]struct{ generic, means Mask }{
		{GenericRead, 0x20094}, {GenericWrite, 0x20028}, {GenericExecute, 0x20004}, {GenericAll, FullControl},
	} {
		if m.Has(g.generic) {
			m = m&^g.generic | g.means
		}
	}
	return m
}

// maskNames are the names of rights in SDDL, in the order in which Windows writes them.
var maskNames = [...]struct {
	name string
	mask Mask
}{
	{"GA", GenericAll}, {"GR", GenericRead}, {"GW", GenericWrite}, {"GX", GenericExecute},
	{"CC", CreateChild}, {"DC", DeleteChild}, {"LC", ListContents}, {"SW", ValidatedWrite}, {"RP", ReadProperty},
	{"WP", WriteProperty}, {"DT", DeleteTree}, {"LO", ListObject}, {"CR", ControlAccess},
	{"SD", Delete}, {"RC", ReadControl}, {"WD", WriteDACL}, {"WO", WriteOwner},
}

// String returns the names that SDDL has for the rights, or a number where it has none.
func (m Mask) String() string {
	var b strings.Builder
	rest := m
	for _, n := range maskNames {
		if m.Has(n.mask) {
			b.WriteString(n.name)
			rest &^= n.mask
		}
	}
	if rest != 0 {
		return fmt.Sprintf("0x%x", uint32(m))
	}
	return b.String()
}
