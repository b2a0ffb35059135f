package receivers

import (
	"math"
	"strconv"
	"time"
)

// jiraTime reads a time in one of the forms that Jira sends: 2026-01-15T10:30:00.000+0100, RFC 3339, or the milliseconds or, with at
// most ten digits, the seconds since 1970, as a number or a text.
func jiraTime(value []byte) (time.Time, bool) {
	text, ok := textOf(value)
	if !ok {
		return time.Time{}, false
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return timeOfNumber(n)
	}
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339, "2006-01-02T15:04:05-07"} {
		if at, err := time.Parse(layout, text); err == nil && storable(at) {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// Numbers of ten digits are seconds.
const firstSecond, lastSecond = 1_000_000_000, 9_999_999_999

// The years 1 to 9999, which JSON times can represent.
const (
	minMillis = -62_135_596_800_000
	maxMillis = 253_402_300_799_999
)

func timeOfNumber(n float64) (time.Time, bool) {
	if n >= firstSecond && n < lastSecond+1 {
		n *= 1000
	}
	if !(n > 0 && n <= maxMillis) {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(math.Round(n))).UTC(), true
}
