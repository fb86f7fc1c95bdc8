package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The language counts text in Unicode characters (code points), not in units of UTF-16 as
// .NET does: no function can then cut an emoji in half. Bytes that are no UTF-8 count one
// each.

func runeLen(s string) int { return utf8.RuneCountInString(s) }

// runeOffset returns the byte offset behind the first n characters.
func runeOffset(s string, n int64) int {
	if n <= 0 {
		return 0
	}
	if n >= int64(len(s)) {
		return len(s)
	}
	offset := 0
	for ; n > 0 && offset < len(s); n-- {
		if s[offset] < utf8.RuneSelf {
			offset++
			continue
		}
		_, size := utf8.DecodeRuneInString(s[offset:])
		offset += size
	}
	return offset
}

// indexText returns the byte offset of match in s, -1 if there is none.
func indexText(s, match string, fold bool) int {
	if fold {
		return indexFold(s, match)
	}
	return strings.Index(s, match)
}

// searchCost returns the steps that a search may take. Without regard to case every place
// may have to be compared to the end of match.
func searchCost(s, match string, fold bool) int {
	if fold {
		return len(s) * (1 + len(match)) / 64
	}
	return len(s) / 64
}

func lastIndexText(s, match string, fold bool) int {
	if !fold {
		return strings.LastIndex(s, match)
	}
	last := -1
	for from := 0; from <= len(s); {
		at := indexFold(s[from:], match)
		if at < 0 {
			break
		}
		last = from + at
		_, size := utf8.DecodeRuneInString(s[last:])
		from = last + max(size, 1)
	}
	return last
}

// indexFold is strings.Index without regard to case.
func indexFold(s, match string) int {
	for i := 0; i <= len(s); {
		if hasPrefixFold(s[i:], match) {
			return i
		}
		if i == len(s) {
			break
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return -1
}

func hasPrefixFold(s, prefix string) bool {
	for prefix != "" {
		if s == "" {
			return false
		}
		a, n := utf8.DecodeRuneInString(s)
		b, m := utf8.DecodeRuneInString(prefix)
		if a != b && foldRune(a) != foldRune(b) {
			return false
		}
		s, prefix = s[n:], prefix[m:]
	}
	return true
}

func foldRune(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

// properCase is PCase.
func properCase(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for len(s) > 0 {
		end := strings.IndexFunc(s, unicode.IsSpace)
		switch {
		case end == 0:
			_, size := utf8.DecodeRuneInString(s)
			b.WriteString(s[:size])
			s = s[size:]
			continue
		case end < 0:
			end = len(s)
		}
		writeProper(&b, s[:end])
		s = s[end:]
	}
	return b.String()
}

// writeProper writes one word. Characters before its first letter stay.
func writeProper(b *strings.Builder, word string) {
	if !strings.ContainsFunc(word, unicode.IsLower) && strings.ContainsFunc(word, unicode.IsUpper) {
		b.WriteString(word)
		return
	}
	first := true
	for i, r := range word {
		switch {
		case r == utf8.RuneError:
			_, size := utf8.DecodeRuneInString(word[i:])
			b.WriteString(word[i : i+size])
		case first && unicode.IsLetter(r):
			b.WriteRune(unicode.ToTitle(r))
			first = false
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
}

func word(c *Call, a []Value) (Value, error) { return wordOf(c, &a[0], &a[1], &a[2]) }

func wordOf(c *Call, from, at, ends *Value) (Value, error) {
	text, number, delimiters := from.str, at.num, ends.str
	if err := c.Work(len(text) * (1 + len(delimiters)) / 64); err != nil {
		return Value{}, err
	}
	for ; number >= 1; number-- {
		end := strings.IndexAny(text, delimiters)
		if number == 1 {
			if end < 0 {
				end = len(text)
			}
			return Text(text[:end]), nil
		}
		if end < 0 {
			break
		}
		_, size := utf8.DecodeRuneInString(text[end:])
		text = text[end+size:]
	}
	return Text(""), nil
}

// replaceChars is ReplaceChars. Patterns are as long as an alphabet and most texts hold
// nothing to replace, so for every character the pattern is looked through.
func replaceChars(c *Call, a []Value) (Value, error) {
	text, pattern := a[0].str, a[1].str
	if strings.ContainsFunc(pattern, unicode.IsSpace) {
		pattern = strings.Join(strings.Fields(pattern), "")
	}
	if !goodPattern(pattern) {
		return Value{}, Errorf(CodeValue, "the pattern is not of the form x:y,x:y with one character x")
	}
	if err := c.Work(len(text) * (1 + len(pattern)/64)); err != nil {
		return Value{}, err
	}
	size := 0
	changed := false
	for rest := text; rest != ""; {
		_, n := utf8.DecodeRuneInString(rest)
		with, found := replacement(pattern, rest[:n])
		size += n
		if found {
			changed = true
			size += len(with) - n
		}
		rest = rest[n:]
	}
	if !changed {
		return a[0], nil
	}
	if err := c.Spend(size); err != nil {
		return Value{}, err
	}
	var b strings.Builder
	b.Grow(size)
	for rest := text; rest != ""; {
		_, n := utf8.DecodeRuneInString(rest)
		if with, found := replacement(pattern, rest[:n]); found {
			b.WriteString(with)
		} else {
			b.WriteString(rest[:n])
		}
		rest = rest[n:]
	}
	return Text(b.String()), nil
}

// goodPattern reports whether a pattern without white space can be understood. A comma at
// its end is let pass.
func goodPattern(pattern string) bool {
	for pattern != "" {
		var pair string
		pair, pattern, _ = strings.Cut(pattern, ",")
		from, with, ok := strings.Cut(pair, ":")
		if !ok || runeLen(from) != 1 || strings.Contains(with, ":") {
			return false
		}
	}
	return true
}

// replacement returns what the pattern puts in the place of a character.
func replacement(pattern, character string) (with string, found bool) {
	for pattern != "" {
		var pair string
		pair, pattern, _ = strings.Cut(pattern, ",")
		from, with, _ := strings.Cut(pair, ":")
		if from == character {
			return with, true
		}
	}
	return "", false
}
