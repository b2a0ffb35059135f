package report

import (
	"time"

	"dora-exporter/internal/age"
)

// Age is a flag.Value for how far a report looks back: a duration in Go's format, with d for days and w for weeks.
type Age time.Duration

// String returns the age in Go's format.
func (a *Age) String() string { return time.Duration(*a).String() }

// Set parses an age, such as 90d, 12w, 24h or 1w2d12h.
func (a *Age) Set(text string) error {
	parsed, err := age.Parse(text)
	if err == nil {
		*a = Age(parsed)
	}
	return err
}
