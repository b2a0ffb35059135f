package pipeline_test

import (
	"cmp"
	"fmt"
	"regexp"
	"time"

	"dora-exporter/dora"
)

// sent is a webhook of a deployment's status, as GitHub sends it.
type sent struct {
	*sentDeployment
	id    int64 // of the status
	state string
	at    time.Time
	// environment is deployment_status.environment; empty if the payload lacks it.
	environment string
	// withoutID is set if the payload lacks repository.id.
	withoutID bool
}

// sentDeployment is what all webhooks about a deployment have in common.
type sentDeployment struct {
	number int64
	graph  *graph
	// repository is the name of the repository in the payloads.
	repository string
	// created is in the environment origin.
	created                                      time.Time
	origin                                       string
	sha, ref, task                               string
	creator, workflow, workflowPath, description string
}

// flagged is the one environment that payloads call a production environment, without a name that says so.
const flagged = "eu"

// event returns the webhook as the receiver decodes it.
func (s sent) event() dora.Event {
	d := dora.Deployment{
		Host: "api.github.com", ID: s.number, Owner: "acme", Repository: s.repository, DefaultBranch: s.graph.defaultBranch,
		Environment: cmp.Or(s.environment, s.origin), OriginalEnvironment: s.origin, SHA: s.sha, Ref: s.ref, CreatedAt: s.created,
		Task: s.task, Creator: s.creator, Description: s.description, Workflows: []string{s.workflow, s.workflowPath},
	}
	if !s.withoutID {
		d.RepositoryID = s.graph.id
	}
	d.Production = d.Environment == flagged
	if s.id%2 == 0 {
		d.Environment = s.origin // the payload's deployment need not say where a status promotes it to
	}
	return dora.Event{Status: &dora.Status{ID: s.id, State: s.state, CreatedAt: s.at, Environment: s.environment, Deployment: d}}
}

// ignoreRules returns the rules of deployments.ignore as the configuration reads them.
func ignoreRules(all []map[string]string) (rules []dora.IgnoreRule) {
	for _, keys := range all {
		r := dora.IgnoreRule{Text: fmt.Sprint(keys)}
		for key, target := range map[string]**regexp.Regexp{
			"environment": &r.Environment, "ref": &r.Ref, "task": &r.Task, "creator": &r.Creator, "workflow": &r.Workflow, "description": &r.Description,
		} {
			if e, ok := keys[key]; ok {
				*target = wholeValue(e)
			}
		}
		rules = append(rules, r)
	}
	return rules
}
