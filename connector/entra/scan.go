package entra

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// errJSON is what the scanner says to text that is not JSON.
var errJSON = errors.New("the answer is not valid JSON")

// A scanner walks over JSON text. Pages of a large tenant are read with it instead of with
// encoding/json because two things matter here that structs cannot give at once: null and
// absent differ, and a hundred thousand objects must not cost a minute. The text has been
// checked by [json.Valid] before, so that the scanner can be simple; it still never reads
// out of bounds and never loops for ever, whatever it is given.
type scanner struct {
	b []byte
	i int
}

// newScanner checks text and returns a scanner at its beginning.
func newScanner(text []byte) (*scanner, error) {
	if !json.Valid(text) {
		return nil, errJSON
	}
	return &scanner{b: text}, nil
}

// peek skips white space and returns the first octet of the next token, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// object calls member for every member of the object that comes next, with the scanner
// at the member's value, which member has to consume. The name is good until then.
func (s *scanner) object(member func(name []byte) error) error {
	if s.peek() != '{' {
		return errJSON
	}
	s.i++
	for {
		switch s.peek() {
		case '}':
			s.i++
			return nil
		case ',':
			s.i++
			continue
		}
		name, err := s.name()
		if err != nil {
			return err
		}
		if s.peek() != ':' {
			return errJSON
		}
		s.i++
		if err := member(name); err != nil {
			return err
		}
	}
}

// array calls element for every element of the array that comes next, with the scanner at
// the element, which the function has to consume.
func (s *scanner) array(element func() error) error {
	if s.peek() != '[' {
		return errJSON
	}
	s.i++
	for {
		switch s.peek() {
		case ']':
			s.i++
			return nil
		case ',':
			s.i++
			continue
		case 0:
			return errJSON
		}
		if err := element(); err != nil {
			return err
		}
	}
}

// raw consumes a string and returns it with its quotes, and whether it has escapes.
func (s *scanner) raw() (text []byte, escaped bool, err error) {
	if s.peek() != '"' {
		return nil, false, errJSON
	}
	start := s.i
	for s.i++; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '\\':
			escaped = true
			s.i++
		case '"':
			s.i++
			return s.b[start:s.i], escaped, nil
		}
	}
	return nil, false, errJSON
}

func (s *scanner) name() ([]byte, error) {
	text, escaped, err := s.raw()
	if err != nil {
		return nil, err
	}
	if !escaped {
		return text[1 : len(text)-1], nil
	}
	var name string
	err = json.Unmarshal(text, &name)
	return []byte(name), err
}

// str consumes a string.
func (s *scanner) str() (string, error) {
	text, escaped, err := s.raw()
	if err != nil {
		return "", err
	}
	if inner := text[1 : len(text)-1]; !escaped && utf8.Valid(inner) {
		return string(inner), nil
	}
	var out string
	err = json.Unmarshal(text, &out)
	return out, err
}

// null consumes a null and reports whether there was one.
func (s *scanner) null() bool {
	if s.peek() == 'n' && bytes.HasPrefix(s.b[s.i:], []byte("null")) {
		s.i += len("null")
		return true
	}
	return false
}

// word consumes a literal or a number and returns its text.
func (s *scanner) word() ([]byte, error) {
	s.peek()
	start := s.i
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ',', '}', ']', ' ', '\t', '\r', '\n', ':', '"', '{', '[':
		default:
			s.i++
			continue
		}
		break
	}
	if s.i == start {
		return nil, errJSON
	}
	return s.b[start:s.i], nil
}

// skip consumes any value.
func (s *scanner) skip() error {
	_, err := s.value()
	return err
}

// value consumes any value and returns its text.
func (s *scanner) value() ([]byte, error) {
	c := s.peek()
	start := s.i
	switch c {
	case '"':
		_, _, err := s.raw()
		return s.b[start:s.i], err
	case '{', '[':
		for depth := 0; s.i < len(s.b); {
			switch s.b[s.i] {
			case '"':
				if _, _, err := s.raw(); err != nil {
					return nil, err
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			s.i++
			if depth == 0 {
				return s.b[start:s.i], nil
			}
		}
		return nil, errJSON
	default:
		return s.word()
	}
}
