package sqlstore

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A pgStatement is a statement as PostgreSQL takes it.
type pgStatement struct {
	text   string
	kinds  string // of the arguments
	width  int    // number of columns of {values}; 0 for none
	writes string // the table that it changes, "" for none
	reads  []string
	// keys are the columns of {values} that tell rows apart in an INSERT that replaces what
	// is there. Such a statement must not meet the same row twice.
	keys []int
}

// Kinds of arguments.
const (
	pgInt   = 'i'
	pgBytes = 'b' // NULL, too
	pgText  = 's'
	pgList  = 'l'
)

type pgKey struct {
	text, kinds string
	width       int
}

func kindOf(arg any) byte {
	switch arg.(type) {
	case int64:
		return pgInt
	case string:
		return pgText
	case list:
		return pgList
	default:
		return pgBytes
	}
}

func typeOf(kind byte) string {
	switch kind {
	case pgInt:
		return "bigint"
	case pgText:
		return "text"
	case pgList:
		return "bigint[]"
	default:
		return "bytea"
	}
}

// pgWords are the words that statements have for what databases spell differently.
var pgWords = strings.NewReplacer("{now}", "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
	"{locked}", " FOR UPDATE", "{held}", " FOR KEY SHARE")

var (
	reTable    = regexp.MustCompile(`\b(FROM|JOIN|INTO|UPDATE)\s+([a-z_]+)\b`)
	reList     = regexp.MustCompile(`json_each\(\?\)( j)?`)
	reMark     = regexp.MustCompile(`\?1?`)
	reOneRow   = regexp.MustCompile(`VALUES \(\?(, \?)*\)`)
	reTuple    = regexp.MustCompile(`^(DELETE FROM \w+ WHERE )(\w+ = \?(?: AND \w+ = \?)*)$`)
	reTupleEnd = regexp.MustCompile(` = \?`)
	reInsert   = regexp.MustCompile(`^INSERT INTO (\w+) \(([^)]*)\)`)
	reReplace  = regexp.MustCompile(`ON CONFLICT \(([^)]*)\) DO UPDATE`)
)

// pgColumnar returns a statement that writes one row, by its values or by its key, in the form
// that takes many rows; ok is false for other statements.
func pgColumnar(q string) (_ string, ok bool) {
	if reOneRow.MatchString(q) {
		return reOneRow.ReplaceAllString(q, "VALUES {values}"), true
	}
	if m := reTuple.FindStringSubmatch(q); m != nil {
		columns := strings.ReplaceAll(reTupleEnd.ReplaceAllString(m[2], ""), " AND ", ", ")
		return m[1] + "(" + columns + ") IN (VALUES {values})", true
	}
	return q, strings.Contains(q, "{values}")
}

// pgTranslate rewrites a statement. Rows of arguments become arrays, one for each column, so
// that a thousand rows are one statement whose text does not depend on their number; each argument
// has its type, so that the server need not guess. kinds are those of the columns of {values},
// if width is not 0, then those of the other arguments.
func pgTranslate(q, kinds string, width int) (*pgStatement, error) {
	s := &pgStatement{kinds: kinds, width: width}
	for _, m := range reTable.FindAllStringSubmatch(q, -1) {
		switch {
		case m[2] == "set" || m[2] == "json_each" || m[2] == "j":
		case m[1] == "INTO" || m[1] == "UPDATE" || m[1] == "FROM" && strings.Contains(q, "DELETE FROM "+m[2]):
			s.writes = m[2]
		case !slices.Contains(s.reads, m[2]):
			s.reads = append(s.reads, m[2])
		}
	}
	if m := reReplace.FindStringSubmatch(q); m != nil && width > 0 {
		columns := strings.Split(reInsert.FindStringSubmatch(q)[2], ", ")
		for k := range strings.SplitSeq(m[1], ", ") {
			s.keys = append(s.keys, slices.Index(columns, k))
		}
	}
	n := 0
	param := func(array string) string {
		n++
		return "$" + strconv.Itoa(n) + "::" + typeOf(kinds[n-1]) + array
	}
	text := pgWords.Replace(q)
	if width > 0 {
		arrays, names := make([]string, width), make([]string, width)
		for i := range width {
			arrays[i], names[i] = param("[]"), "column"+strconv.Itoa(i+1)
		}
		unnest := "unnest(" + strings.Join(arrays, ", ") + ")"
		text = strings.Replace(text, "(VALUES {values}) q", unnest+" AS q("+strings.Join(names, ", ")+")", 1)
		text = strings.Replace(text, "VALUES {values}", "SELECT * FROM "+unnest, 1)
	}
	ids := "unnest(?) AS j(value)"
	if strings.Contains(q, "j.key") { // the place in the list
		ids = "(SELECT u.value, u.place - 1 AS key FROM unnest(?) WITH ORDINALITY AS u(value, place)) AS j"
	}
	text = reList.ReplaceAllString(text, ids)
	text = reMark.ReplaceAllStringFunc(text, func(mark string) string {
		if mark == "?1" {
			return "$1::" + typeOf(kinds[0])
		}
		if n >= len(kinds) {
			n++
			return mark
		}
		return param("")
	})
	if strings.Contains(q, "?1") {
		n = 1
	}
	if n != len(kinds) {
		return nil, fmt.Errorf("sqlstore: %d arguments for %d places: %s", len(kinds), n, q)
	}
	s.text = text
	return s, nil
}

// pgEscape marks an octet that PostgreSQL cannot have in a text: two hexadecimal digits follow.
// It is a character of the private use area.
const pgEscape = "\uf8ff"

// pgString makes a text of any string: PostgreSQL takes only valid UTF-8 without NUL.
func pgString(s string) string {
	if utf8.ValidString(s) && !strings.ContainsAny(s, "\x00"+pgEscape) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == 0 || r == utf8.RuneError && size == 1 || s[i:i+size] == pgEscape {
			for _, c := range []byte(s[i : i+size]) {
				fmt.Fprintf(&b, "%s%02x", pgEscape, c)
			}
		} else {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// goString undoes pgString.
func goString(s string) string {
	if !strings.Contains(s, pgEscape) {
		return s
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, pgEscape)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		c, err := strconv.ParseUint(after[:min(2, len(after))], 16, 8)
		if err != nil { // not ours
			b.WriteString(pgEscape)
			s = after
			continue
		}
		b.WriteByte(byte(c))
		s = after[2:]
	}
}
