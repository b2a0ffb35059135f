package export

import (
	"time"

	"dora-exporter/dora"
)

const (
	// step is the time between two possible samples of a series. A change is in the first of them at or after it.
	step = int64(5 * time.Minute / time.Millisecond)
	// beforeEnd is the time from the last value to the end of an export, where counters are 0.
	beforeEnd = int64(time.Second / time.Millisecond)
)

// sampler decides when the series of a label set have samples.
//
//   - The first one has the value 0, a step before the first change, so that increase() and rate() see this.
//   - Each change has a sample, and the value before it has one a step earlier: else the increase over a range that begins between the
//     last sample and the change would lack it.
//   - A value that doesn't change is repeated at the multiples of every. PromQL extrapolates from the samples to the ends of a range by at
//     most that time.
//   - The last value is repeated just before the end.
type sampler struct {
	total *total
	point func(at int64, values []float64) error
	// since and until limit the samples, in Unix milliseconds.
	since, until, every int64
	// startsAtZero is false for a family of the kind dora.Last, which has no value before its first change.
	startsAtZero bool
	// begun is true as soon as the series have a value, be it before since.
	begun bool
	// last is the time of the last sample, 0 before the first one. pending is that of the changes since, 0 if there are none.
	last, pending int64
}

func (e *exporter) newSampler(f dora.Family) *sampler {
	every := e.Every
	if f.Name == dora.IncidentsOpen { // which dashboards read at a moment: Prometheus looks back five minutes
		every = time.Duration(step) * time.Millisecond
	}
	s := &sampler{total: newTotal(f), point: e.point, until: e.Until.UnixMilli(), every: every.Milliseconds(), startsAtZero: f.Kind != dora.Last}
	if !e.Since.IsZero() {
		s.since = slot(e.Since.UnixMilli())
	}
	return s
}

// begin begins the series before their first change, at a time.
func (s *sampler) begin(first time.Time) error {
	if !s.startsAtZero {
		return nil
	}
	s.begun = true
	return s.sample(min(slot(first.UnixMilli()), s.until) - step)
}

// change adds a change, which must not be before the one that was added last.
func (s *sampler) change(c change) error {
	if at := min(slot(c.at), s.until-beforeEnd); at >= s.since && at != s.pending {
		if err := s.advance(at); err != nil {
			return err
		}
		s.pending = at
	}
	s.begun = true
	s.total.add(c)
	return nil
}

// end writes the samples up to the end, and one of 0 there if the series are to be reset.
func (s *sampler) end(reset bool) error {
	if err := s.advance(s.until - beforeEnd + step); err != nil || !reset || !s.begun {
		return err
	}
	s.total.reset()
	return s.sample(s.until)
}

// advance writes the samples of the current values up to a step before a time.
func (s *sampler) advance(to int64) error {
	if s.pending > 0 {
		if err := s.sample(s.pending); err != nil {
			return err
		}
		s.pending = 0
	}
	for s.begun {
		next := s.since
		if s.last > 0 {
			next = (s.last/s.every + 1) * s.every
		}
		if next >= to-step {
			return s.sample(to - step)
		}
		if err := s.sample(next); err != nil {
			return err
		}
	}
	return nil
}

// sample writes a sample, unless there is one at or after its time, or it is before the time of the export.
func (s *sampler) sample(at int64) error {
	if at <= s.last || at < s.since {
		return nil
	}
	s.last = at
	return s.point(at, s.total.values)
}

// slot returns the first time with samples at or after another one.
func slot(at int64) int64 { return (at + step - 1) / step * step }
