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
