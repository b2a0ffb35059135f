package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"dora-exporter/dora"
)

// failuresToWarn is how often evaluating a deployment has to fail before the log warns: a short outage is not worth a warning.
const failuresToWarn = 3

// failingScopes remembers the scopes in which nothing is evaluated because evaluating a deployment keeps failing, so that the log
// warns once about each and why.
type failingScopes struct {
	mu sync.Mutex
	// all are the warnings by scope.
	all map[string]string
}

// add adds the warning about a scope and reports whether it is new.
func (f *failingScopes) add(scope, warning string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[scope] == warning {
		return false
	}
	if f.all == nil {
		f.all = map[string]string{}
	}
	f.all[scope] = warning
	return true
}

// remove removes a scope and reports whether it was there.
func (f *failingScopes) remove(scope string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, was := f.all[scope]
	delete(f.all, scope)
	return was
}

// Warnings about a scope, by why evaluating its first deployment keeps failing.
const (
	warnFailing  = "evaluating deployment keeps failing: it and all later deployments of the environment wait, will retry at least every minute"
	warnNotFound = "deployed commit not found: the deployment and all later ones of the environment wait, will retry for 71 minutes and then evaluate without it"
	warnNoAnswer = "evaluating deployment keeps failing: GitHub fails to answer a call although it answers others. " +
		"The deployment and all later ones of the environment wait, will retry at least every minute and then evaluate without the answer"
)

// logFailed logs that evaluating a deployment failed: at level warn when it keeps failing, once for each scope. That a repository is
// inaccessible is logged for the repository.
func (e *Evaluator) logFailed(ctx context.Context, evaluation dora.Evaluation, t dora.DeploymentRecord, why error) {
	level, text := slog.LevelDebug, "evaluating deployment failed, will retry"
	failed := evaluation.Attempts + evaluation.Misses
	about := append(aboutDeployment(t), "sha", dora.LabelValue(t.SHA), "attempts", failed, "retry_in", evaluation.Due.Sub(e.Now()).Round(time.Second))
	warning := warnFailing
	var missing *dora.NotFoundError
	var unanswered *dora.UnansweredError
	switch {
	case errors.As(why, &missing):
		warning = warnNotFound
	case errors.As(why, &unanswered):
		warning = warnNoAnswer
		left := e.GiveUp - evaluation.FailingCalls[unanswered.Call].For
		about = append(about, "give_up_in", max(0, left).Round(time.Second))
		if left <= e.GiveUp/2 {
			failed = failuresToWarn
		}
	}
	if failed >= failuresToWarn && !evaluation.Inaccessible && e.failing.add(evaluation.Scope, warning) {
		level, text = slog.LevelWarn, warning
	}
	e.Logger.Log(ctx, level, text, append(about, "error", why)...)
}

// logEvaluated logs that deployments of a scope are evaluated again, if the log has warned that they were not, and which answers the
// attempt that began at a time gave up for that.
func (e *Evaluator) logEvaluated(ctx context.Context, evaluation dora.Evaluation, began time.Time, t dora.DeploymentRecord, missing []string) {
	warned := e.failing.remove(evaluation.Scope)
	switch {
	case len(missing) > 0:
		e.Logger.WarnContext(ctx, "evaluated deployment without answers that GitHub failed to give", append(aboutDeployment(t), "sha", dora.LabelValue(t.SHA),
			"failing_for", evaluation.FailingCalls.Longest(began).Round(time.Second), "missing", strings.Join(missing, "; "))...)
	case warned:
		e.Logger.InfoContext(ctx, "evaluating deployments of the environment works again", aboutDeployment(t)...)
	}
}

func aboutDeployment(t dora.DeploymentRecord) []any {
	return []any{"owner", dora.LabelValue(t.Owner), "repository", dora.LabelValue(t.Repository), "environment", dora.LabelValue(t.Environment), "deployment", t.ID}
}
