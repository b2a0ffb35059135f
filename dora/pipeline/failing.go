package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dora-exporter/dora"
)

// failuresToWarn is how often evaluating a deployment has to fail before the log warns: a short outage is not worth a warning.
const failuresToWarn = 3

// failingScopes remembers the scopes in which nothing is evaluated because evaluating a deployment keeps failing, so that the log
// warns once about each.
type failingScopes struct {
	mu  sync.Mutex
	all map[string]bool
}

// add adds a scope and reports whether it is new.
func (f *failingScopes) add(scope string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[scope] {
		return false
	}
	if f.all == nil {
		f.all = map[string]bool{}
	}
	f.all[scope] = true
	return true
}

// remove removes a scope and reports whether it was there.
func (f *failingScopes) remove(scope string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.all[scope]
	delete(f.all, scope)
	return was
}

// logFailed logs that evaluating a deployment failed: at level warn when it keeps failing, once for each scope.
func (e *Evaluator) logFailed(ctx context.Context, evaluation dora.Evaluation, t dora.DeploymentRecord, why error) {
	level, text := slog.LevelDebug, "evaluating deployment failed, will retry"
	if evaluation.Attempts+evaluation.Misses >= failuresToWarn && e.failing.add(evaluation.Scope) {
		level, text = slog.LevelWarn, "evaluating deployment keeps failing: it and all later deployments of the environment wait, will retry every minute"
		var missing *dora.NotFoundError
		if errors.As(why, &missing) {
			text = "deployed commit not found: the deployment and all later ones of the environment wait, will retry for 71 minutes and then evaluate without it"
		}
	}
	e.Logger.Log(ctx, level, text, append(aboutDeployment(t), "sha", dora.LabelValue(t.SHA), "attempts", evaluation.Attempts+evaluation.Misses,
		"retry_in", evaluation.Due.Sub(e.Now()).Round(time.Second), "error", why)...)
}

// logEvaluated logs that deployments of a scope are evaluated again, if the log has warned that they were not.
func (e *Evaluator) logEvaluated(ctx context.Context, evaluation dora.Evaluation, t dora.DeploymentRecord) {
	if e.failing.remove(evaluation.Scope) {
		e.Logger.InfoContext(ctx, "evaluating deployments of the environment works again", aboutDeployment(t)...)
	}
}

func aboutDeployment(t dora.DeploymentRecord) []any {
	return []any{"owner", dora.LabelValue(t.Owner), "repository", dora.LabelValue(t.Repository), "environment", dora.LabelValue(t.Environment), "deployment", t.ID}
}
