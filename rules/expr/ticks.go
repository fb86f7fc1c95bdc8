package expr

import "time"

// Dates are counted as Windows counts them: in ticks of 100 nanoseconds since 1601-01-01
// UTC. An int64 of them needs no allocation and is what Active Directory stores.
const (
	ticksPerSecond = 10_000_000
	// epoch is 1970-01-01 in seconds since 1601-01-01.
	epoch = 11_644_473_600

	// The years 1 to 9999: what dates can be.
	minTicks = -504_911_232_000_000_000
	maxTicks = 2_650_467_743_999_999_999
)

func ticksOf(t time.Time) int64 {
	return (t.Unix()+epoch)*ticksPerSecond + int64(t.Nanosecond()/100)
}

func timeOf(ticks int64) time.Time {
	seconds, rest := ticks/ticksPerSecond, ticks%ticksPerSecond
	if rest < 0 {
		seconds--
		rest += ticksPerSecond
	}
	return time.Unix(seconds-epoch, rest*100).UTC()
}
