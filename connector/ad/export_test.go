package ad

// SetRangeStep makes d ask for n values of references at a time, as a server that enforces
// MaxValRange would send them.
func SetRangeStep(d *Directory, n int) { d.rangeStep = n }
