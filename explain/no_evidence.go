package explain

import (
	"context"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// noEvidence returns why statuses of a deployment that look like evidence are none. What looks like nothing is left out: a commit that
// had not run before, or was running already.
func (x *explainer) noEvidence(ctx context.Context, t dora.DeploymentRecord) ([]Unmeasured, error) {
	if rules.FailureReason(t) != "" {
		return nil, nil
	}
	var all []Unmeasured
	h := x.Runs(ctx)
	_, reason, err := rules.FailedStatus(h, t)
	if err != nil {
		return nil, err
	}
	if reason == rules.ReasonReplaced {
		all = append(all, Unmeasured{"a failed change by its status", Reason(reason)})
	}
	runs, err := rules.RunsOf(h, t)
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		_, _, reason, err := rules.Rollback(h, run)
		if err != nil {
			return nil, err
		}
		if reason == rules.ReasonForward || reason == rules.ReasonRequestedBefore {
			all = append(all, Unmeasured{"a rollback at " + dora.FormatTime(run.At), Reason(reason)})
		}
	}
	return all, nil
}
