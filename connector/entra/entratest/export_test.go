package entratest

// Parsers of outside input, for their fuzz tests.

// ParseFilterForTest parses and compiles a filter for users.
func ParseFilterForTest(text string) (matches func(upn string) bool, ok bool) {
	k := newCatalog().kind("user")
	p, _, f := filterFor(k, text, true)
	if f != nil {
		return nil, false
	}
	return func(upn string) bool {
		o := &object{id: newGUID(), kind: k}
		o.set(k.byName["userPrincipalName"], upn)
		return p(o)
	}, true
}

// DecodeBatchForTest returns the ids of an accepted batch.
func DecodeBatchForTest(body []byte) (ids []string, ok bool) {
	items, f := decodeBatch(body)
	for _, it := range items {
		ids = append(ids, it.ID)
	}
	return ids, f == nil
}

// ParseAssertionForTest reports whether an assertion is well formed.
func ParseAssertionForTest(compact string) bool {
	_, err := parseAssertion(compact)
	return err == nil
}
