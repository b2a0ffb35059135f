package explain

import (
	"context"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// Incidents explains the issues of a name: one, or one on each of several servers.
type Incidents struct {
	Incidents []IncidentExplanation `json:"incidents"`
}

// IncidentExplanation is everything that is known about an issue.
type IncidentExplanation struct {
	Incident string `json:"incident"`
	Host     string `json:"host"`
	ID       string `json:"id"`
	Project  string `json:"project"`
	Priority string `json:"priority,omitempty"`
	// Team has the teams, separated by commas.
	Team string `json:"team"`
	// IsIncident is true if jira.incidents selects the issue.
	IsIncident bool      `json:"is_incident"`
	Open       bool      `json:"open"`
	Created    time.Time `json:"created,omitzero"`
	// FirstResolved ends its recovery, Resolved the duration in jira_incidents_duration_sum.
	FirstResolved time.Time `json:"first_resolved,omitzero"`
	Resolved      time.Time `json:"resolved,omitzero"`
	// CountedUnder and OpenUnder have a label set for each team.
	CountedUnder []dora.Labels `json:"counted_under,omitempty"`
	OpenUnder    []dora.Labels `json:"open_under,omitempty"`

	Events      []IncidentEvent `json:"events"`
	References  []Reference     `json:"references"`
	Shows       []Evidence      `json:"shows"`
	Facts       []Fact          `json:"facts"`
	Pending     []Pending       `json:"waiting"`
	NotMeasured []Unmeasured    `json:"not_measured"`
}

// IncidentEvent is an event of an issue with the delivery that brought it.
type IncidentEvent struct {
	Event    string    `json:"event"`
	Key      string    `json:"key"`
	At       time.Time `json:"at,omitzero"`
	Status   string    `json:"status,omitempty"`
	Resolved time.Time `json:"resolution_date,omitzero"`
	Delivery Delivery  `json:"delivery"`
}

// Incident explains the issue with a key, such as INC-7.
func Incident(ctx context.Context, r Reader, name string) (Explanation, error) {
	if !dora.IsIssueKey(name) {
		return nil, notFoundf("%q is not an issue: must be its key, such as INC-7", name)
	}
	x := newExplainer(r)
	keys, err := x.findIncidents(ctx, name)
	if err != nil {
		return nil, err
	}
	all := &Incidents{Incidents: []IncidentExplanation{}}
	for _, key := range keys {
		e, err := x.incident(ctx, key)
		if err != nil {
			return nil, err
		}
		all.Incidents = append(all.Incidents, *e)
	}
	return all, nil
}

// findIncidents returns the keys of the issues that have a name or had it, as it is written or in upper case. Without any, the
// error has the newest names of its project.
func (x *explainer) findIncidents(ctx context.Context, name string) ([]string, error) {
	for _, written := range slices.Compact([]string{name, strings.ToUpper(name)}) {
		keys, err := x.incidentKeys(ctx, written)
		if err != nil || len(keys) > 0 {
			return keys, err
		}
		if err := x.removedIncident(ctx, written); err != nil {
			return nil, err
		}
	}
	beginning := name[:strings.LastIndexByte(name, '-')+1]
	names, err := x.IncidentNames(ctx, strings.ToUpper(beginning), 3)
	if err != nil {
		return nil, err
	}
	if beginning == "" || len(names) == 0 {
		return nil, notFoundf("no event names the issue %s", name)
	}
	return nil, notFoundf("no event names the issue %s; the newest of its project: %s", name, strings.Join(names, ", "))
}

func (x *explainer) incidentKeys(ctx context.Context, name string) ([]string, error) {
	keys, err := x.IncidentsCalled(ctx, name)
	if err != nil {
		return nil, err
	}
	named, err := x.IncidentsNamed(ctx, name)
	for _, i := range named {
		if !slices.Contains(keys, i.Key) {
			keys = append(keys, i.Key)
		}
	}
	return keys, err
}

// incident explains an issue by its key.
func (x *explainer) incident(ctx context.Context, key string) (*IncidentExplanation, error) {
	i, _, err := x.Incident(ctx, key)
	if err != nil {
		return nil, err
	}
	deliveries, err := x.DeliveriesOfIncident(ctx, key)
	if err != nil {
		return nil, err
	}
	site, id := dora.SplitKey(key)
	e := &IncidentExplanation{
		Incident: i.Name, Host: site, ID: id, Project: i.Project, Priority: i.Priority, Team: strings.Join(i.Teams, ", "),
		IsIncident: i.IsIncident, Open: i.Open != nil, Created: i.Created, FirstResolved: i.FirstResolved, Resolved: i.Resolved,
		CountedUnder: i.Counted, OpenUnder: i.Open, Events: []IncidentEvent{}, Pending: []Pending{},
	}
	e.addDeliveries(deliveries)
	facts, err := x.FactsAbout(ctx, dora.IncidentSubject(key))
	if err == nil {
		e.Facts, err = x.facts(ctx, facts)
	}
	if err != nil {
		return nil, err
	}
	var named []dora.DeploymentRecord
	if e.References, named, err = x.references(ctx, i); err != nil {
		return nil, err
	}
	evidence, err := x.EvidenceIn(ctx, key)
	if err == nil {
		e.Shows, err = x.evidence(ctx, evidence)
	}
	if err != nil {
		return nil, err
	}
	evaluations, _, err := x.pendingEvaluations(ctx, key)
	e.Pending = append(e.Pending, evaluations...)
	if err != nil {
		return nil, err
	}
	e.NotMeasured = incidentUnmeasured(i, named, facts, e.Shows, len(evaluations) > 0)
	removed, err := x.IsRemoved(ctx, dora.SubjectIncident, key)
	if removed {
		e.NotMeasured = []Unmeasured{{"the issue", "storage.retention had removed it before these events arrived: they count nowhere"}}
	}
	return e, err
}

// addDeliveries adds the events of deliveries in the order of their own times, and the deliveries that are pending.
func (e *IncidentExplanation) addDeliveries(deliveries []dora.StoredDelivery) {
	noneProcessed := e.Incident == ""
	for _, d := range deliveries {
		c := d.Event.Incident
		if c == nil {
			c = &dora.IncidentChange{}
		}
		if noneProcessed && c.Key != "" {
			e.Incident, e.Project, e.Priority = c.Key, c.Project, c.Priority
		}
		at := c.OwnTime()
		if at.IsZero() {
			at = d.Received
		}
		e.Events = append(e.Events, IncidentEvent{c.Event, c.Key, at, c.StatusName, c.ResolutionDate, newDelivery(d)})
		if p, ok := pendingDelivery(d); ok {
			e.Pending = append(e.Pending, p)
		}
	}
	slices.SortStableFunc(e.Events, func(a, b IncidentEvent) int { return a.At.Compare(b.At) })
}
