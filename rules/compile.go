package rules

// A Set is a compiled set of rules: immutable, and safe for concurrent use.
type Set struct{}

// A CompiledRule is one rule of a [Set]. It is immutable.
type CompiledRule struct{ Rule }

// CompileOptions are the options of [Compile]. The zero value, or nil, is good.
type CompileOptions struct {
	// Metaverse is the metaverse's schema. Nil means [DefaultMetaverse].
	Metaverse *MetaverseSchema
}

// Compile checks and compiles rules. It reports every problem that it finds at once, in a
// *CompileError.
func Compile(rs []Rule, opts *CompileOptions) (*Set, error) { panic("see compile.go") }

// Metaverse returns the metaverse's schema.
func (s *Set) Metaverse() *MetaverseSchema { panic("see compile.go") }

// Rules returns all rules that are not disabled, by direction and precedence.
func (s *Set) Rules() []*CompiledRule { panic("see compile.go") }

// Hash identifies the meaning of the set: it changes whenever an evaluation may differ.
func (s *Set) Hash() string { panic("see compile.go") }

// MVJoinAttributes returns the metaverse attributes by which inbound joins look objects up.
func (s *Set) MVJoinAttributes() []string { panic("see compile.go") }

// CSJoinAttributes returns the attributes of the connector's objects by which outbound
// joins look objects up.
func (s *Set) CSJoinAttributes(connector string) []string { panic("see compile.go") }

// ImportAttributes returns the attributes of the connector's objects that the rules read
// or write: those an import has to deliver.
func (s *Set) ImportAttributes(connector string) []string { panic("see compile.go") }

// ExportAttributes returns the attributes of the connector's objects that the rules write.
func (s *Set) ExportAttributes(connector string) []string { panic("see compile.go") }

// Classes returns the object classes of the connector that rules have to do with.
func (s *Set) Classes(connector string) []string { panic("see compile.go") }
