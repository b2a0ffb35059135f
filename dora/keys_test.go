package dora

import (
	"testing"
	"time"
)

// The strings are stored: another spelling of a key or subject would count again what is counted.
func TestKeys(t *testing.T) {
	deployment := Deployment{Host: "GHE.example.com:8443", ID: 7, Owner: "Acme", Repository: "Web shop", Environment: "Prod/EU", SHA: "c0ffee"}
	promoted := deployment
	promoted.Promoted = true
	record := DeploymentRecord{Deployment: deployment}
	known := DeploymentRecord{Deployment: deployment, Identity: "ghe.example.com:8443/acme/old#99"}
	known.Task = "Deploy:Web/EU"
	merge := deployment
	merge.Ref = "refs/pull/12/merge"
	issue := IncidentChange{Host: "jira.example.com/base", ID: "10042", Event: "jira:issue_updated"}
	pull := Change{Origin: Origin{PullRequest: 12}, SHA: "c0ffee"}
	for _, test := range []struct{ name, got, want string }{
		{"deployment", deployment.Key(), "GHE.example.com:8443/7"},
		{"deployment that was promoted", promoted.Key(), "GHE.example.com:8443/7/prod%2feu"},
		{"deployment by its id", DeploymentKey("api.github.com", 7), "api.github.com/7"},
		{"issue", issue.IssueKey(), "jira.example.com/base/10042"},
		{"commit", deployment.Commit().Key(), "GHE.example.com:8443/Acme/Web shop@c0ffee"},
		{"commit of a pull request", merge.Commit().Key(), "GHE.example.com:8443/Acme/Web shop@c0ffee#12"},
		{"SHA of a commit of a pull request", SHAOf(merge.Commit().Key()), "c0ffee"},
		{"another commit than that of a pull request", merge.Commit().At("beef").Key(), "GHE.example.com:8443/Acme/Web shop@beef"},
		{"repository", RepositoryKey("GHE.example.com:8443", "acme/web", 0), "ghe.example.com:8443/acme/web"},
		{"second repository of a name", RepositoryKey("GHE.example.com:8443", "acme/web", 99), "ghe.example.com:8443/acme/web#99"},
		{"scope", record.Scope(), "ghe.example.com:8443/acme/web%20shop/prod%2feu"},
		{"scope of a repository and a task", known.Scope(), "ghe.example.com:8443/acme/old#99/prod%2feu/deploy:web%2feu"},
		{"scope of the usual task", ScopeOf("h/acme/web", "prod", "DEPLOY"), "h/acme/web/prod"},
		{"repository of the scope", RepositoryOf(record.Scope()), "ghe.example.com:8443/acme/web%20shop"},
		{"repository of the scope of a task", RepositoryOf(known.Scope()), "ghe.example.com:8443/acme/old#99"},
		{"repository of no scope", RepositoryOf("acme/web"), ""},
		{"delivery of a deployment", DeploymentDeliveryKey("api.github.com", 7), "github/api.github.com/deployment/7"},
		{"delivery of a status", StatusDeliveryKey("api.github.com", 7), "github/api.github.com/deployment_status/7"},
		{"delivery of an issue", IssueDeliveryKey(issue, "20100"), "jira/jira.example.com/base/10042/jira:issue_updated/20100"},
		{"earlier delivery of an issue", EarlierDeliveryKey(IssueDeliveryKey(issue, "20100"), time.UnixMilli(7)), "jira/jira.example.com/base/10042/jira:issue_updated/20100@7"},
		{"deliveries of an issue", IssueDeliveryPrefix(issue.IssueKey()), "jira/jira.example.com/base/10042/"},
		{"status", StatusSubject("api.github.com", 123), "deployment_status:api.github.com/123"},
		{"outcome", OutcomeSubject("h/7", Success), "deployment:h/7/success"},
		{"pull request", ChangeSubject(record.Scope(), pull), "change:ghe.example.com:8443/acme/web%20shop/prod%2feu/#12"},
		{"commit without a pull request", ChangeSubject(record.Scope(), Change{SHA: "c0ffee"}), "change:ghe.example.com:8443/acme/web%20shop/prod%2feu/c0ffee"},
		{"stage", StageSubject("change:h/acme/web/prod/#1", "review"), "change:h/acme/web/prod/#1/stage=review"},
		{"failure", FailureSubject("h/7"), "failure:h/7"},
		{"recovery", RecoverySubject("h/7"), "recovery:h/7"},
		{"rework", ReworkSubject("h/8"), "rework:h/8"},
		{"incident", IncidentSubject("h/10042"), "incident:h/10042"},
		{"resolution", ResolutionSubject("h/10042", 3), "incident:h/10042/resolved=3"},
		{"incident of one team", TeamSubject("h/10042", 0), "incident:h/10042"},
		{"incident of two teams", TeamSubject("h/10042", 1), "incident:h/10042/team=1"},
		{"open", OpenSubject("h/10042", 2), "incident:h/10042/open=2"},
		{"zero", ZeroSubject(Labels{"team": "a/b:c", "repo": "web"}), `zero:repo="web",team="a/b:c"`},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q, want %q", test.name, test.got, test.want)
		}
	}
}

func TestCutSubject(t *testing.T) {
	for subject, want := range map[string][3]string{
		"deployment_status:api.github.com/123":             {"deployment_status", "api.github.com/123", ""},
		"deployment:api.github.com/7/prod%2feu/success":    {"deployment", "api.github.com/7/prod%2feu", "success"},
		"deployment:ghe.example.com:8443/7/success":        {"deployment", "ghe.example.com:8443/7", "success"},
		"change:api.github.com/acme/web/prod/eu/#12":       {"change", "api.github.com/acme/web/prod/eu/#12", ""},
		"change:api.github.com/acme/web/prod/#1/stage=x":   {"change", "api.github.com/acme/web/prod/#1", "stage=x"},
		"failure:api.github.com/7":                         {"failure", "api.github.com/7", ""},
		"incident:jira.example.com/10042":                  {"incident", "jira.example.com/10042", ""},
		"incident:jira.example.com/10042/resolved=1767225": {"incident", "jira.example.com/10042", "resolved=1767225"},
		"incident:jira.example.com/jira/10042/team=1":      {"incident", "jira.example.com/jira/10042", "team=1"},
		"incident:jira.example.com/10042/open=2":           {"incident", "jira.example.com/10042", "open=2"},
		`zero:environment="a/b:c",repo="web"`:              {"zero", `environment="a/b:c",repo="web"`, ""},
		"of another version":                               {"of another version", "", ""},
	} {
		kind, key, detail := CutSubject(subject)
		if got := [3]string{kind, key, detail}; got != want {
			t.Errorf("%s: %q, want %q", subject, got, want)
		}
	}
}

// The key of a delivery is found again from the subject of a fact that follows from it.
func TestStatusDeliveryKeyOf(t *testing.T) {
	for _, host := range []string{"api.github.com", "ghe.example:8443", ""} {
		_, key, _ := CutSubject(StatusSubject(host, 7))
		if got, want := StatusDeliveryKeyOf(key), StatusDeliveryKey(host, 7); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

func TestStageOf(t *testing.T) {
	change := ChangeSubject("h/acme/web/production", Change{SHA: "c0ffee"})
	for subject, want := range map[string]string{StageSubject(change, "review"): "review", change: "", OpenSubject("h/7", 2): ""} {
		_, _, detail := CutSubject(subject)
		if got, ok := StageOf(detail); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %t, want %q", subject, got, ok, want)
		}
	}
}

// The deployment is found again from the name of its evidence, whatever the changes are called.
func TestDeploymentOf(t *testing.T) {
	key := Deployment{Host: "h", ID: 7, Promoted: true, Environment: "prod eu"}.Key()
	for _, by := range []string{key, RevertBy(key, "#7", "#6"), RevertBy(key, "#8", `"Sell prices" reverts`), RunBy(key, time.UnixMilli(1))} {
		if got := DeploymentOf(by); got != key {
			t.Errorf("%s: %q, want %q", by, got, key)
		}
	}
}

func TestCommitCalledBy(t *testing.T) {
	for name, want := range map[string]Commit{
		"acme/core":       {Host: "h", Owner: "acme", Repository: "core", SHA: "c0ffee", Pull: 12},
		"new/web%20shop":  {Host: "h", Owner: "new", Repository: "web shop", SHA: "c0ffee", Pull: 12},
		"acme/web%20shop": {Host: "h", Owner: "Acme", Repository: "Web shop", SHA: "c0ffee", Pull: 12},
		"acme/a%2fb":      {Host: "h", Owner: "acme", Repository: "a/b", SHA: "c0ffee", Pull: 12},
		"":                {Host: "h", Owner: "Acme", Repository: "Web shop", SHA: "c0ffee", Pull: 12},
	} {
		c := Commit{Host: "h", Owner: "Acme", Repository: "Web shop", SHA: "c0ffee", Pull: 12}
		if got := c.CalledBy(name); got != want {
			t.Errorf("CalledBy(%q) = %+v, want %+v", name, got, want)
		}
	}
}
