package rules

import (
	"time"

	"dora-exporter/dora"
)

// window is a dora.History that has the runs of a scope at hand that begin from a time on, until another, or all later ones if that is
// zero. So most questions about new deployments need no query.
type window struct {
	dora.History
	scope       string
	from, until time.Time
	// runs are in their order, shas has them by their commit. before is the run before them, if there is one.
	runs      []dora.Run
	shas      map[string][]dora.Run
	before    dora.Run
	hasBefore bool

	deployments map[string]dora.DeploymentRecord
}

// newWindow returns a window with all deployments that have a success in its time.
func newWindow(h dora.History, scope string, from, until time.Time, deployments []dora.DeploymentRecord) (*window, error) {
	w := &window{History: h, scope: scope, from: from, until: until, shas: map[string][]dora.Run{}, deployments: map[string]dora.DeploymentRecord{}}
	var err error
	if w.before, w.hasBefore, err = h.Previous(scope, dora.Moment{At: from}); err != nil {
		return nil, err
	}
	for _, t := range deployments {
		w.deployments[t.Key()] = t
		for _, o := range t.Outcomes {
			if dora.OutcomeOf(o.State) == dora.Success && w.has(o.At) {
				w.runs = append(w.runs, dora.Run{DeploymentRecord: t, At: o.At})
			}
		}
	}
	w.runs = dora.SortRuns(w.runs)
	if len(w.runs) > 0 && w.hasBefore && w.runs[0].Key() == w.before.Key() {
		w.runs = w.runs[1:] // it repeats the success before it
	}
	for _, run := range w.runs {
		w.shas[run.SHA] = append(w.shas[run.SHA], run)
	}
	return w, nil
}

// has reports whether a time is in the window.
func (w *window) has(at time.Time) bool {
	return !at.Before(w.from) && (w.until.IsZero() || at.Before(w.until))
}

// Deployment returns a deployment by its key.
func (w *window) Deployment(key string) (dora.DeploymentRecord, bool, error) {
	if t, known := w.deployments[key]; known {
		return t, true, nil
	}
	return w.History.Deployment(key)
}

// Previous returns the newest run of a scope before a moment.
func (w *window) Previous(scope string, m dora.Moment) (dora.Run, bool, error) {
	if scope != w.scope || !w.has(m.At) {
		return w.History.Previous(scope, m)
	}
	if n, _ := dora.SearchRuns(w.runs, m); n > 0 {
		return w.runs[n-1], true, nil
	}
	return w.before, w.hasBefore, nil
}

// Next returns the oldest run of a scope after a moment.
func (w *window) Next(scope string, m dora.Moment) (dora.Run, bool, error) {
	begins := w.has(m.At) || m.At.Before(w.from) && w.hasBefore && !m.Before(w.before.Moment())
	if scope != w.scope || !begins {
		return w.History.Next(scope, m)
	}
	n, found := dora.SearchRuns(w.runs, m)
	if found {
		n++
	}
	switch {
	case n < len(w.runs):
		return w.runs[n], true, nil
	case w.until.IsZero():
		return dora.Run{}, false, nil
	}
	return w.History.Next(scope, m)
}

// LatestRun returns the newest run of a commit in a scope before a moment.
func (w *window) LatestRun(scope, sha string, m dora.Moment) (dora.Run, bool, error) {
	if scope == w.scope && w.has(m.At) {
		all := w.shas[sha]
		if n, _ := dora.SearchRuns(all, m); n > 0 {
			return all[n-1], true, nil
		}
	}
	return w.History.LatestRun(scope, sha, m)
}
