package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
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
		t.add(f.Family, f.Labels, f.Value)
	}
}

func (t *Tally) add(family string, labels dora.Labels, value int64) {
	s := seriesKey{row: t.options.row(labels), family: family, label: cmp.Or(labels["outcome"], labels["cause"])}
	if family == dora.LeadTime || family == dora.Recovery {
		s.family = family + "_count"
		t.values[s]++
		s.family = family + "_sum"
	}
	t.values[s] += value
}

// addDeployment adds what a deployment counts for, as the facts do.
func (t *Tally) addDeployment(p dora.Policy, d *dora.CountedDeployment) {
	labels := d.Labels()
	for _, of := range []string{dora.Success, dora.Failure} {
		if _, ok := d.First(of); ok {
			t.add(dora.Deployments, labels.With("outcome", of), 1)
		}
	}
	for _, c := range d.Changes {
		t.add(dora.Changes, labels, 1)
		if ms, reason := rules.LeadTime(p, c, d.Succeeded()); reason == "" {
			t.add(dora.LeadTime, labels, ms)
		}
	}
	if d.Mark != nil {
		t.add(dora.ChangeFailures, labels.With("cause", string(d.Mark.Cause)), 1)
		if ms, reason := rules.RecoveryTime(*d.Mark, d.Succeeded()); reason == "" {
			t.add(dora.Recovery, labels, ms)
		}
	}
	if d.Repaired != "" {
		t.add(dora.ReworkDeployments, labels.With("cause", string(d.Repaired)), 1)
	}
}

// differences compares what all events give with the facts.
func differences(p dora.Policy, all []*dora.CountedDeployment, facts *Tally, o Options) []Difference {
	events := NewTally(o)
	for _, d := range all {
		events.addDeployment(p, d)
	}
	series := maps.Clone(facts.values)
	maps.Copy(series, events.values)
	var found []Difference
	for s := range series {
		if events.values[s] == facts.values[s] {
			continue
		}
		unit := dora.One
		if strings.HasSuffix(s.family, "_sum") {
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
