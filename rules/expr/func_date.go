package expr

import (
	"strings"
	"time"
)

func dateFunctions() []Function {
	intervals := []string{"yyyy", "q", "m", "y", "d", "w", "ww", "h", "n", "s"}
	return chapter("Date and time", []Function{
		{
			Name: "Now", Result: TypeDate, Volatile: true,
			Doc:      "Returns the time at which the rule is evaluated, in UTC.",
			Examples: []Example{{Expr: `CDate("2001-01-01") < Now()`, Want: `True`}},
			Eval:     func(c *Call, _ []Value) (Value, error) { return Date(c.Now()), nil },
		},
		{
			Name: "DateAdd", Result: TypeDate,
			Params: []Param{{Name: "interval", Type: TypeString, Words: intervals}, {Name: "number", Type: TypeNumber}, {Name: "date", Type: TypeDate}},
			Doc: "Returns the date moved by the number of intervals, back for a negative one: yyyy years, q quarters, m months, ww weeks, " +
				"h hours, n minutes, s seconds; d, y and w all are days. A day that the month does not have becomes its last day.",
			Examples: []Example{
				{Expr: `DateAdd("m",3,CDate("2001-01-01"))`, Want: `2001-04-01T00:00:00Z`},
				{Expr: `DateAdd("m",1,CDate("2001-01-31"))`, Want: `2001-02-28T00:00:00Z`},
			},
			Eval: addDate,
		},
		{
			Name: "DateFromNum", Result: TypeDate,
			Params:   []Param{{Name: "ticks", Type: TypeNumber}},
			Doc:      "Returns the date that Active Directory stores as a number: units of 100 nanoseconds since 1601-01-01 UTC. A number beyond the year 9999, with which accounts say that they never expire, is an error.",
			Examples: []Example{{Expr: `DateFromNum(129699324000000000)`, Want: `2012-01-01T23:00:00Z`}},
			Eval: func(_ *Call, a []Value) (Value, error) {
				if a[0].num < 0 {
					return Value{}, Errorf(CodeRange, "the number is no date: it is negative")
				}
				return dateOf(a[0].num)
			},
		},
		{
			Name: "NumFromDate", Result: TypeNumber,
			Params:   []Param{{Name: "date", Type: TypeDate}},
			Doc:      "Returns the date as the number that Active Directory stores; see DateFromNum.",
			Examples: []Example{{Expr: `NumFromDate(CDate("2012-01-01 23:00:00"))`, Want: `129699324000000000`}},
			Eval:     func(_ *Call, a []Value) (Value, error) { return Number(a[0].num), nil },
		},
		{
			Name: "FormatDateTime", Result: TypeString,
			Params: []Param{{Name: "date", Type: TypeDate}, {Name: "format", Type: TypeString}},
			Doc: "Returns the date as text, in UTC. In the format stand yyyy yy y for the year, MMMM MMM MM M month, dddd ddd dd d day, HH H hour, hh h hour of twelve, " +
				"mm m minute, ss s second, f to fffffff fractions of a second (F to FFFFFFF without zeros at the end), tt t AM or PM, zzz zz z and K the zone. " +
				"Text between ' or \" and the character behind \\ stand for themselves, and so does everything else. Names are English.",
			Examples: []Example{
				{Expr: `FormatDateTime(CDate("12/25/2007"),"yyyy-MM-dd")`, Want: `"2007-12-25"`},
				{Given: given{"pwdLastSet": numbers(130543784930000000)}, Expr: `CStr(FormatDateTime(DateFromNum([pwdLastSet]),"yyyyMMddHHmmss.0Z"))`, Want: `"20140905081453.0Z"`},
			},
			Eval: func(c *Call, a []Value) (Value, error) {
				if err := c.Spend(4 * len(a[1].str)); err != nil {
					return Value{}, err
				}
				return Text(formatDate(a[0].num, a[1].str)), nil
			},
		},
	})
}

// dateOf returns the date with the ticks, an error outside of the years 1 to 9999.
func dateOf(ticks int64) (Value, error) {
	if ticks < minTicks || ticks > maxTicks {
		return Value{}, Errorf(CodeRange, "the date is not in the years 1 to 9999")
	}
	return Value{kind: TypeDate, num: ticks}, nil
}

func addDate(_ *Call, a []Value) (Value, error) {
	n, ticks := a[1].num, a[2].num
	// More than 9999 years of anything leaves the calendar; this also keeps products small.
	const most = 10_000 * 366 * 24 * 3600
	if n > most || n < -most {
		return dateOf(maxTicks + 1)
	}
	const second = ticksPerSecond
	switch interval := strings.ToLower(a[0].str); interval {
	case "yyyy":
		return addMonths(ticks, 12*n)
	case "q":
		return addMonths(ticks, 3*n)
	case "m":
		return addMonths(ticks, n)
	case "ww":
		return addTicks(ticks, n, 7*24*3600*second)
	case "d", "y", "w":
		return addTicks(ticks, n, 24*3600*second)
	case "h":
		return addTicks(ticks, n, 3600*second)
	case "n":
		return addTicks(ticks, n, 60*second)
	case "s":
		return addTicks(ticks, n, second)
	default:
		return Value{}, Errorf(CodeValue, "the interval is none of those it knows")
	}
}

func addTicks(ticks, n, unit int64) (Value, error) {
	product, ok := calculate(opMultiply, n, unit)
	if !ok {
		return dateOf(maxTicks + 1)
	}
	sum, ok := calculate(opAdd, ticks, product)
	if !ok {
		return dateOf(maxTicks + 1)
	}
	return dateOf(sum)
}

func addMonths(ticks, n int64) (Value, error) {
	t := timeOf(ticks)
	months := int64(t.Year())*12 + int64(t.Month()) - 1 + n
	year, month := months/12, months%12
	if months < 12 || year > 9999 {
		return dateOf(maxTicks + 1)
	}
	last := time.Date(int(year), time.Month(month)+2, 0, 0, 0, 0, 0, time.UTC).Day()
	moved := time.Date(int(year), time.Month(month)+1, min(t.Day(), last), 0, 0, 0, 0, time.UTC)
	const day = 24 * 3600 * ticksPerSecond
	within := (ticks%day + day) % day
	return dateOf(ticksOf(moved) + within)
}
