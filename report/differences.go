package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// Difference is a series that has another value on /metrics than all events give.
type Difference struct {
	// Row is the name of the row; Series the family with its distinguishing label.
	Row, Series string
	// Events is the value from all events, Metrics the one from the facts; in seconds where the series is.
	Events, Metrics float64
}

// Tally adds up facts, or what events give, by row and series.
type Tally struct {
	options Options
	values  map[seriesKey]int64
}

type seriesKey struct{ row, family, label string }

// NewTally returns a Tally for the facts of a report.
func NewTally(o Options) *Tally { return &Tally{o, map[seriesKey]int64{}} }

// ComparedFamilies returns the families that a report compares with all events.
func ComparedFamilies() []string {
	return []string{dora.Deployments, dora.Changes, dora.LeadTime, dora.ChangeFailures, dora.Recovery, dora.ReworkDeployments}
}

// Add adds a fact of one of the ComparedFamilies.
func (t *Tally) Add(f dora.Fact) {
	if !f.Starts() {
		t.add(f.Family, f.Labels, 1, f.Value)
	}
}

func (t *Tally) add(family string, labels dora.Labels, count, sum int64) {
	s := seriesKey{row: t.options.row(labels), family: family, label: cmp.Or(labels["outcome"], labels["cause"])}
	if family == dora.LeadTime || family == dora.Recovery {
		s.family = family + dora.CountSuffix
		t.values[s] += count
		s.family = family + dora.SumSuffix
	}
	t.values[s] += sum
}

// AddSum adds what the facts of a series of one of the ComparedFamilies add up to.
func (t *Tally) AddSum(sum dora.SeriesSum) { t.add(sum.Family, sum.Labels, sum.Count, sum.Sum) }

// addCounts adds what deployments count for.
func (t *Tally) addCounts(o dora.Owned, counts dora.Counts) {
	for key, n := range counts {
		if key.Family != "" {
			t.values[seriesKey{t.options.row(o.Labels()), key.Family, key.Label}] += n
		}
	}
}

// differences compares what all events give with the facts.
func differences(counts map[dora.Owned]dora.Counts, facts *Tally, o Options) []Difference {
	events := NewTally(o)
	for owned, c := range counts {
		events.addCounts(owned, c)
	}
	series := maps.Clone(facts.values)
	maps.Copy(series, events.values)
	var found []Difference
	for s := range series {
		if events.values[s] == facts.values[s] {
			continue
		}
		unit := dora.One
		if strings.HasSuffix(s.family, dora.SumSuffix) {
			unit = dora.Milliseconds
		}
		found = append(found, Difference{s.row, s.String(), unit.Scale(events.values[s]), unit.Scale(facts.values[s])})
	}
	slices.SortFunc(found, func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.Row, b.Row), strings.Compare(a.Series, b.Series))
	})
	return found
}

func (s seriesKey) String() string {
	switch {
	case s.family == dora.Deployments:
		return s.family + `{outcome="` + s.label + `"}`
	case s.label != "":
		return s.family + `{cause="` + s.label + `"}`
	}
	return s.family
}
