package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dora-exporter/dora"
)

// failuresToWarn is how often evaluating a deployment has to fail before the log warns: what fails once or twice is over soon.
const failuresToWarn = 3

// failingScopes remembers the scopes in which nothing is evaluated since the evaluation of a deployment keeps failing, so that
// the log says it once for each.
type failingScopes struct {
	mu  sync.Mutex
	all map[string]bool
}

// add notes that a scope is failing; false if that is known.
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

// remove notes that a scope is failing no more; false if it was not.
func (f *failingScopes) remove(scope string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.all[scope]
	delete(f.all, scope)
	return was
}

// failed logs that evaluating a deployment failed and is tried again: at warn once it keeps failing, once for each scope.
func (s *Evaluator) failed(ctx context.Context, one dora.Evaluation, t dora.DeploymentRecord, why error) {
	level, text := slog.LevelDebug, "evaluating deployment failed, will retry"
	if one.Attempts+one.Misses >= failuresToWarn && s.failing.add(one.Scope) {
		level, text = slog.LevelWarn, "evaluating deployment keeps failing: it and all later deployments of the environment wait, will retry every minute"
		var missing *dora.NotFoundError
		if errors.As(why, &missing) {
			text = "deployed commit not found: the deployment and all later ones of the environment wait, will retry for 71 minutes and then evaluate without it"
		}
	}
	s.Logger.Log(ctx, level, text, append(aboutDeployment(t), "sha", dora.LabelValue(t.SHA), "attempts", one.Attempts+one.Misses,
		"retry_in", one.Due.Sub(s.Now()).Round(time.Second), "error", why)...)
}

// evaluated logs that deployments of a scope are evaluated again if the log said that they were not.
func (s *Evaluator) evaluated(ctx context.Context, one dora.Evaluation, t dora.DeploymentRecord) {
	if s.failing.remove(one.Scope) {
		s.Logger.InfoContext(ctx, "evaluating deployments of the environment works again", aboutDeployment(t)...)
	}
}

func aboutDeployment(t dora.DeploymentRecord) []any {
	return []any{"owner", dora.LabelValue(t.Owner), "repository", dora.LabelValue(t.Repository), "environment", dora.LabelValue(t.Environment), "deployment", t.ID}
}
