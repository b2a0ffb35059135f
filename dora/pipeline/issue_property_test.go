package pipeline_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// issueResult is what is known of an issue at the end.
type issueResult struct {
	IsIncident, IsResolved bool
	First, Newest          time.Time
	// Teams are those under which it is open; Millis is what it adds to the sum of each team that it was counted for.
	Teams  []string
	Millis int64
}

// issueResult returns what the oracle expects of an issue.
func (o *oracle) issueResult(id string) issueResult {
	i := o.read(id)
	r := issueResult{IsIncident: slices.ContainsFunc(i.after, o.matches)}
	for _, one := range o.resolutions(i) {
		if !one.counts {
			continue
		}
		if !r.IsResolved {
			r.IsResolved, r.First = true, one.at
		}
		if !one.at.IsZero() {
			r.Newest = one.at
		}
	}
	if r.IsIncident && !r.Newest.IsZero() && !i.created.IsZero() && r.Newest.After(i.created) {
		r.Millis = r.Newest.Sub(i.created).Milliseconds()
	}
	if last := len(i.after) - 1; r.IsIncident && !i.deleted && !o.isDone(i, last) && o.matches(i.after[last]) {
		r.Teams = slices.Clone(i.teams[last])
		slices.Sort(r.Teams)
	}
	return r
}

// The events of many issues arrive in any order, some twice, and each time the same follows: for each issue, and in all series.
func TestIssueOrder(t *testing.T) {
	eachHistory(t, func(t *testing.T, p *history) {
		p.sent, p.incidents, p.policy.IncidentWindow = nil, nil, 0
		for number := range 60 {
			p.incident(number)
		}
		x := &exporter{t: t, world: p, store: openStore(t)}
		events := p.events()
		events = append(events, events[:20]...)
		p.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		for part := range slices.Chunk(events, len(events)/3) {
			x.arrive(part...)
		}
		x.settle()
		o := p.oracle()
		compare(t, o.expected(), x.facts())
		sums := x.sums()
		for id := range o.issues {
			if diff := cmp.Diff(o.issueResult(id), x.issue(id, sums)); diff != "" {
				t.Errorf("issue %s: -oracle +exporter:\n%s", id, diff)
				p.incidents = o.issues[id] // show this one
				return
			}
		}
	})
}

// issue returns what the exporter knows of an issue. sums are the milliseconds that each issue adds to jira_incidents_duration_sum.
func (x *exporter) issue(id string, sums map[string]int64) issueResult {
	x.t.Helper()
	key := dora.IncidentChange{Host: "jira.example.com", ID: id}.IssueKey()
	i, _, err := x.store.Incident(x.t.Context(), key)
	if err != nil {
		x.t.Fatal(err)
	}
	r := issueResult{IsIncident: i.IsIncident, IsResolved: i.IsResolved, First: i.FirstResolved, Newest: i.Resolved}
	for _, labels := range i.Open {
		r.Teams = append(r.Teams, labels["team"])
	}
	slices.Sort(r.Teams)
	if n := int64(len(i.Counted)); n > 0 {
		if sums[key]%n != 0 {
			x.t.Errorf("issue %s: the sums of its %d teams are %d ms together", id, n, sums[key])
		}
		r.Millis = sums[key] / n
	}
	if i.IsIncident && i.IsResolved && i.Counted == nil { // what was counted can't be taken back if a late event shows another status
		x.t.Errorf("issue %s is resolved, but not counted", id)
	}
	return r
}

// sums adds up the facts of jira_incidents_duration_sum by issue.
func (x *exporter) sums() map[string]int64 {
	x.t.Helper()
	all, err := x.store.Facts(x.t.Context(), 0, 100_000)
	if err != nil {
		x.t.Fatal(err)
	}
	sums := map[string]int64{}
	for _, f := range all {
		if f.Family == dora.IncidentsDurationSum && !f.Starts() {
			_, key, _ := dora.CutSubject(f.Subject)
			sums[key] += f.Value
		}
	}
	return sums
}
