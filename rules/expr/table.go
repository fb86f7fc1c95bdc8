package expr

// A Function is one function of the language.
type Function struct {
	Name string
}
