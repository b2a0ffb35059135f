package dora

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Only the same change at an earlier time is.
func TestIsEarlier(t *testing.T) {
	at := func(ms int64) Event { return Event{Incident: &IncidentChange{Timestamp: time.UnixMilli(ms)}} }
	updated, none := Event{Incident: &IncidentChange{Updated: time.UnixMilli(4)}}, Event{Incident: &IncidentChange{}}
	for name, test := range map[string]struct {
		stored, received Event
		want             bool
	}{
		"earlier":               {at(5), at(4), true},
		"the same":              {at(5), at(5), false},
		"later":                 {at(5), at(6), false},
		"by when updated":       {at(5), updated, true},
		"the first time":        {none, at(5), true},
		"no time":               {at(5), none, false},
		"never a time":          {none, none, false},
		"of a status":           {Event{Status: &Status{CreatedAt: time.UnixMilli(5)}}, Event{Status: &Status{CreatedAt: time.UnixMilli(4)}}, false},
		"a status and an issue": {Event{Status: &Status{}}, at(4), false},
	} {
		if got := IsEarlier(test.stored, test.received); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestConflicts(t *testing.T) {
	at := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	status := func(change func(*Status)) Event {
		s := &Status{ID: 3, State: "success", CreatedAt: at, Deployment: Deployment{
			Host: "api.github.com", ID: 2, Owner: "acme", Repository: "web", Environment: "production", SHA: "c0ffee",
		}}
		if change != nil {
			change(s)
		}
		return Event{Status: s}
	}
	deployment := func(sha string) Event {
		return Event{Deployment: &Deployment{ID: 2, Environment: "production", SHA: sha}}
	}
	for name, test := range map[string]struct {
		stored, received Event
		want             []Conflict
	}{
		"redelivery":       {status(nil), status(nil), nil},
		"another state":    {status(nil), status(func(s *Status) { s.State = "failure" }), []Conflict{{"state", "success", "failure"}}},
		"another time":     {status(nil), status(func(s *Status) { s.CreatedAt = at.Add(time.Second) }), []Conflict{{"created_at", "2026-01-15T12:00:00Z", "2026-01-15T12:00:01Z"}}},
		"same instant":     {status(nil), status(func(s *Status) { s.CreatedAt = at.In(time.FixedZone("", 3600)) }), nil},
		"finer than a ms":  {status(nil), status(func(s *Status) { s.CreatedAt = at.Add(time.Microsecond) }), nil},
		"other deployment": {status(nil), status(func(s *Status) { s.Deployment.ID = 4 }), []Conflict{{"deployment", "2", "4"}}},
		"other environment": {
			status(nil), status(func(s *Status) { s.Deployment.Environment = "staging" }), []Conflict{{"environment", "production", "staging"}},
		},
		"environment in capitals": {status(nil), status(func(s *Status) { s.Deployment.Environment = "Production" }), nil},
		"environment of the status": {
			status(func(s *Status) { s.Environment = "eu" }), status(func(s *Status) { s.Environment, s.Deployment.Environment = "us", "us" }),
			[]Conflict{{"environment", "eu", "us"}},
		},
		"promoted in between": {
			status(func(s *Status) { s.Environment = "production" }), status(func(s *Status) { s.Environment, s.Deployment.Environment = "production", "eu" }), nil,
		},
		"other commit":       {status(nil), status(func(s *Status) { s.Deployment.SHA = "beef" }), []Conflict{{"sha", "c0ffee", "beef"}}},
		"lacks the commit":   {status(nil), status(func(s *Status) { s.Deployment.SHA = "" }), nil},
		"renamed repository": {status(nil), status(func(s *Status) { s.Deployment.Repository = "site" }), nil},
		"several": {
			status(nil), status(func(s *Status) { s.State, s.Deployment.Environment = "error", "qa" }),
			[]Conflict{{"state", "success", "error"}, {"environment", "production", "qa"}},
		},
		"deployment":               {deployment("a"), deployment("a"), nil},
		"deployment, other SHA":    {deployment("a"), deployment("b"), []Conflict{{"sha", "a", "b"}}},
		"incident":                 {Event{Incident: &IncidentChange{StatusName: "a"}}, Event{Incident: &IncidentChange{StatusName: "b"}}, nil},
		"an event of another kind": {status(nil), deployment("a"), nil},
	} {
		if diff := cmp.Diff(test.want, Conflicts(test.stored, test.received)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}
