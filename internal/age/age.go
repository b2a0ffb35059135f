// Package age parses how long ago something is, and times that may be written so.
package age

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// maxAge is far below the maximum of a time.Duration.
const maxAge = 100 * 365 * 24 * time.Hour

// Parse returns an age, such as 90d, 12w, 24h or 1w2d12h: a duration in Go's format, with d for days and w for weeks.
func Parse(text string) (time.Duration, error) {
	var total float64 // in nanoseconds
	for rest := text; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		unit := len(rest[digits:]) - len(strings.TrimLeft(rest[digits:], "abcdefghijklmnopqrstuvwxyzµμ"))
		number, err := strconv.ParseFloat(rest[:digits], 64)
		length := map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[rest[digits:digits+unit]]
		if length == 0 {
			length, _ = time.ParseDuration("1" + rest[digits:digits+unit])
		}
		if err != nil || length == 0 {
			return 0, errors.New("must be a number with a unit, such as 90d, 12w or 24h")
		}
		total += number * float64(length)
		rest = rest[digits+unit:]
	}
	if total <= 0 || total > float64(maxAge) {
		return 0, errors.New("must be above 0 and at most a hundred years, such as 90d, 12w or 24h")
	}
	return time.Duration(total), nil
}

// ParseDate returns the beginning of a day in UTC, such as 2025-01-31.
func ParseDate(text string) (time.Time, error) { return time.Parse(time.DateOnly, text) }

// ParseTime returns the time of a date, such as 2025-01-31, or of an age before now, such as 365d.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if at, err := ParseDate(text); err == nil {
		return at, nil
	}
	ago, err := Parse(text)
	if err != nil {
		return time.Time{}, errors.New("must be a date such as 2025-01-01, or an age such as 365d")
	}
	return now.Add(-ago), nil
}
