package dora

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Escape replaces the characters of a text that can't be seen by escape sequences of Go: those that a terminal would act on
// and those that change the direction of writing. Names come from outside, and every text for people passes through it.
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

// FormatMillis writes milliseconds as a duration without units that are 0 at its end, such as 25h33m.
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
