// Package age parses how long ago something is.
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
