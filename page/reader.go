package page

import (
	"context"
	"time"

	"dora-exporter/dora"
)

// Reader reads the store for the pages.
type Reader interface {
	// Recent returns the newest deliveries, at most limit, in the order of arrival.
	Recent(ctx context.Context, limit int) ([]dora.StoredDelivery, error)
	// FactsBySubject returns the facts of a family with some subjects, by subject.
	FactsBySubject(ctx context.Context, family string, subjects []string) (map[string]dora.Fact, error)
	// Deployment returns a deployment by its key; false if it is not known.
	Deployment(ctx context.Context, key string) (dora.DeploymentRecord, bool, error)
	// Environments returns the environments that counted deployments have gone to, at most limit: production first, then by name.
	Environments(ctx context.Context, limit int) ([]dora.Environment, error)
	// Incident returns an issue by its key; false if it is not known.
	Incident(ctx context.Context, key string) (dora.Incident, bool, error)
	// LookupOf returns the pending look-up of a commit by its key; false if there is none. Due and FailingSince are times of day.
	LookupOf(ctx context.Context, commit string) (dora.Lookup, bool, error)
	// EvaluationsOf returns the pending evaluations of deployments or incidents by their keys. Due, Ripe and
	// FailingSince are times of day.
	EvaluationsOf(ctx context.Context, keys ...string) ([]dora.Evaluation, error)
	Backlog(ctx context.Context) (dora.Backlog, error)
	// CountEvaluations returns the number of pending evaluations.
	CountEvaluations(ctx context.Context) (int, error)
}

// Explainer explains for the pages below /explain.
type Explainer interface {
	// Deployment explains a deployment by its name, owner/repo#id.
	Deployment(ctx context.Context, name string) (Explanation, error)
	// Incident explains an issue by its key, such as INC-7.
	Incident(ctx context.Context, key string) (Explanation, error)
	// Metric explains the values of a series as it stands on /metrics. It lists at most maxFacts of each series, and has no
	// answer if more than maxSeries match.
	Metric(ctx context.Context, series string, maxFacts, maxSeries int) (Explanation, error)
	// Reason describes the value of a label reason.
	Reason(code string) string
}

// Explanation is the text of an explanation. If nothing was found, the text says what to ask for instead.
type Explanation struct {
	Text  string
	Found bool
}

// Measures are the five DORA measures of the teams, by all events.
type Measures struct {
	From, To time.Time
	Teams    []Team
	// MoreTeams counts the teams that are left out.
	MoreTeams int
	// AreStale is true if deployments or incidents of the last seconds are still to be added.
	AreStale bool
}

// Team has the measures of a team.
type Team struct {
	Name     string
	Measures []Measure
}

// Measure is a measure in words.
type Measure struct {
	Name, Value, Observations string
	// Band is empty if there is none, and then NoBand says why.
	Band, NoBand string
	Trend        Trend
}

// Trend is a measure of each of the last weeks, the oldest first.
type Trend struct {
	Name  string
	Weeks []Week
}

// Week is a measure of one week; NaN or infinite without observations.
type Week struct {
	Value float64
	Text  string
}
