package expr

import (
	"strings"
	"time"
)

// parseDate reads the forms of dates that CDate documents and returns ticks.
func parseDate(s string) (ticks int64, ok bool) {
	p := dateParser{s: strings.TrimSpace(s)}
	if !p.date() {
		return 0, false
	}
	p.separator()
	if p.s != "" && isDigit(p.s[0]) && !p.time() {
		return 0, false
	}
	p.spaces()
	if p.s != "" && !p.zone() {
		return 0, false
	}
	last := time.Date(p.year, time.Month(p.month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	if p.s != "" || p.year < 1 || p.month < 1 || p.month > 12 || p.day < 1 || p.day > last {
		return 0, false
	}
	t := time.Date(p.year, time.Month(p.month), p.day, p.hour, p.minute, p.second, 0, time.UTC)
	ticks = ticksOf(t) + p.fraction - p.offset*ticksPerSecond
	return ticks, minTicks <= ticks && ticks <= maxTicks
}

// A dateParser holds what has been read, and in s what has not.
type dateParser struct {
	s                    string
	year, month, day     int
	hour, minute, second int
	fraction             int64 // ticks
	offset               int64 // seconds east of UTC
}

func (p *dateParser) spaces() { p.s = strings.TrimLeft(p.s, " \t") }

// separator skips what stands between date and time.
func (p *dateParser) separator() {
	if len(p.s) > 1 && (p.s[0] == 'T' || p.s[0] == 't') && isDigit(p.s[1]) {
		p.s = p.s[1:]
	}
	p.spaces()
}

// number reads least to most digits.
func (p *dateParser) number(least, most int) (n int, ok bool) {
	i := 0
	for i < len(p.s) && i < most && isDigit(p.s[i]) {
		n = n*10 + int(p.s[i]-'0')
		i++
	}
	p.s = p.s[i:]
	return n, i >= least
}

func (p *dateParser) skip(c byte) bool {
	if p.s == "" || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	return true
}

func (p *dateParser) date() bool {
	digits := 0
	for digits < len(p.s) && isDigit(p.s[digits]) {
		digits++
	}
	switch digits {
	case 8, 14:
		return p.compact(digits == 14)
	case 4:
		return p.yearFirst()
	case 1, 2:
		if digits < len(p.s) && p.s[digits] == '/' {
			return p.monthFirst()
		}
		return p.dayAndName()
	default:
		return p.nameFirst()
	}
}

// compact reads 20140905 and 20140905081453, which may have a fraction.
func (p *dateParser) compact(withTime bool) bool {
	p.year, _ = p.number(4, 4)
	p.month, _ = p.number(2, 2)
	p.day, _ = p.number(2, 2)
	if !withTime {
		return true
	}
	p.hour, _ = p.number(2, 2)
	p.minute, _ = p.number(2, 2)
	p.second, _ = p.number(2, 2)
	return p.clock() && p.decimals()
}

func (p *dateParser) yearFirst() bool {
	p.year, _ = p.number(4, 4)
	if p.s == "" {
		return false
	}
	separator := p.s[0]
	if separator != '-' && separator != '/' && separator != '.' {
		return false
	}
	p.s = p.s[1:]
	var ok bool
	if p.month, ok = p.number(1, 2); !ok || !p.skip(separator) {
		return false
	}
	p.day, ok = p.number(1, 2)
	return ok
}

func (p *dateParser) monthFirst() bool {
	p.month, _ = p.number(1, 2)
	p.skip('/')
	var ok bool
	if p.day, ok = p.number(1, 2); !ok || !p.skip('/') {
		return false
	}
	p.year, ok = p.number(4, 4)
	return ok
}

// dayAndName reads 10 Jan 2013 and 10-Jan-2013.
func (p *dateParser) dayAndName() bool {
	p.day, _ = p.number(1, 2)
	p.gap()
	if !p.name() {
		return false
	}
	p.gap()
	var ok bool
	p.year, ok = p.number(4, 4)
	return ok
}

// nameFirst reads Jan 10, 2013.
func (p *dateParser) nameFirst() bool {
	if !p.name() {
		return false
	}
	p.gap()
	var ok bool
	if p.day, ok = p.number(1, 2); !ok {
		return false
	}
	p.skip(',')
	p.gap()
	p.year, ok = p.number(4, 4)
	return ok
}

func (p *dateParser) gap() { p.s = strings.TrimLeft(p.s, " \t-") }

// name reads the English name of a month, or its first three letters.
func (p *dateParser) name() bool {
	n := 0
	for n < len(p.s) && (p.s[n]|0x20 >= 'a' && p.s[n]|0x20 <= 'z') {
		n++
	}
	word := p.s[:n]
	for m := time.January; m <= time.December; m++ {
		full := m.String()
		if strings.EqualFold(word, full) || strings.EqualFold(word, full[:3]) {
			p.month = int(m)
			p.s = p.s[n:]
			return true
		}
	}
	return false
}

func (p *dateParser) time() bool {
	var ok bool
	if p.hour, ok = p.number(1, 2); !ok || !p.skip(':') {
		return false
	}
	if p.minute, ok = p.number(2, 2); !ok {
		return false
	}
	if p.skip(':') {
		if p.second, ok = p.number(2, 2); !ok || !p.decimals() {
			return false
		}
	}
	p.spaces()
	if len(p.s) >= 2 && strings.EqualFold(p.s[:2], "AM") || len(p.s) >= 2 && strings.EqualFold(p.s[:2], "PM") {
		if p.hour < 1 || p.hour > 12 {
			return false
		}
		p.hour %= 12
		if p.s[0]|0x20 == 'p' {
			p.hour += 12
		}
		p.s = p.s[2:]
	}
	return p.clock()
}

func (p *dateParser) clock() bool { return p.hour < 24 && p.minute < 60 && p.second < 60 }

// decimals reads a fraction of a second, of which ticks keep seven digits.
func (p *dateParser) decimals() bool {
	if !p.skip('.') {
		return true
	}
	unit := int64(ticksPerSecond)
	digits := 0
	for p.s != "" && isDigit(p.s[0]) {
		unit /= 10
		p.fraction += int64(p.s[0]-'0') * unit
		p.s = p.s[1:]
		digits++
	}
	return digits > 0
}

// zone reads Z, UTC, GMT and differences such as -8, +02, +05:30 and -0800.
func (p *dateParser) zone() bool {
	for _, name := range [...]string{"UTC", "GMT", "Z"} {
		if len(p.s) >= len(name) && strings.EqualFold(p.s[:len(name)], name) {
			p.s = p.s[len(name):]
			if p.s == "" {
				return true
			}
			break
		}
	}
	sign := int64(1)
	switch {
	case p.skip('-'):
		sign = -1
	case !p.skip('+'):
		return false
	}
	hours, ok := p.number(1, 2)
	if !ok {
		return false
	}
	minutes := 0
	if p.skip(':') || p.s != "" {
		if minutes, ok = p.number(2, 2); !ok {
			return false
		}
	}
	p.offset = sign * int64(hours*3600+minutes*60)
	return hours <= 14 && minutes < 60
}
