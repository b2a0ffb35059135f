package dora

import "time"

// CommitDates are the two dates of a commit. Anybody can put any date into a commit, and many clocks are wrong.
type CommitDates struct {
	Authored  time.Time `json:"authored,omitzero"`
	Committed time.Time `json:"committed,omitzero"`
}

// firstGit is the day of git's first commit. No commit has an earlier date but by a mistake.
var firstGit = time.Date(2005, time.April, 7, 0, 0, 0, 0, time.UTC)

// endOfTime is after every time that a status can have.
var endOfTime = time.Date(10000, time.January, 1, 0, 0, 0, 0, time.UTC)

// believed returns when a commit was written, seen from a later time: the author date, else the committer date, whichever is
// plausible first; zero if neither is.
func (d CommitDates) believed(later time.Time) time.Time {
	for _, date := range []time.Time{d.Authored, d.Committed} {
		if !date.Before(firstGit) && !date.After(later) {
			return date
		}
	}
	return time.Time{}
}

// usual reports whether the author date is plausible, and the committer date does not come before it. Such a commit has no other
// date to be believed.
func (d CommitDates) usual() bool {
	return !d.Authored.Before(firstGit) && (d.Committed.IsZero() || !d.Committed.Before(d.Authored))
}

// FirstCommit returns the earliest date among commits, seen from a later time, and the reason why there is none. A commit without a
// plausible date is left out.
func FirstCommit(all []CommitDates, later time.Time) (first time.Time, reason string) {
	reason = ReasonNoDate
	for _, d := range all {
		if d != (CommitDates{}) {
			reason = ReasonImplausible
		}
		if date := d.believed(later); !date.IsZero() && (first.IsZero() || date.Before(first)) {
			first = date
		}
	}
	if !first.IsZero() {
		reason = ""
	}
	return first, reason
}

// SetDates sets FirstCommit, and Dates if these depend on the time of a status.
func (o *Origin) SetDates(all []CommitDates) {
	o.Dates = nil
	var first CommitDates
	for _, d := range all {
		switch {
		case d == CommitDates{}:
		case !d.usual():
			o.Dates = append(o.Dates, d)
		case first.Authored.IsZero() || d.Authored.Before(first.Authored):
			first = d
		}
	}
	if o.Dates != nil && !first.Authored.IsZero() {
		o.Dates = append(o.Dates, first)
	}
	o.FirstCommit, o.Unavailable = FirstCommit(all, endOfTime)
}

// First returns the first commit as seen from a time, and the reason why there is none.
func (o Origin) First(at time.Time) (first time.Time, reason string) {
	switch {
	case o.Unavailable != "":
		return time.Time{}, o.Unavailable
	case len(o.Dates) > 0:
		return FirstCommit(o.Dates, at)
	}
	return FirstCommit([]CommitDates{{Authored: o.FirstCommit}}, at)
}

// Until returns the milliseconds from the first commit to a time, or the reason why they can't be determined. It does not use
// time.Duration, which overflows at 292 years (9.22e9 seconds).
func (o Origin) Until(at time.Time) (ms int64, reason string) {
	first, reason := o.First(at)
	if reason != "" {
		return 0, reason
	}
	return at.UnixMilli() - first.UnixMilli(), ""
}
