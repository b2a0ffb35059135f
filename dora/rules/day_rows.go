package rules

import (
	"math"
	"slices"
	"time"

	"dora-exporter/dora"
)

// dates is a range of days, both ends inclusive.
type dates struct{ from, to int64 }

// read returns the days of a scope, with those between two dates. It reads them unless they have been.
func (d *Days) read(scope string, from, to int64) (map[dora.DayKey]*madeDay, error) {
	s := d.scopes[scope]
	if s == nil {
		s = &scopeDays{days: map[dora.DayKey]*madeDay{}, packed: map[dora.DayKey]packedDay{}}
		d.scopes[scope] = s
	}
	if slices.ContainsFunc(s.read, func(r dates) bool { return r.from <= from && to <= r.to }) {
		return s.days, nil
	}
	days, err := d.reads.Days(scope, from, to)
	if err != nil {
		return nil, err
	}
	d.unpacked[scope] = s
	s.unpack(from, to)
	for _, day := range days {
		if s.days[day.DayKey] == nil {
			s.days[day.DayKey] = &madeDay{day.Deployments, slices.Clone(day.Deployments)}
		}
	}
	s.read = append(s.read, dates{from, to})
	return s.days, nil
}

// remove removes the deployments of a scope from a time on, until another, or all later ones if that is zero.
func (d *Days) remove(scope string, since, until time.Time) error {
	if !until.IsZero() && !since.Before(until) {
		return nil
	}
	from, to := dora.DayOf(since), int64(math.MaxInt64)
	if !until.IsZero() {
		to = dora.DayOf(until)
	}
	days, err := d.read(scope, from, to)
	if err != nil {
		return err
	}
	for _, day := range days {
		day.now = slices.DeleteFunc(day.now, func(m dora.Measured) bool {
			return !m.At.Before(since) && (until.IsZero() || m.At.Before(until))
		})
	}
	return nil
}

// put adds what a deployment counts for to its day, in the place of what it did. If that is in a day that can't be made anew, it only
// marks it, unless the deployment has succeeded since: without a success, it followed nothing.
func (d *Days) put(t dora.DeploymentRecord, m dora.Measured) error {
	for _, part := range dora.ByOwner(t, m) {
		if err := d.putFor(t, part.Owned, part.Measured); err != nil {
			return err
		}
	}
	return nil
}

func (d *Days) putFor(t dora.DeploymentRecord, owned dora.Owned, m dora.Measured) error {
	final, at, err := d.final(t, owned)
	switch {
	case err != nil:
		return err
	case final != nil && (final.now[at].Succeeded || !m.Succeeded):
		final.mark(at, m)
		return nil
	case final != nil:
		final.now = slices.Delete(final.now, at, at+1)
	}
	key := dora.DayKey{Owned: owned, Date: dora.DayOf(m.At)}
	days, err := d.read(key.Scope, key.Date, key.Date)
	if err != nil {
		return err
	}
	day := days[key]
	if day == nil {
		day = &madeDay{}
		days[key] = day
	}
	day.now = slices.DeleteFunc(day.now, func(other dora.Measured) bool { return other.ID == m.ID })
	at, _ = slices.BinarySearchFunc(day.now, m, dora.Measured.Compare)
	day.now = slices.Insert(day.now, at, m)
	return nil
}

// final returns the day of an owner that has a deployment and can't be made anew, and where it is in the day; nil if there is none. The
// day is that of an outcome of the deployment, which may have had fewer of them then. It is another owner's if the deployment had that
// one then, as before its environment was one of production.
func (d *Days) final(t dora.DeploymentRecord, owned dora.Owned) (day *madeDay, at int, err error) {
	complete, err := d.completeFrom(owned.Scope)
	if err != nil {
		return nil, 0, err
	}
	isFinal := func(m dora.Measured) bool { return m.ID == t.ID && m.At.Before(complete) }
	isWhole := func(m dora.Measured) bool { return isFinal(m) && m.Succeeded == !t.Succeeded().IsZero() }
	for _, o := range t.Outcomes {
		if !o.At.Before(complete) {
			break
		}
		date := dora.DayOf(o.At)
		days, err := d.read(owned.Scope, date, date)
		if err != nil {
			return nil, 0, err
		}
		if day = days[dora.DayKey{Owned: owned, Date: date}]; day != nil {
			if at = slices.IndexFunc(day.now, isFinal); at >= 0 {
				return day, at, nil
			}
		}
		if owned != dora.OwnedBy(t) {
			continue // it has no more than the failure (dora.ByOwner)
		}
		for key, day := range days {
			if key.Date != date {
				continue
			}
			if at = slices.IndexFunc(day.now, isWhole); at >= 0 {
				return day, at, nil
			}
		}
	}
	return nil, 0, nil
}

// mark makes a deployment in the day a failed change, or a repaired one, if it was none.
func (day *madeDay) mark(at int, m dora.Measured) {
	now := &day.now[at]
	now.Failed = now.Failed || m.Failed
	if !now.IsRepaired && m.Cause != "" {
		now.Cause, now.IsRepaired, now.Recovery = m.Cause, m.IsRepaired, m.Recovery
	}
}
