package workload

import (
	"fmt"
	"strings"
	"time"

	"dora-exporter/demo"
)

// Secret signs the webhooks. It need not be secret: the exporter only listens on this machine.
const Secret = "bench"

// webhook is a signed request of GitHub.
type webhook struct {
	event, guid, signature string
	body                   []byte
}

// webhooks returns the three deliveries of a deployment: its creation, and the statuses in_progress and its result.
func (d Deployment) webhooks() [3]webhook {
	id := d.ID()
	name, commit := RepositoryName(d.Repository), sha(d.Repository, d.commit)
	object := fmt.Sprintf(`"deployment":{"id":%d,"url":"https://api.github.com/repos/%s/%s/deployments/%d","sha":%q,"ref":"main","task":"deploy",`+
		`"payload":{},"environment":%q,"original_environment":%q,"description":null,"creator":{"login":"github-actions[bot]","id":41898282,"type":"Bot"},`+
		`"created_at":%q,"updated_at":%q,"transient_environment":false,"production_environment":false,"performed_via_github_app":null}`,
		id, Owner, name, id, commit, d.Environment, d.Environment, stamp(d.at), stamp(d.at))
	rest := fmt.Sprintf(`"workflow":null,"workflow_run":null,"repository":{"id":%d,"name":%q,"full_name":"%s/%s","owner":{"login":%q,"id":7},`+
		`"url":"https://api.github.com/repos/%s/%s","default_branch":"main","created_at":"2020-01-01T00:00:00Z","archived":false%s},`+
		`"sender":{"login":"github-actions[bot]","id":41898282,"type":"Bot"}`,
		repositoryID(d.Repository), name, Owner, name, Owner, Owner, name, links(Owner+"/"+name))
	status := func(n int, state string, at time.Time) webhook {
		return sign("deployment_status", 3*d.index+n, fmt.Appendf(nil,
			`{"action":"created","deployment_status":{"id":%d,"url":"https://api.github.com/repos/%s/%s/deployments/%d/statuses/%d","state":%q,`+
				`"environment":%q,"description":"","target_url":"","log_url":"","created_at":%q,"updated_at":%q,"creator":{"login":"github-actions[bot]","id":41898282,"type":"Bot"}},%s,%s}`,
			5_000_000+3*d.index+n, Owner, name, id, 5_000_000+3*d.index+n, state, d.Environment, stamp(at), stamp(at), object, rest))
	}
	return [3]webhook{
		sign("deployment", 3*d.index, fmt.Appendf(nil, `{"action":"created",%s,%s}`, object, rest)),
		status(1, "in_progress", d.at.Add(5*time.Second)),
		status(2, d.result, d.at.Add(2*time.Minute)),
	}
}

func sign(event string, number int, body []byte) webhook {
	return webhook{event, fmt.Sprintf("00000000-0000-4000-8000-%012d", number), demo.Sign(Secret, body), body}
}

// linkTemplate has some of the links that GitHub sends with a repository, in each webhook.
var linkTemplate = func() string {
	var b strings.Builder
	for name := range strings.FieldsSeq(`forks keys collaborators teams hooks issue_events events assignees branches tags blobs git_tags git_refs
		trees statuses languages stargazers contributors subscribers subscription commits git_commits comments issue_comment contents compare
		merges archive downloads issues pulls milestones notifications labels releases deployments`) {
		fmt.Fprintf(&b, `,"%s_url":"https://api.github.com/repos/REPOSITORY/%s{/id}"`, name, name)
	}
	return b.String()
}()

func links(fullName string) string { return strings.ReplaceAll(linkTemplate, "REPOSITORY", fullName) }

// stamp formats a time as GitHub does.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// ID returns the id of the deployment at GitHub.
func (d Deployment) ID() int { return 1_000_000 + d.index }
