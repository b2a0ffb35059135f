package rules

import (
	"iter"

	"dora-exporter/dora"
)

// packedDay is a madeDay in the bytes of dora.MeasuredDay.Encode, which take a tenth of its memory.
type packedDay struct{ before, now string }

// pack packs all days. Those that are as they were before are read again if they are needed.
func (d *Days) pack() {
	for _, s := range d.unpacked {
		for key, day := range s.days {
			p := packedDay{encode(day.before), encode(day.now)}
			if p.before == p.now {
				delete(s.packed, key)
			} else {
				s.packed[key] = p
			}
		}
		clear(s.days)
		s.read = nil
	}
	clear(d.unpacked)
}

// unpack continues with the packed days between two dates.
func (s *scopeDays) unpack(from, to int64) {
	for key, p := range s.packed {
		if from <= key.Date && key.Date <= to && s.days[key] == nil {
			s.days[key] = &madeDay{decode(p.before), decode(p.now)}
		}
	}
}

func encode(deployments []dora.Measured) string {
	return string(dora.MeasuredDay{Deployments: deployments}.Encode())
}

// decode returns what encode has packed, so it can't fail.
func decode(bytes string) []dora.Measured {
	var day dora.MeasuredDay
	_ = day.Decode([]byte(bytes))
	return day.Deployments
}

// IsChanged reports whether a day was made anew and is no longer what it was.
func (d *Days) IsChanged(key dora.DayKey) bool {
	d.pack()
	s := d.scopes[key.Scope]
	if s == nil {
		return false
	}
	_, changed := s.packed[key]
	return changed
}

// Changed returns the days that were made anew and are no longer what they were, those without deployments, too.
func (d *Days) Changed() iter.Seq[dora.MeasuredDay] {
	d.pack()
	return func(yield func(dora.MeasuredDay) bool) {
		for _, s := range d.scopes {
			for key, p := range s.packed {
				if !yield(dora.MeasuredDay{DayKey: key, Deployments: decode(p.now)}) {
					return
				}
			}
		}
	}
}

// ChangedCounts returns by how much the days that were made anew change what all days add up to.
func (d *Days) ChangedCounts() map[dora.Owned]dora.Counts {
	d.pack()
	all := map[dora.Owned]dora.Counts{}
	for _, s := range d.scopes {
		for key, p := range s.packed {
			owned := key.Owned
			if all[owned] == nil {
				all[owned] = dora.Counts{}
			}
			for _, m := range decode(p.before) {
				all[owned].Add(m, -1)
			}
			for _, m := range decode(p.now) {
				all[owned].Add(m, 1)
			}
		}
	}
	return all
}

// Changes returns all that has changed.
func (d *Days) Changes() dora.DayChanges {
	c := dora.DayChanges{Evidence: d.given, Counts: d.ChangedCounts(), Stale: d.stale}
	for day := range d.Changed() {
		c.Days = append(c.Days, day)
	}
	return c
}
