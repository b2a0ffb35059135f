package rules

import "dora-exporter/dora"

// Rollback returns which deployment a run takes back, and the run of the same commit before it; a reason if it takes none back. A
// rollback deploys a commit that ran before, and whose first run was before that of the commit that is running. It takes back what
// came next after the commit's latest run. It was asked for when that had succeeded, so a slow job of an older release is none.
//
// The runs alone decide: no commit is compared, so that no answer of GitHub is waited for.
func Rollback(h dora.Runs, by dora.Run) (target, earlier dora.Run, reason string, err error) {
	earlier, ran, err := h.LatestRun(by.Scope(), by.SHA, by.Moment())
	if err != nil || !ran {
		return target, earlier, ReasonNeverRan, err
	}
	running, _, err := h.Previous(by.Scope(), by.Moment())
	if err != nil {
		return target, earlier, "", err
	}
	switch {
	case by.SHA == "" || running.SHA == "":
		return target, earlier, dora.ReasonNoCommit, nil
	case running.SHA == by.SHA:
		return target, earlier, ReasonSameCommit, nil
	}
	firstOfBy, _, err := h.FirstRun(by.Scope(), by.SHA)
	if err != nil {
		return target, earlier, "", err
	}
	firstOfRunning, _, err := h.FirstRun(by.Scope(), running.SHA)
	if err != nil {
		return target, earlier, "", err
	}
	if !firstOfBy.Moment().Before(firstOfRunning.Moment()) {
		return target, earlier, ReasonForward, nil
	}
	if target, _, err = h.Next(by.Scope(), earlier.Moment()); err != nil {
		return target, earlier, "", err
	}
	if !by.Requested().After(target.At) {
		return target, earlier, ReasonRequestedBefore, nil
	}
	return target, earlier, "", nil
}

// RunsOf returns the runs of a deployment, in the order of time.
func RunsOf(h dora.Runs, t dora.DeploymentRecord) ([]dora.Run, error) {
	var all []dora.Run
	for _, o := range t.Outcomes {
		run := dora.Run{DeploymentRecord: t, At: o.At}
		if dora.OutcomeOf(o.State) != dora.Success || len(all) > 0 && all[len(all)-1].At.Equal(o.At) {
			continue
		}
		if len(all) > 0 { // the first success always begins a run
			before, follows, err := h.Previous(run.Scope(), run.Moment())
			if err != nil {
				return nil, err
			}
			if follows && before.Key() == t.Key() {
				continue
			}
		}
		run.Late = o.Late
		all = append(all, run)
	}
	return all, nil
}

// rollbacks returns the evidence that the runs of a deployment are against the deployments that they take back.
func rollbacks(h dora.Runs, t dora.DeploymentRecord) ([]dora.Evidence, error) {
	if FailureReason(t) != "" {
		return nil, nil
	}
	runs, err := RunsOf(h, t)
	if err != nil {
		return nil, err
	}
	var all []dora.Evidence
	for _, by := range runs {
		target, earlier, reason, err := Rollback(h, by)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			continue
		}
		name, detail := by.Key(), by.DisplayName()+" deploys "+shortSHA(by.SHA)+" again, which "+earlier.DisplayName()+" had deployed before it"
		if by.Again() {
			name = dora.RunBy(by.Key(), by.At)
			detail = by.DisplayName() + " runs again with " + shortSHA(by.SHA) + ", by another status of success"
		}
		all = append(all, dora.Evidence{
			Target: target.Key(), Scope: target.Scope(), Cause: dora.CauseRollback, By: name, At: by.At, Detail: detail, Late: target.Late || by.Late,
		})
	}
	return all, nil
}
