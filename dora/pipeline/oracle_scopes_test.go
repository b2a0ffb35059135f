package pipeline_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// gather makes the deployments of the statuses: which are one, in which scope, and which count.
func (o *oracle) gather() {
	seen := map[int64]bool{}
	found := map[string]*oracleDeployment{}
	for _, s := range o.sent {
		if seen[s.id] {
			continue
		}
		seen[s.id] = true
		// The environment of a status is deployment_status.environment, else the deployment's. A deployment that is promoted by a
		// status is a deployment there, too.
		environment := strings.ToLower(cmp.Or(s.environment, s.origin))
		key := fmt.Sprint(s.number, " ", environment)
		if found[key] == nil {
			found[key] = &oracleDeployment{sentDeployment: s.sentDeployment, environment: environment}
		}
		found[key].statuses = append(found[key].statuses, s)
	}
	for _, d := range found {
		slices.SortFunc(d.statuses, compareSent)
		if s := d.first("success"); s != nil {
			d.done = s.at
		}
		d.production = isProduction(d.environment)
		d.scope = o.repository(d.statuses[0]) + " " + d.environment + " " + cmp.Or(d.task, "deploy")
		if o.counts(d) {
			o.deployments = append(o.deployments, d)
		}
	}
	slices.SortFunc(o.deployments, func(a, b *oracleDeployment) int {
		return cmp.Or(a.done.Compare(b.done), cmp.Compare(a.number, b.number), cmp.Compare(a.environment, b.environment))
	})
}

// repository returns the identity of a payload's repository: its id, also if another payload with this name tells it, else the name.
func (o *oracle) repository(s sent) string {
	if !s.withoutID {
		return fmt.Sprint(s.graph.id)
	}
	return o.repositoryNamed(s.repository)
}

func (o *oracle) repositoryNamed(name string) string {
	for _, other := range o.sent {
		if other.repository == name && !other.withoutID {
			return fmt.Sprint(other.graph.id)
		}
	}
	return name
}

var notLetters = regexp.MustCompile(`[^a-z]+`)

// isProduction reports whether an environment is production: the payload flags it, or one of its words says so and no word before it
// denies it.
func isProduction(environment string) bool {
	words := notLetters.Split(environment, -1)
	for i, word := range words {
		denied := i > 0 && slices.Contains([]string{"pre", "non", "not", "no"}, words[i-1])
		if slices.Contains([]string{"prod", "production", "prd", "live"}, word) && !denied {
			return true
		}
	}
	return environment == flagged
}

// counts reports whether a deployment is in dora_*: its task is deploy or deploy:*, and no rule ignores it. A rule matches if all of
// its expressions match the whole value.
func (o *oracle) counts(d *oracleDeployment) bool {
	if task := cmp.Or(d.task, "deploy"); task != "deploy" && !strings.HasPrefix(task, "deploy:") {
		return false
	}
	for _, rule := range o.ignore {
		matches := true
		for key, expression := range rule {
			values := map[string][]string{
				"environment": {cmp.Or(d.statuses[0].environment, d.origin)}, "ref": {d.ref}, "task": {cmp.Or(d.task, "deploy")},
				"creator": {d.creator}, "workflow": {d.workflow, d.workflowPath}, "description": {d.description},
			}[key]
			matches = matches && slices.ContainsFunc(values, regexp.MustCompile("^(?:"+expression+")$").MatchString)
		}
		if matches {
			return false
		}
	}
	return true
}

// outcomes counts a deployment, and how long it ran. The run begins with the first in_progress, else with the creation. The creation was
// in the environment that the deployment was made for; promoted to another one, it has a run time there only with an in_progress.
func (o *oracle) outcomes(d *oracleDeployment) {
	for outcome, s := range map[string]*sent{"success": d.first("success"), "failure": d.first("failure", "error")} {
		if s == nil {
			continue
		}
		o.addScoped(d, "dora_deployments_total", 1, "outcome", outcome)
		start, known := d.created, d.environment == strings.ToLower(d.origin)
		if running := d.first("in_progress"); running != nil && !running.at.After(s.at) {
			start, known = running.at, true
		}
		if ran := s.at.Sub(start); known && ran >= 0 {
			o.addScoped(d, "dora_deployment_run_seconds", ran.Milliseconds())
		}
	}
}
