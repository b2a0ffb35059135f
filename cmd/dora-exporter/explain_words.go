package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
)

// causeRules say each cause of a failure to a person.
var causeRules = map[dora.Cause]string{
	dora.CauseStatus:   "it had a status of failure or error after its success",
	dora.CauseIncident: "an incident names it, and it was done before that was opened",
	dora.CauseRollback: "a commit that ran before it was deployed again",
	dora.CauseRevert:   "a later deployment takes back a change that it brought",
	dora.CauseHotfix:   "the deployment after it brings a hotfix",
	dora.CauseWindow:   "an incident of its team was opened soon after it",
}

// reasons say why there is no duration or lead time.
var reasons = map[string]string{
	dora.ReasonNoCommit:      "the payload names no commit",
	dora.ReasonNotFound:      "GitHub does not have the commit: it answered 404, four times over 71 minutes",
	dora.ReasonUnprocessed:   "GitHub can't make sense of the commit: it answered 422, four times over 71 minutes",
	dora.ReasonInvalidName:   "owner, repository or commit can't be part of a request to GitHub",
	dora.ReasonNoDate:        "the commit has no author date",
	dora.ReasonBeforeCommit:  "the first commit is younger than the status",
	dora.ReasonIgnoredAuthor: "changes of its author are left out (changes.ignore_authors)",
}

func reason(r string) string {
	if words, ok := reasons[r]; ok {
		return words
	}
	return r
}

// relations say how a deployed commit lies to the one before it.
var relations = map[dora.Relation]string{
	dora.Ahead:     "its commit follows the one before it",
	dora.Behind:    "its commit is older than the one before it: it ships no change",
	dora.Identical: "its commit is the one before it: it ships no change",
	dora.Diverged:  "its commit and the one before it lie on two lines: only the change of its own commit is taken",
	dora.First:     "it is the first deployment here: only the change of its own commit is taken",
	dora.Gone:      "the commit before it can't be compared with any more: only its own commit is taken",
}

// about says what a fact is about to a person.
func (s *store) about(ctx context.Context, f dora.Fact) (string, error) {
	kind, key, detail := dora.CutSubject(f.Subject)
	switch kind {
	case dora.SubjectZero:
		return "the series starts at 0, before anything is counted", nil
	case dora.SubjectStatus:
		return s.statusName(ctx, key)
	case dora.SubjectDeployment:
		name, err := s.deploymentName(ctx, key)
		return name + ", its " + cmp.Or(detail, "outcome"), err
	case dora.SubjectChange:
		return s.changeName(ctx, key, detail, f)
	case dora.SubjectFailure, dora.SubjectRecovery:
		return s.markName(ctx, kind, key)
	case dora.SubjectRework:
		name, err := s.deploymentName(ctx, key)
		return name + " repaired another deployment", err
	case dora.SubjectIncident:
		return s.incidentFact(ctx, f, key, detail)
	}
	return f.Subject, nil
}

func (s *store) statusName(ctx context.Context, key string) (string, error) {
	d, known, err := s.DeliveryOf(ctx, pipeline.StatusKeyOf(key))
	if err != nil || !known || d.Event.Status == nil {
		return "status " + key, err
	}
	status := d.Event.Status
	return fmt.Sprintf("%s, its status %s (%d)", called(status.Deployment), status.State, status.ID), nil
}

func (s *store) changeName(ctx context.Context, key, detail string, f dora.Fact) (string, error) {
	at := strings.LastIndexByte(key, '/')
	if at < 0 {
		return f.Subject, nil
	}
	scope := key[:at]
	by := fmt.Sprintf("%s#%d", dora.RepositoryOf(scope), f.ID)
	t, known, err := s.Deployment(ctx, hostOf(scope)+"/"+strconv.FormatInt(f.ID, 10))
	if known {
		by = called(t.Deployment)
	}
	what := "change "
	if stage, ok := strings.CutPrefix(detail, "stage="); ok {
		what = stage + " of change "
	}
	return what + short(key[at+1:]) + ", which came with " + by, err
}

func (s *store) markName(ctx context.Context, kind, key string) (string, error) {
	deployment, err := s.deploymentName(ctx, key)
	if err != nil {
		return "", err
	}
	m, known, err := s.MarkOf(ctx, key)
	if err != nil || !known {
		return deployment + ", its " + kind, err
	}
	if kind == dora.SubjectFailure {
		return deployment + " turned out bad: " + m.Detail, nil
	}
	by, err := s.byName(ctx, m.Cause, m.RepairedBy)
	return deployment + " was repaired by " + by, err
}

func (s *store) incidentFact(ctx context.Context, f dora.Fact, key, detail string) (string, error) {
	name, err := s.incidentName(ctx, key)
	if err != nil {
		return "", err
	}
	switch {
	case f.Family == dora.IncidentsOpened:
		return name + " was opened", nil
	case f.Family == dora.IncidentsOpen && f.Value > 0:
		return name + " is open", nil
	case f.Family == dora.IncidentsOpen:
		return name + " is no longer open under these labels", nil
	case f.Family == dora.IncidentRecovery:
		return name + ", from its creation to its first resolution", nil
	case f.Family == dora.IncidentsDurationSum && detail != "":
		return name + ", from its creation to its resolution, less what was counted before", nil
	}
	return name + " was resolved", nil
}

// byName names what is evidence or a repair: a deployment, or an incident for the causes that are about incidents.
func (s *store) byName(ctx context.Context, c dora.Cause, by string) (string, error) {
	if c == dora.CauseIncident || c == dora.CauseWindow {
		return s.incidentName(ctx, by)
	}
	key, _, _ := strings.Cut(by, " ")
	return s.deploymentName(ctx, key)
}

// deploymentName is what people call a deployment, from its key.
func (s *store) deploymentName(ctx context.Context, key string) (string, error) {
	return s.name("deployment "+key, func() (string, error) {
		t, known, err := s.Deployment(ctx, key)
		if !known {
			return "deployment " + key, err
		}
		return called(t.Deployment), err
	})
}

func (s *store) incidentName(ctx context.Context, key string) (string, error) {
	return s.name("incident "+key, func() (string, error) {
		i, _, err := s.Incident(ctx, key)
		return cmp.Or(i.Name, "incident "+key), err
	})
}

// name asks for a name once.
func (s *store) name(key string, ask func() (string, error)) (string, error) {
	if known, ok := s.names[key]; ok {
		return known, nil
	}
	found, err := ask()
	if err == nil {
		s.names[key] = found
	}
	return found, err
}

// called is what people call a deployment: owner/repo#id.
func called(d dora.Deployment) string { return fmt.Sprintf("%s/%s#%d", d.Owner, d.Repository, d.ID) }

// hostOf and numberOf are the parts of a key, host/number.
func hostOf(key string) string {
	host, _, _ := strings.Cut(key, "/")
	return host
}

func numberOf(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

// short is the beginning of a SHA; other names are left as they are.
func short(name string) string {
	if len(name) == 40 {
		return name[:10]
	}
	return name
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// spanOf writes milliseconds as people do, such as 25h33m.
func spanOf(ms int64) string {
	text := (time.Duration(ms) * time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// several is so many of a thing.
func several(n int64, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(thing, "y"))
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// valueWords are the published value with its meaning behind it, where that is not plain.
func valueWords(f dora.Family, value float64) string {
	switch {
	case f.Name == dora.DeploymentTimestamp && value > 0:
		return decimal(value) + " (" + stamp(time.UnixMilli(int64(value*1000))) + ")"
	case f.Unit == dora.Milliseconds && value != 0 && value < 9e9 && value > -9e9:
		return decimal(value) + " (" + spanOf(int64(math.Round(value*1000))) + ")"
	}
	return decimal(value)
}
