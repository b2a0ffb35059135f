package pipeline_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

func (o *oracle) outcomes(d *oracleDeployment) {
	for outcome, s := range map[string]*dora.Status{"success": d.first("success"), "failure": d.first("failure", "error")} {
		if s == nil {
			continue
		}
		o.addScoped(d, "dora_deployments_total", 1, "outcome", outcome)
		start := d.CreatedAt
		if running := d.first("in_progress"); running != nil && !running.CreatedAt.After(s.CreatedAt) {
			start = running.CreatedAt
		} else if d.promoted {
			continue
		}
		if ran := s.CreatedAt.Sub(start); ran >= 0 {
			o.addScoped(d, "dora_deployment_run_seconds", ran.Milliseconds())
		}
	}
}

// ship determines what each deployment of a scope ships, and the evidence that it thereby is.
func (o *oracle) ship(all []*oracleDeployment) {
	brought := map[string]bool{}
	for i, d := range all {
		repo := o.repos[d.Repository]
		own := []dora.Change{repo.change(d.SHA)}
		running := runningBefore(all, d.done, d.ID)
		switch head := slices.Index(repo.line, d.SHA); {
		case running == nil:
			d.changes = own
		case running.SHA == d.SHA:
		case head < 0 || slices.Index(repo.line, running.SHA) < 0:
			d.changes = own
		case head < slices.Index(repo.line, running.SHA):
		default:
			for _, sha := range repo.line[slices.Index(repo.line, running.SHA)+1 : head+1] {
				d.changes = append(d.changes, repo.change(sha))
			}
		}
		for _, c := range d.changes {
			if !brought[c.Name()] {
				d.fresh = append(d.fresh, c)
				o.change(d, c)
			}
		}
		for _, c := range d.changes {
			brought[c.Name()] = true
		}
		if d.production {
			o.findEvidence(all[:i], running, d)
		}
	}
}

func (o *oracle) change(d *oracleDeployment, c dora.Change) {
	o.addScoped(d, "dora_changes_total", 1)
	reason := c.Unavailable
	if c.FirstCommit.After(d.done) {
		reason = "implausible_date"
	}
	if c.FirstCommit.IsZero() && reason == "" {
		reason = "no_commit_date"
	}
	if slices.Contains(o.policy.IgnoreAuthors, c.Author) {
		reason = "ignored_author"
	}
	if reason != "" {
		o.addScoped(d, "dora_lead_time_unavailable_total", 1, "reason", reason)
		return
	}
	o.addScoped(d, "dora_change_lead_time_seconds", d.done.Sub(c.FirstCommit).Milliseconds())
	stage := func(name string, from, to time.Time) {
		if c.PullRequest != 0 && !from.IsZero() && !to.IsZero() && !to.Before(from) {
			o.addScoped(d, "dora_change_stage_seconds", to.Sub(from).Milliseconds(), "stage", name)
		}
	}
	stage("coding", c.FirstCommit, c.Opened)
	stage("review", c.Opened, c.Merged)
	stage("deploy", c.Merged, d.done)
}

// means reports whether a name stands for a change: #12, or one of its commits or the beginning of one.
func means(name string, c dora.Change) bool {
	return name == c.Name() || !strings.HasPrefix(name, "#") && slices.ContainsFunc(append(c.Commits, c.SHA), func(sha string) bool { return strings.HasPrefix(sha, name) })
}

// findEvidence adds the evidence that a deployment is against earlier ones: it ships a revert, or a hotfix for the running one.
func (o *oracle) findEvidence(before []*oracleDeployment, running, d *oracleDeployment) {
	for _, c := range d.fresh {
		for _, name := range c.Reverts {
			if slices.ContainsFunc(d.fresh, func(c dora.Change) bool { return means(name, c) }) {
				continue
			}
			for _, b := range before {
				at := slices.IndexFunc(b.fresh, func(c dora.Change) bool { return means(name, c) })
				if at < 0 {
					continue
				}
				if len(b.fresh[at].Reverts) == 0 {
					o.evidence = append(o.evidence, &observation{bad: b, cause: "revert", at: d.done, by: d, tie: fmt.Sprint(d.ID, c.Name(), name)})
				}
				break
			}
		}
	}
	hotfix := slices.ContainsFunc(d.fresh, func(c dora.Change) bool {
		return slices.ContainsFunc(o.policy.HotfixBranches.Patterns(), func(p string) bool { ok, _ := path.Match(p, c.Branch); return ok })
	})
	if hotfix && running != nil {
		o.evidence = append(o.evidence, &observation{bad: running, cause: "hotfix", at: d.done, by: d, tie: fmt.Sprint(d.ID)})
	}
}
