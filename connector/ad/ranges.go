package ad

import (
	"strconv"
	"strings"
)

// A valueRange is the option by which a server says which of an attribute's values it
// sends, as in member;range=0-1499. DirSync uses the same form for something else: there
// 1-1 marks added values and 0-0 removed ones.
type valueRange struct {
	from, to int
	last     bool // to the last value; to is not set
}

func (r valueRange) added() bool   { return !r.last && r.from == 1 && r.to == 1 }
func (r valueRange) removed() bool { return !r.last && r.from == 0 && r.to == 0 }

// next returns the option that asks for what follows.
func (r valueRange) next(step int) string {
	if step <= 0 {
		return "range=" + strconv.Itoa(r.to+1) + "-*"
	}
	return "range=" + strconv.Itoa(r.to+1) + "-" + strconv.Itoa(r.to+step)
}

// parseDescription splits an attribute description into its name and its range. Other
// options are dropped. ok is false when there is a range that makes no sense.
func parseDescription(description string) (name string, r valueRange, ranged, ok bool) {
	name, options, found := strings.Cut(description, ";")
	for found {
		var option string
		option, options, found = strings.Cut(options, ";")
		key, value, isPair := strings.Cut(option, "=")
		if !isPair || !strings.EqualFold(key, "range") {
			continue
		}
		if r, ok = parseRange(value); !ok || ranged {
			return name, r, true, false
		}
		ranged = true
	}
	return name, r, ranged, true
}

func parseRange(text string) (valueRange, bool) {
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		return valueRange{}, false
	}
	var r valueRange
	n, err := strconv.ParseUint(from, 10, 31)
	if err != nil {
		return valueRange{}, false
	}
	r.from = int(n)
	if to == "*" {
		r.last = true
		return r, true
	}
	if n, err = strconv.ParseUint(to, 10, 31); err != nil || int(n) < r.from {
		return valueRange{}, false
	}
	r.to = int(n)
	return r, true
}
