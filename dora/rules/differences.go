package rules

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// Tally adds up what facts or events say, by row and series.
type Tally struct {
	options ReportOptions
	values  map[seriesOf]int64
}

type seriesOf struct{ row, family, label string }

// NewTally is for the facts of a report.
func NewTally(o ReportOptions) *Tally { return &Tally{o, map[seriesOf]int64{}} }

// Compared are the families that a report compares with all events.
func Compared() []string {
	return []string{dora.Deployments, dora.Changes, dora.LeadTime, dora.ChangeFailures, dora.Recovery, dora.ReworkDeployments}
}

// Add adds a fact of one of the families that Compared names.
func (t *Tally) Add(f dora.Fact) {
	if !f.Starts() {
		t.add(f.Family, f.Labels, f.Value)
	}
}

func (t *Tally) add(family string, labels dora.Labels, value int64) {
	s := seriesOf{row: t.options.row(labels), family: family, label: cmp.Or(labels["outcome"], labels["cause"])}
	if family == dora.LeadTime || family == dora.Recovery {
		s.family = family + "_count"
		t.values[s]++
		s.family = family + "_sum"
	}
	t.values[s] += value
}

// Difference is a series that has another value on /metrics than all events give.
type Difference struct {
	// Row is as in Report; Series the family with the label that matters.
	Row, Series string
	// Events is what all events give, Metrics what the facts do; in seconds where the series is.
	Events, Metrics float64
}

// differences compares what was found with the facts.
func (p Policy) differences(found []*finding, facts *Tally, o ReportOptions) []Difference {
	events := NewTally(o)
	for _, f := range found {
		p.tally(f, events)
	}
	all := maps.Clone(facts.values)
	maps.Copy(all, events.values)
	var differences []Difference
	for s := range all {
		if events.values[s] == facts.values[s] {
			continue
		}
		unit := dora.One
		if strings.HasSuffix(s.family, "_sum") {
			unit = dora.Milliseconds
		}
		differences = append(differences, Difference{s.row, s.String(), unit.Scale(events.values[s]), unit.Scale(facts.values[s])})
	}
	slices.SortFunc(differences, func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.Row, b.Row), strings.Compare(a.Series, b.Series))
	})
	return differences
}

// tally adds what a deployment counts for, as the facts do.
func (p Policy) tally(f *finding, to *Tally) {
	labels := scopeLabels(f.Deployment, f.Team)
	for _, of := range []string{dora.Success, dora.Failure} {
		if _, ok := f.First(of); ok {
			to.add(dora.Deployments, labels.With("outcome", of), 1)
		}
	}
	for _, c := range f.changes {
		to.add(dora.Changes, labels, 1)
		if ms, reason := p.leadTime(c, f.Succeeded()); reason == "" {
			to.add(dora.LeadTime, labels, ms)
		}
	}
	if f.mark != nil {
		to.add(dora.ChangeFailures, labels.With("cause", string(f.mark.Cause)), 1)
	}
	if ms, repaired := f.recovery(); repaired {
		to.add(dora.Recovery, labels, ms)
	}
	if f.repaired != "" {
		to.add(dora.ReworkDeployments, labels.With("cause", string(f.repaired)), 1)
	}
}

func (s seriesOf) String() string {
	switch {
	case s.family == dora.Deployments:
		return s.family + `{outcome="` + s.label + `"}`
	case s.label != "":
		return s.family + `{cause="` + s.label + `"}`
	}
	return s.family
}
