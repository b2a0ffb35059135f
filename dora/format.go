package dora

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Escape replaces unprintable characters by Go escape sequences: those that control a terminal, and those that change the direction of
// text. Names come from outside, so everything that is printed for people passes through it.
func Escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// FormatMillis formats milliseconds as a duration without trailing zero units, such as 25h33m.
func FormatMillis(ms int64) string {
	s := (time.Duration(ms) * time.Millisecond).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// FormatTime formats a time as RFC 3339 in UTC.
func FormatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// FormatTimes says how often something happened: once, twice, 3 times.
func FormatTimes(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return strconv.Itoa(n) + " times"
}
