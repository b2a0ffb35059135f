package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// incidentsExplained are those of a name: one, or one on each of several servers.
type incidentsExplained struct {
	Incidents []incidentExplained `json:"incidents"`
}

// incidentExplained is everything that is known of an issue.
type incidentExplained struct {
	Incident string `json:"incident"`
	Host     string `json:"host"`
	ID       string `json:"id"`
	Project  string `json:"project"`
	Priority string `json:"priority,omitempty"`
	Team     string `json:"team"`
	// Counts is set when the issue is an incident.
	Counts  bool      `json:"is_incident"`
	Open    bool      `json:"open"`
	Created time.Time `json:"created,omitzero"`
	// FirstResolved ends its recovery, Resolved the duration in jira_incidents_duration_sum.
	FirstResolved time.Time   `json:"first_resolved,omitzero"`
	Resolved      time.Time   `json:"resolved,omitzero"`
	CountedUnder  dora.Labels `json:"counted_under,omitempty"`
	OpenUnder     dora.Labels `json:"open_under,omitempty"`

	Events      []incidentEvent     `json:"events"`
	References  []referenceResolved `json:"references"`
	Shows       []marked            `json:"shows"`
	Facts       []factTold          `json:"facts"`
	Waiting     []waiting           `json:"waiting"`
	NotMeasured []unmeasured        `json:"not_measured"`
}

// incidentEvent is one event of an issue with the delivery that brought it.
type incidentEvent struct {
	Event    string    `json:"event"`
	Key      string    `json:"key"`
	At       time.Time `json:"at,omitzero"`
	Status   string    `json:"status,omitempty"`
	Resolved time.Time `json:"resolution_date,omitzero"`
	Delivery delivered `json:"delivery"`
}

// referenceResolved is what the text of an issue names, and the deployments that this means.
type referenceResolved struct {
	Reference   string            `json:"reference"`
	Deployments []deploymentNamed `json:"deployments"`
}

// deploymentNamed is a deployment and what naming it says.
type deploymentNamed struct {
	Deployment string `json:"deployment"`
	Means      string `json:"means"`
}

// incidentKey is how Jira names an issue.
var incidentKey = regexp.MustCompile(`^[^\s"/\\]+$`)

func explainIncident(ctx context.Context, s *store, about string) (explanation, error) {
	if !incidentKey.MatchString(about) {
		return nil, unanswered("%q is no issue: write its key, such as INC-7", about)
	}
	all := &incidentsExplained{Incidents: []incidentExplained{}}
	for _, written := range slices.Compact([]string{about, strings.ToUpper(about)}) {
		keys, err := s.incidentKeys(ctx, written)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			one, err := s.incident(ctx, key)
			if err != nil {
				return nil, err
			}
			all.Incidents = append(all.Incidents, *one)
		}
		if len(keys) > 0 {
			return all, nil
		}
	}
	beginning := about[:strings.LastIndexByte(about, '-')+1]
	near, err := s.NamesOfIncidents(ctx, strings.ToUpper(beginning), 3)
	if err != nil {
		return nil, err
	}
	if beginning == "" || len(near) == 0 {
		return nil, unanswered("no event named the issue %s", about)
	}
	return nil, unanswered("no event named the issue %s; the newest of its project: %s", about, strings.Join(near, ", "))
}

// incidentKeys are those of the issues that are called by a name, or were.
func (s *store) incidentKeys(ctx context.Context, called string) ([]string, error) {
	keys, err := s.IncidentsCalled(ctx, called)
	if err != nil {
		return nil, err
	}
	named, err := s.IncidentsNamed(ctx, called)
	for _, i := range named {
		if !slices.Contains(keys, i.Key) {
			keys = append(keys, i.Key)
		}
	}
	return keys, err
}

// incident explains one.
func (s *store) incident(ctx context.Context, key string) (*incidentExplained, error) {
	i, _, err := s.Incident(ctx, key)
	if err != nil {
		return nil, err
	}
	deliveries, err := s.DeliveriesOfIncident(ctx, key)
	if err != nil {
		return nil, err
	}
	e := &incidentExplained{
		Incident: i.Name, Host: hostOf(key), ID: numberOf(key), Project: i.Newest.Project, Priority: i.Newest.Priority, Team: i.Team,
		Counts: i.Is, Open: i.Open != nil, Created: i.Created, FirstResolved: i.FirstResolved, Resolved: i.Resolved,
		CountedUnder: i.Labels, OpenUnder: i.Open, Waiting: []waiting{}, NotMeasured: []unmeasured{}, Events: []incidentEvent{},
	}
	for _, d := range deliveries {
		c := d.Event.Incident
		if c == nil {
			c = &dora.IncidentChange{}
		}
		if i.Name == "" && c.Key != "" { // of an earlier version of the program, or not processed yet
			e.Incident, e.Project, e.Priority = c.Key, c.Project, c.Priority
		}
		e.Events = append(e.Events, incidentEvent{c.Event, c.Key, c.Timestamp, c.StatusName, c.ResolutionDate, deliveredBy(d)})
		if w, ok := waitingFor(d); ok {
			e.Waiting = append(e.Waiting, w)
		}
	}
	slices.SortStableFunc(e.Events, func(a, b incidentEvent) int { return a.At.Compare(b.At) })
	if e.Team == "" {
		e.Team = i.Labels["team"]
	}
	if err := s.incidentFollows(ctx, e, i, key); err != nil {
		return nil, err
	}
	return e, nil
}

// incidentFollows says what came of an incident.
func (s *store) incidentFollows(ctx context.Context, e *incidentExplained, i dora.Incident, key string) error {
	facts, err := s.FactsAbout(ctx, dora.Subject(dora.SubjectIncident, key))
	if err == nil {
		e.Facts, err = s.told(ctx, facts)
	}
	if err != nil {
		return err
	}
	if e.References, err = s.references(ctx, i); err != nil {
		return err
	}
	evidence, err := s.EvidenceIn(ctx, key)
	if err == nil {
		e.Shows, err = s.evidences(ctx, evidence)
	}
	if err != nil {
		return err
	}
	settling, err := s.SettlingOf(ctx, key)
	if err != nil {
		return err
	}
	for _, one := range settling {
		e.Waiting = append(e.Waiting, waiting{What: settles[one.Kind], Due: one.Due, Attempts: one.Attempts, Misses: one.Misses})
	}
	e.missing(i, facts, len(settling) > 0)
	return nil
}

// references says which deployments an incident names.
func (s *store) references(ctx context.Context, i dora.Incident) ([]referenceResolved, error) {
	all := []referenceResolved{}
	for _, ref := range i.References {
		named, err := s.Named(ctx, ref)
		if err != nil {
			return nil, err
		}
		one := referenceResolved{Reference: referenceName(ref), Deployments: []deploymentNamed{}}
		for _, t := range named {
			means := "it was done before the issue was created: the newest of these turned out bad"
			switch {
			case t.Succeeded().IsZero():
				means = "it never succeeded, so it is no failed change"
			case !t.InProduction:
				means = "it is not in production"
			case !t.Succeeded().Before(i.Created):
				means = "it was done after the issue was created: it may be the fix"
			}
			one.Deployments = append(one.Deployments, deploymentNamed{called(t.Deployment), means})
		}
		all = append(all, one)
	}
	return all, nil
}

func referenceName(r dora.Reference) string {
	repository := ""
	if r.Repository != "" {
		repository = r.Owner + "/" + r.Repository
	}
	switch {
	case r.Commit != "":
		return strings.TrimPrefix(repository+"@"+r.Commit, "@")
	case r.Deployment != 0:
		return fmt.Sprintf("%s#%d", repository, r.Deployment)
	}
	return fmt.Sprintf("%s#%d", repository, r.PullRequest)
}

// missing says what was not measured and why.
func (e *incidentExplained) missing(i dora.Incident, facts []dora.Fact, waits bool) {
	add := func(what, why string) { e.NotMeasured = append(e.NotMeasured, unmeasured{what, why}) }
	if i.Key == "" {
		add("the issue", "none of its events has been processed")
		return
	}
	if !i.Is {
		add("the issue", "none of its events matches all of jira.incidents, which chooses the issues that are incidents")
		return
	}
	recovered := hasFact(facts, dora.IncidentRecovery, dora.Subject(dora.SubjectIncident, i.Key))
	switch {
	case recovered || waits && !i.FirstResolved.IsZero():
	case i.FirstResolved.IsZero():
		add("its recovery", "no event says that it was resolved")
	case i.Created.IsZero():
		add("its recovery", "no event says when it was created")
	case i.FirstResolved.Before(i.Created):
		add("its recovery", "it was resolved before it was created")
	default:
		add("its recovery", "it was not looked at")
	}
	if waits || len(e.Shows) > 0 {
		return
	}
	const what = "a failed deployment"
	switch {
	case len(i.References) == 0:
		add(what, "neither summary, description, labels nor links name a deployment, commit or pull request")
	case !slices.ContainsFunc(e.References, func(r referenceResolved) bool { return len(r.Deployments) > 0 }):
		add(what, "no deployment that is known here is or ships what it names")
	default:
		add(what, "none of the deployments that it names was done in production before it was created")
	}
}

func (all *incidentsExplained) text(s *sheet) {
	each(s, "%d issues have or had that name", all.Incidents, (*incidentExplained).text)
}

func (e *incidentExplained) text(s *sheet) {
	s.line("%s on %s", e.Incident, e.Host)
	rows := [][]string{{"project", e.Project}, {"team", e.Team}}
	if e.Priority != "" {
		rows = append(rows, []string{"priority", e.Priority})
	}
	for _, one := range []struct {
		what string
		at   time.Time
	}{{"created", e.Created}, {"resolved", e.FirstResolved}, {"last resolved", e.Resolved}} {
		if !one.at.IsZero() && (one.what != "last resolved" || !e.Resolved.Equal(e.FirstResolved)) {
			rows = append(rows, []string{one.what, stamp(one.at)})
		}
	}
	if e.OpenUnder != nil {
		rows = append(rows, []string{"open under", series("", e.OpenUnder)})
	}
	if e.CountedUnder != nil {
		rows = append(rows, []string{"counted under", series("", e.CountedUnder)})
	}
	s.table(rows)
	e.happened(s)
	if len(e.References) > 0 {
		s.section("What its text names")
	}
	for _, ref := range e.References {
		if len(ref.Deployments) == 0 {
			s.line("  %s: no deployment that is known here", ref.Reference)
		}
		for _, d := range ref.Deployments {
			s.line("  %s: deployment %s; %s", ref.Reference, d.Deployment, d.Means)
		}
	}
	s.marks("What it shows", e.Shows)
	s.facts(e.Facts)
	s.waiting(e.Waiting)
	s.unmeasured(e.NotMeasured)
}

func (e *incidentExplained) happened(s *sheet) {
	s.section("Events")
	var rows [][]string
	for _, one := range e.Events {
		at := "without a time"
		if !one.At.IsZero() {
			at = stamp(one.At)
		}
		what := one.Event
		if one.Status != "" {
			what += ", status " + one.Status
		}
		if !one.Resolved.IsZero() {
			what += ", resolved " + stamp(one.Resolved)
		}
		rows = append(rows, []string{at, what, one.Delivery.words()})
	}
	s.table(rows)
}
