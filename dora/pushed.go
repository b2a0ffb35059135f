package dora

import "time"

// SeriesStart is when a series began: its first fact was stored, or, if it was imported, what it was imported from began.
type SeriesStart struct {
	Family string
	Labels Labels
	At     time.Time
}

// PushedSeries is a series as the receiver of deltas has it.
type PushedSeries struct {
	// Instrument is the OpenTelemetry name.
	Instrument string
	Labels     Labels
	// Until is the end of the last interval that has arrived, exact to the nanosecond; zero if none has.
	Until time.Time
	// Value is the total up to Until in the published unit; of a histogram, the sum of its observations. Buckets are nil unless it
	// is a histogram.
	Value   float64
	Buckets []uint64
}
