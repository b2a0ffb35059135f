package history

import "time"

// span is the time whose events are there as soon as a part is done.
type span struct {
	Since time.Time `json:"since"`
	// Until is zero if all was asked for that there was when the reading began.
	Until time.Time `json:"until,omitzero"`
	Began time.Time `json:"began"`
}

// spanOf returns the span of a request whose reading begins.
func (b *Backfill) spanOf() span { return span{Since: b.Since, Until: b.Until, Began: b.Now().UTC()} }

// end returns the end of the span.
func (s span) end() time.Time {
	if s.Until.IsZero() || s.Until.After(s.Began) {
		return s.Began
	}
	return s.Until
}

// covers reports whether the span has all that a request asks for, or all until its reading began for a request without an end.
func (s span) covers(r Request) bool {
	if r.Since.Before(s.Since) {
		return false
	}
	if r.Until.IsZero() {
		return s.Until.IsZero()
	}
	return !r.Until.After(s.end())
}

// leadsTo reports whether a request needs only what is after the span.
func (s span) leadsTo(r Request) bool { return !r.Since.Before(s.Since) && !r.Since.After(s.end()) }

// excludes reports whether something is too late for the span.
func (s span) excludes(at time.Time) bool { return !s.Until.IsZero() && at.After(s.Until) }
