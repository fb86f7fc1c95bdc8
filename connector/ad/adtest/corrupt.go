package adtest

// Corrupt stores values of an attribute without any check, as a damaged database or a
// careless tool of the vendor would: text that is not UTF-8, numbers that are none, binary
// where text belongs. It is for attributes that are not links.
func (s *Server) Corrupt(dn, attribute string, values ...string) error {
	return s.edit(func(d *directory, _ *update) error {
		e, err := d.find(dn)
		if err != nil {
			return err
		}
		def := d.s.attr(attribute)
		if def == nil || def.linkID != 0 || def.source != nil {
			return unknownAttribute()
		}
		e.set(def, values, d.begin().touch(e))
		return nil
	})
}
