package dora

import (
	"regexp"
	"testing"
)

func TestIgnoredBy(t *testing.T) {
	whole := func(text string) *regexp.Regexp { return regexp.MustCompile("^(?:" + text + ")$") }
	p := Policy{Tasks: MustFilter("deploy", "deploy:**"), Ignore: []IgnoreRule{
		{Ref: whole("feature"), Environment: whole("production"), Text: "two"},
		{Workflow: whole(`.*nightly\.yml|Plan`), Text: "workflow"},
		{Creator: whole(`argo\[bot\]`), Description: whole(""), Text: "nothing described"},
		{Task: whole("deploy:db"), Text: "task"},
		{Ref: whole("refs/heads/full"), Text: "full name"},
	}}
	for name, test := range map[string]struct {
		deployment Deployment
		want       string
		may        bool
	}{
		"nothing":                   {Deployment{}, "", true},
		"both of two":               {Deployment{Ref: "feature", Environment: "production"}, "two", true},
		"a branch by its full name": {Deployment{Ref: "refs/heads/feature", Environment: "production"}, "two", true},
		"a tag by its full name":    {Deployment{Ref: "refs/tags/feature", Environment: "production"}, "two", true},
		"a full name in the rule":   {Deployment{Ref: "refs/heads/full"}, "full name", true},
		"another kind of ref":       {Deployment{Ref: "refs/pull/feature", Environment: "production"}, "", true},
		"one of two":                {Deployment{Ref: "feature", Environment: "preview"}, "", true},
		"a part of the value":       {Deployment{Ref: "feature/x", Environment: "production"}, "", true},
		"path of the workflow":      {Deployment{Workflows: []string{"Check", ".github/workflows/nightly.yml"}}, "workflow", false},
		"name of the workflow":      {Deployment{Workflows: []string{"Plan"}}, "workflow", true},
		"another workflow":          {Deployment{Workflows: []string{"Deploy", ".github/workflows/deploy.yml"}}, "", false},
		"promoted by another one":   {Deployment{Workflows: []string{"Deploy", ".github/workflows/deploy.yml"}, Promoted: true}, "", true},
		"name of another workflow":  {Deployment{Workflows: []string{"Deploy"}}, "", true},
		"without a description":     {Deployment{Creator: "argo[bot]"}, "nothing described", true},
		"with a description":        {Deployment{Creator: "argo[bot]", Description: "x"}, "", true},
		"task":                      {Deployment{Task: "deploy:db"}, "task", true},
		"a task that is not listed": {Deployment{Task: "remove"}, "task remove matches none of deployments.tasks", true},
		"a task in upper case":      {Deployment{Task: "DEPLOY:Web/EU"}, "", true},
	} {
		if got := p.IgnoredBy(test.deployment); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if got := p.MayBeIgnored(test.deployment); got != test.may {
			t.Errorf("%s: may be ignored: %t, want %t", name, got, test.may)
		}
	}
	if by := (Policy{}).IgnoredBy(Deployment{Task: "remove"}); by != "" {
		t.Errorf("without patterns: %q", by)
	}
	if (Policy{Ignore: p.Ignore[:1]}).MayBeIgnored(Deployment{}) {
		t.Error("may be ignored by the workflow without a rule about it")
	}
}
