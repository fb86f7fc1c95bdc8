package sqlstore

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// Common texts are pieces of values that many objects have: domains of mail addresses, paths
// of mailboxes, names of companies and departments. They make a good dictionary to pack
// records with. They are learnt once for each store, from the first objects that come together,
// and kept among the names, so that every process has them. What few objects have, and so all that
// tells people apart, is never among them.
const (
	learnFrom   = 64  // objects that come together, at least
	learnMost   = 256 // objects that are looked at
	commonShare = 8   // a text is common when one of so many objects has it
	textLeast   = 4   // octets of a text
	textMost    = 1000
	textsMost   = 16 << 10 // octets of all texts
)

// learn gives the store its common texts, if it has none yet and enough objects come together.
func (t *tx) learn(objects []*metaverse.CSObject) error {
	if t.dict.packer != nil || len(objects) < learnFrom {
		return nil
	}
	sets := make([]*attr.Set, min(len(objects), learnMost))
	for i := range sets {
		sets[i] = &objects[i*len(objects)/len(sets)].Image
	}
	texts := commonTexts(sets)
	if newPacker(texts) == nil {
		return nil
	}
	for _, text := range texts {
		if _, err := t.intern(nameText, text); err != nil {
			return err
		}
	}
	t.dict.learnt()
	return nil
}

// commonTexts returns the texts that many sets have, those that most have last. The same
// sets always give the same texts.
func commonTexts(sets []*attr.Set) []string {
	least := max(len(sets)/commonShare, 2)
	words := make(map[string]int)
	for _, s := range sets {
		countEach(words, s, func(value string, found func(string)) {
			for _, w := range splitWords(value) {
				found(w)
			}
		})
	}
	phrases := make(map[string]int)
	for _, s := range sets {
		countEach(phrases, s, func(value string, found func(string)) {
			phrase := ""
			for _, w := range append(splitWords(value), "") {
				if w != "" && words[w] >= least && len(phrase)+len(w) <= textMost {
					phrase += w
					continue
				}
				if len(phrase) >= textLeast {
					found(phrase)
				}
				phrase = ""
			}
		})
	}
	maps.DeleteFunc(phrases, func(_ string, n int) bool { return n < least })
	order := slices.SortedFunc(maps.Keys(phrases), func(a, b string) int {
		return cmp.Or(cmp.Compare(phrases[b], phrases[a]), cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var texts []string
	size := 0
	for _, p := range order {
		within := func(other string) bool { return strings.Contains(other, p) }
		if size+len(p) > textsMost || slices.ContainsFunc(texts, within) {
			continue
		}
		texts, size = append(texts, p), size+len(p)
	}
	slices.Reverse(texts)
	return texts
}

// countEach counts for each text in how many sets it was found.
func countEach(counts map[string]int, s *attr.Set, texts func(value string, found func(string))) {
	seen := make(map[string]bool)
	for _, values := range s.All() {
		for _, v := range values {
			if v.Kind() != attr.KindString || !utf8.ValidString(v.Str()) || strings.Contains(v.Str(), "\x00") {
				continue
			}
			texts(v.Str(), func(text string) {
				if !seen[text] {
					seen[text] = true
					counts[text]++
				}
			})
		}
	}
}

// splitWords cuts a value behind each character that words end with.
func splitWords(value string) (words []string) {
	for value != "" {
		i := strings.IndexAny(value, " ,;:@./=-_()") + 1
		if i == 0 || i > textMost {
			i = len(value)
		}
		words, value = append(words, value[:i]), value[i:]
	}
	return words
}
