package report

import (
	"strings"
	"testing"
	"time"
)

func TestAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90d": 90 * 24 * time.Hour, "12w": 84 * 24 * time.Hour, "24h": 24 * time.Hour, "1.5d": 36 * time.Hour, "1w2d12h": 228 * time.Hour, "90m": 90 * time.Minute,
	} {
		var a Age
		if err := a.Set(text); err != nil || time.Duration(a) != want {
			t.Errorf("%s: %v, want %v, %v", text, time.Duration(a), want, err)
		}
	}
	for _, text := range []string{"", "90", "d", "-1d", "0d", "1x", "1 d", "1d ", "1e9w", "999999999w", "..d", "1d2", "NaNd", "infd"} {
		var a Age
		if err := a.Set(text); err == nil || !strings.Contains(err.Error(), "such as 90d, 12w or 24h") {
			t.Errorf("%q: %v, %v", text, time.Duration(a), err)
		}
	}
}
