package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence"
)

// mostArrivals is how many deliveries the page shows.
const mostArrivals = 50

// arrival is a delivery and what became of it.
type arrival struct {
	ID       int64
	Key      string
	Received time.Time
	// Event is what it says, and About what of; Link leads to the explanation of that, and is empty when there is none.
	Event, About, Link string
	// State is processed, waiting or set_aside.
	State string
	Fate  []fate
}

// fate is one thing that became of a delivery; Link leads to the explanation of a series, empty when it is about none.
type fate struct{ Words, Series, Link string }

// arrivalsOf are the newest deliveries, the newest first, as of one moment.
func arrivalsOf(ctx context.Context, r *persistence.Reader) (all []arrival, err error) {
	err = r.Still(ctx, func(r *persistence.Reader) error {
		found, err := r.Recent(ctx, mostArrivals)
		if err != nil {
			return err
		}
		counts, err := countsOf(ctx, r, found)
		if err != nil {
			return err
		}
		for i := len(found) - 1; i >= 0; i-- {
			one, err := arrivalOf(ctx, r, found[i], counts)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	})
	return all, err
}

// counts are facts by family and subject.
type counts map[string]map[string]dora.Fact

// countsOf are the facts that tell how deliveries were counted.
func countsOf(ctx context.Context, r *persistence.Reader, deliveries []persistence.Received) (counts, error) {
	var subjects []string
	for _, d := range deliveries {
		subjects = append(subjects, subjectOf(d.Event))
	}
	all := counts{}
	for _, family := range []string{
		dora.DeploymentsTotal, dora.DeploymentsDurationSum, dora.DeploymentsDurationUnavailable, dora.Incidents, dora.IncidentsOpened,
	} {
		found, err := r.FactsBySubject(ctx, family, subjects)
		if err != nil {
			return nil, err
		}
		all[family] = found
	}
	return all, nil
}

// subjectOf is what the facts of an event are about.
func subjectOf(e dora.Event) string {
	switch {
	case e.Status != nil:
		return dora.Subject(dora.SubjectStatus, fmt.Sprintf("%s/%d", e.Status.Deployment.Host, e.Status.ID))
	case e.Incident != nil:
		return dora.Subject(dora.SubjectIncident, e.Incident.Host+"/"+e.Incident.ID)
	}
	return ""
}

func arrivalOf(ctx context.Context, r *persistence.Reader, d persistence.Received, counted counts) (arrival, error) {
	a := arrival{ID: d.ID, Key: d.Key, Received: d.Received, Event: d.Event.Name(), State: "processed"}
	switch e := d.Event; {
	case e.Incident != nil:
		a.About, a.Link = e.Incident.Key, linkToIncident(e.Incident.Key)
	case e.Status != nil || e.Deployment != nil:
		of := deploymentIn(e)
		a.About, a.Link = called(of), linkToDeployment(of)
		if e.Status != nil {
			a.Event = e.Status.State
		}
		a.Event += ", " + of.Environment
	default:
		a.Event = d.Key
	}
	var err error
	switch d.State {
	case persistence.Pending:
		a.State, a.Fate = "waiting", []fate{{Words: pendingWords(d)}}
	case persistence.IsSetAside:
		a.State, a.Fate = "set_aside", []fate{{Words: "set aside: " + d.Why}}
	default:
		a.Fate, err = fateOf(ctx, r, d.Event, counted)
	}
	for _, f := range a.Fate {
		if f.waits() && a.State == "processed" {
			a.State = "waiting"
		}
	}
	return a, err
}

func pendingWords(d persistence.Received) string {
	switch {
	case d.Why != "":
		return fmt.Sprintf("tried in vain %s, next at %s: %s", times(d.Attempts), stamp(d.Due), d.Why)
	case d.Due.UnixMilli() > 0:
		return "waiting for its team"
	}
	return "waiting to be processed"
}

// What a delivery that was counted may still wait for.
const (
	waitsToSettle = "waiting to be settled with its neighbours"
	waitsForShips = "waiting for GitHub: what it ships"
	waitsForStart = "waiting for GitHub: when the work on it began"
)

func (f fate) waits() bool {
	return f.Words == waitsToSettle || f.Words == waitsForShips || f.Words == waitsForStart
}

// fateOf says what came of an event that was processed.
func fateOf(ctx context.Context, r *persistence.Reader, e dora.Event, counted counts) ([]fate, error) {
	switch {
	case e.Status != nil:
		return fateOfStatus(ctx, r, *e.Status, counted)
	case e.Incident != nil:
		return fateOfIncident(ctx, r, *e.Incident, counted)
	}
	return []fate{{Words: "known; it counts with its statuses"}}, nil
}

func fateOfStatus(ctx context.Context, r *persistence.Reader, s dora.Status, counted counts) ([]fate, error) {
	all := counted.fates("counted as", dora.Event{Status: &s}, dora.DeploymentsTotal)
	subject := subjectOf(dora.Event{Status: &s})
	if f, known := counted[dora.DeploymentsDurationSum][subject]; known {
		all = append(all, fate{Words: "duration " + spanOf(f.Value)})
	}
	if f, known := counted[dora.DeploymentsDurationUnavailable][subject]; known {
		all = append(all, fate{Words: "no duration: " + reason(f.Labels["reason"])})
	}
	_, looked, err := r.JobOf(ctx, s.Deployment.Commit().Key())
	if err != nil {
		return nil, err
	}
	if looked {
		all = append(all, fate{Words: waitsForStart})
	}
	settling, err := r.SettlingOf(ctx, s.Deployment.Key())
	if err != nil || len(settling) == 0 {
		return all, err
	}
	for _, one := range settling {
		if one.Attempts+one.Misses > 0 {
			return append(all, fate{Words: waitsForShips}), nil
		}
	}
	return append(all, fate{Words: waitsToSettle}), nil
}

func fateOfIncident(ctx context.Context, r *persistence.Reader, c dora.IncidentChange, counted counts) ([]fate, error) {
	key := c.Host + "/" + c.ID
	i, known, err := r.Incident(ctx, key)
	if err != nil {
		return nil, err
	}
	if !known || !i.Is {
		return []fate{{Words: "no incident by jira.incidents: not counted"}}, nil
	}
	all := counted.fates("its incident is counted as", dora.Event{Incident: &c}, dora.IncidentsOpened, dora.Incidents)
	if len(all) == 0 {
		all = append(all, fate{Words: "known"})
	}
	settling, err := r.SettlingOf(ctx, key)
	if len(settling) > 0 {
		all = append(all, fate{Words: waitsToSettle})
	}
	return all, err
}

// fates are the series of families that an event was counted in.
func (c counts) fates(words string, e dora.Event, families ...string) []fate {
	var all []fate
	for _, family := range families {
		if f, known := c[family][subjectOf(e)]; known {
			of := series(family, f.Labels)
			all = append(all, fate{Words: words, Series: of, Link: linkToMetric(of)})
		}
	}
	return all
}

// linkToDeployment leads to the explanation of a deployment; empty when its name is not one that GitHub gives.
func linkToDeployment(d dora.Deployment) string {
	if _, _, _, err := parseDeployment(called(d)); err != nil {
		return ""
	}
	return fmt.Sprintf("/explain/deployment/%s/%s/%d", url.PathEscape(d.Owner), url.PathEscape(d.Repository), d.ID)
}

func linkToIncident(key string) string {
	if !incidentKey.MatchString(key) {
		return ""
	}
	return "/explain/incident/" + url.PathEscape(key)
}

func linkToMetric(series string) string {
	return "/explain/metric?" + url.Values{"series": {series}}.Encode()
}
