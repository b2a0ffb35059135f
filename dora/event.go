package dora

import "time"

// Sources of deliveries.
const (
	GitHub = "github"
	Jira   = "jira"
)

// Delivery is an accepted webhook request.
type Delivery struct {
	// ID is the row in the store, in the order of arrival; 0 before it is stored.
	ID int64
	// Source is GitHub or Jira.
	Source string
	// Key is the delivery key, built from the signed body: a redelivery has the same one.
	Key string
	// Received is when the request arrived, by the clock of this machine. It is only displayed.
	Received time.Time
	// WaitingSince is when looking up its team failed for the first time, by the store's clock; zero if it has not failed.
	WaitingSince time.Time
	Event        Event
	// Attempts is how often processing it has failed.
	Attempts int
	// Unreadable is why the stored event can't be read; nil if it can.
	Unreadable error
}

// Event is the content of a delivery. Exactly one field is set.
type Event struct {
	Deployment *Deployment     `json:"deployment,omitempty"`
	Status     *Status         `json:"deployment_status,omitempty"`
	Incident   *IncidentChange `json:"incident,omitempty"`
}

// Name returns the source's name of the event, such as deployment_status or jira:issue_updated.
func (e Event) Name() string {
	switch {
	case e.Status != nil:
		return "deployment_status"
	case e.Deployment != nil:
		return "deployment"
	case e.Incident != nil:
		return e.Incident.Event
	}
	return ""
}

// Target returns the deployment that an event is about; the zero value for an event of an issue.
func (e Event) Target() Deployment {
	switch {
	case e.Status != nil:
		return e.Status.Deployment
	case e.Deployment != nil:
		return *e.Deployment
	}
	return Deployment{}
}

// Deployment is GitHub's deployment.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment
type Deployment struct {
	// Host is the sending server's, from repository.url; ids of two servers overlap.
	Host string `json:"host"`
	ID   int64  `json:"id"`
	// Owner and Repository are the payload's, Repository without the owner.
	Owner      string `json:"owner"`
	Repository string `json:"repository"`
	// DefaultBranch is the repository's; empty if the payload does not have it.
	DefaultBranch string `json:"default_branch,omitempty"`
	Environment   string `json:"environment"`
	SHA           string `json:"sha"`
	// Ref is the branch, tag or commit that was asked to be deployed.
	Ref                 string `json:"ref,omitempty"`
	OriginalEnvironment string `json:"original_environment,omitempty"`
	Production          bool   `json:"production_environment,omitempty"`
	Transient           bool   `json:"transient_environment,omitempty"`
	// Redeployment is true if the payload that its creator gave it says so.
	Redeployment bool      `json:"redeployment,omitempty"`
	CreatedAt    time.Time `json:"created_at"`
}

// Commit returns the deployed commit.
func (d Deployment) Commit() Commit {
	return Commit{
		Host: d.Host, Owner: d.Owner, Repository: d.Repository, SHA: d.SHA,
		OnDefaultBranch: d.DefaultBranch != "" && d.Ref == d.DefaultBranch,
	}
}

// Status is one status of a deployment.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment_status
type Status struct {
	Deployment Deployment `json:"deployment"`
	ID         int64      `json:"id"`
	// State is as sent: success, failure, error, inactive, in_progress, queued, pending, waiting.
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
}

// IncidentChange is one event of a Jira issue.
// https://developer.atlassian.com/server/jira/platform/webhooks/
type IncidentChange struct {
	// Event is jira:issue_created, jira:issue_updated or jira:issue_deleted.
	Event string `json:"event"`
	// Host is the sending server's, from issue.self.
	Host string `json:"host"`
	ID   string `json:"id"`
	// Key is the issue's, such as INC-7.
	Key     string `json:"key"`
	Project string `json:"project"`
	// Type, Priority and IssueLabels are the issue's; empty when it has none.
	Type        string   `json:"type,omitempty"`
	Priority    string   `json:"priority,omitempty"`
	IssueLabels []string `json:"issue_labels,omitempty"`
	// References are the deployments, commits and pull requests that its summary, description, labels and links name.
	References []Reference `json:"references,omitempty"`
	// StatusName is the name that people see, such as In Progress; for log lines.
	StatusName string `json:"status_name,omitempty"`
	// StatusCategory is the key of the status category: new, indeterminate, done.
	StatusCategory string `json:"status_category,omitempty"`
	// Timestamp is the event's own time. The others are zero when the payload does not have them.
	Timestamp             time.Time `json:"timestamp,omitzero"`
	Created               time.Time `json:"created,omitzero"`
	ResolutionDate        time.Time `json:"resolution_date,omitzero"`
	StatusCategoryChanged time.Time `json:"status_category_changed,omitzero"`
	// Edit is true if the changelog lists changed fields, but neither status nor resolution.
	Edit bool `json:"edit,omitempty"`
}

// Reference names a deployment, a commit or a pull request in the text of an issue.
type Reference struct {
	// Owner and Repository are empty if the text does not name them.
	Owner      string `json:"owner,omitempty"`
	Repository string `json:"repository,omitempty"`
	// One of these is set; both numbers where the text may mean either (owner/repo#12).
	Deployment  int64 `json:"deployment,omitempty"`
	PullRequest int64 `json:"pull_request,omitempty"`
	// Commit is a SHA or its beginning, of seven digits at least, in lower case.
	Commit string `json:"commit,omitempty"`
}

// In reports whether a reference names the repository of a scope.
func (r Reference) In(scope string) bool {
	return r.Repository != "" && RepositoryOf(scope) == RepositoryName(r.Owner, r.Repository)
}
