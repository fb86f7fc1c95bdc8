package expr

import (
	"strconv"
	"strings"
	"time"
)

// formatDate writes a date in .NET's custom format.
func formatDate(ticks int64, format string) string {
	t := timeOf(ticks)
	var buf [64]byte // enough for what rules write, without allocation
	out := buf[:0]
	for i := 0; i < len(format); {
		c := format[i]
		n := 1
		for i+n < len(format) && format[i+n] == c {
			n++
		}
		switch c {
		case '\'', '"':
			n = 1
			text := format[i+1:]
			if end := strings.IndexByte(text, c); end >= 0 {
				text = text[:end]
				n++
			}
			out = append(out, text...)
			n += len(text)
		case '\\':
			n = 1
			if i+1 < len(format) {
				out = append(out, format[i+1])
				n = 2
			}
		case '%':
			n = 1 // marks a specifier that stands alone
		default:
			if part, ok := appendPart(out, t, ticks, c, n); ok {
				out = part
			} else {
				out = append(out, format[i:i+n]...)
			}
		}
		i += n
	}
	return string(out)
}

// appendPart appends what n letters c stand for; ok is false when they stand for themselves.
func appendPart(out []byte, t time.Time, ticks int64, c byte, n int) (part []byte, ok bool) {
	switch c {
	case 'y':
		return appendYear(out, t.Year(), n), true
	case 'M':
		return appendNamed(out, int(t.Month()), t.Month().String(), n), true
	case 'd':
		return appendNamed(out, t.Day(), t.Weekday().String(), n), true
	case 'H':
		return pad(out, t.Hour(), min(n, 2)), true
	case 'h':
		return pad(out, (t.Hour()+11)%12+1, min(n, 2)), true
	case 'm':
		return pad(out, t.Minute(), min(n, 2)), true
	case 's':
		return pad(out, t.Second(), min(n, 2)), true
	case 'f', 'F':
		return appendFraction(out, ticks, c, n)
	case 't':
		half := "AM"
		if t.Hour() >= 12 {
			half = "PM"
		}
		return append(out, half[:min(n, 2)]...), true
	case 'z':
		return append(out, [...]string{"+0", "+00", "+00:00"}[min(n, 3)-1]...), true
	case 'K':
		return append(out, strings.Repeat("Z", n)...), true
	default:
		return out, false
	}
}

func appendYear(out []byte, year, n int) []byte {
	if n <= 2 {
		year %= 100
	}
	return pad(out, year, n)
}

// appendNamed writes a number in one or two digits, or a name short or in full.
func appendNamed(out []byte, number int, name string, n int) []byte {
	switch {
	case n <= 2:
		return pad(out, number, n)
	case n == 3:
		return append(out, name[:3]...)
	default:
		return append(out, name...)
	}
}

func appendFraction(out []byte, ticks int64, c byte, n int) ([]byte, bool) {
	if n > 7 {
		return out, false
	}
	fraction := int((ticks%ticksPerSecond + ticksPerSecond) % ticksPerSecond)
	digits := string(pad(nil, fraction, 7))[:n]
	if c == 'F' {
		digits = strings.TrimRight(digits, "0")
	}
	return append(out, digits...), true
}

// pad appends a number with at least width digits.
func pad(out []byte, n, width int) []byte {
	var buf [20]byte
	digits := strconv.AppendInt(buf[:0], int64(n), 10)
	for i := len(digits); i < width; i++ {
		out = append(out, '0')
	}
	return append(out, digits...)
}
