package dora

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// IgnoreRule selects deployments that count in no dora_* family: jobs name an environment only for its secrets, tools write a second
// record. All expressions of the rule must match, each a whole value. A value that is missing is empty.
type IgnoreRule struct {
	// Environment, Ref, Task, Creator and Description match those of the deployment, Ref also the name alone of a branch or tag, Workflow a
	// name or the path of its workflow; nil matches all.
	Environment, Ref, Task, Creator, Description, Workflow *regexp.Regexp
	// Text is the rule in words.
	Text string
}

// Matches reports whether the rule selects a deployment.
func (r IgnoreRule) Matches(d Deployment) bool {
	return r.matchesButWorkflow(d) && (r.Workflow == nil || slices.ContainsFunc(workflowsOf(d), r.Workflow.MatchString))
}

// matchesButWorkflow reports whether the rule selects a deployment if the workflow is left out of account.
func (r IgnoreRule) matchesButWorkflow(d Deployment) bool {
	match := func(e *regexp.Regexp, value string) bool { return e == nil || e.MatchString(value) }
	return match(r.Environment, d.Environment) && (match(r.Ref, d.Ref) || match(r.Ref, strings.TrimPrefix(d.Branch(), "refs/tags/"))) && match(r.Task, cmp.Or(d.Task, DefaultTask)) &&
		match(r.Creator, d.Creator) && match(r.Description, d.Description)
}

func workflowsOf(d Deployment) []string {
	if len(d.Workflows) == 0 {
		return []string{""}
	}
	return d.Workflows
}

// IgnoredBy returns why a deployment counts in no dora_* family: its task, or the first rule of deployments.ignore that selects it.
// It is empty if the deployment counts.
func (p Policy) IgnoredBy(d Deployment) string {
	if task := cmp.Or(d.Task, DefaultTask); len(p.Tasks.Patterns()) > 0 && !p.Tasks.Matches(task) {
		return "task " + LabelValue(task) + " matches none of deployments.tasks"
	}
	for _, r := range p.Ignore {
		if r.Matches(d) {
			return r.Text
		}
	}
	return ""
}

// IgnoresWorkflows reports whether a rule asks for a workflow.
func (p Policy) IgnoresWorkflows() bool {
	return slices.ContainsFunc(p.Ignore, func(r IgnoreRule) bool { return r.Workflow != nil })
}

// MayBeIgnored reports whether another event of a deployment may show that a rule selects it: the path of a workflow is in the payload
// of a deployment and often not in that of its statuses, and that of a status that promotes it may be another one.
func (p Policy) MayBeIgnored(d Deployment) bool {
	hasPath := slices.ContainsFunc(d.Workflows, func(name string) bool { return strings.Contains(name, "/") })
	return (d.Promoted || !hasPath) && slices.ContainsFunc(p.Ignore, func(r IgnoreRule) bool { return r.Workflow != nil && r.matchesButWorkflow(d) })
}
