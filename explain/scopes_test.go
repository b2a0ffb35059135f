package explain_test

import (
	"regexp"
	"strings"
	"testing"

	"dora-exporter/dora"
	"dora-exporter/story/shop"
)

// Explanations say in which environments a deployment is one, what left it out, and find a repository by all of its names.
func TestExplainScopes(t *testing.T) {
	s := shop.New(t)
	s.Rules.Policy.Ignore = []dora.IgnoreRule{{Ref: regexp.MustCompile("^plan$"), Text: "deployments.ignore: {ref: plan}"}}
	status := func(id int64, environment, sha, state string, at int, name string) dora.Event {
		e := shop.Status(id, environment, sha, state, at)
		e.Status.Deployment.OriginalEnvironment = environment
		e.Status.Deployment.Repository, e.Status.Deployment.RepositoryID = name, 77
		return e
	}
	promoted := status(1, "staging", "V1", "success", 20, "old")
	promoted.Status.Environment, promoted.Status.Deployment.Environment = "production", "production"
	failed := status(1, "staging", "V1", "failure", 21, "old")
	failed.Status.Environment, failed.Status.Deployment.Environment = "production", "production"
	ignored := status(3, "production", "V2", "success", 35, "web")
	ignored.Status.Deployment.Ref = "plan"
	removed := status(4, "production", "V2", "success", 45, "web")
	removed.Status.Deployment.Task = "remove"
	s.Rules.Policy.Tasks = dora.MustFilter("deploy")
	s.Deliver(
		status(1, "staging", "V1", "success", 15, "old"), promoted, failed, status(2, "production", "V2", "success", 25, "web"), ignored, removed,
	)
	s.Process()
	for about, wants := range map[string][]string{
		"acme/old#1": {
			"2 deployments have that name",
			"environment  staging\n", "09:15:00Z  success", "dora_deployments_total{environment=\"staging\",outcome=\"success\"",
			"environment  production, promoted by a status from staging (production)\n", "acme/old#1 had the status failure after its success",
			"acme/old#1 was repaired by acme/web#2", "its run time: a status promoted it to this environment",
		},
		"acme/web#1": {"2 deployments have that name", "acme/old#1 on api.github.com"},
		"acme/old#2": {"acme/web#2 on api.github.com", "compared with V1 of acme/old#1"},
		"acme/web#3": {"ignored      it counts in github_* only, by deployments.ignore: {ref: plan}\n", "the deployment: it counts in github_* only"},
		"acme/web#4": {"task         remove\n", "by task remove matches none of deployments.tasks"},
	} {
		text, err := run(t, s, "deployment", about)
		if err != nil {
			t.Errorf("%s: %v", about, err)
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", about, want, text)
			}
		}
	}
	// Each of the two has its own facts.
	text, _ := run(t, s, "deployment", "acme/old#1")
	_, production, _ := strings.Cut(text, "promoted by a status")
	staging, _, _ := strings.Cut(text, "promoted by a status")
	if strings.Contains(staging, "dora_deployments_total{environment=\"production\"") || strings.Contains(production, "{environment=\"staging\",outcome") {
		t.Errorf("facts of another environment in\n%s", text)
	}
}
