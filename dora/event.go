package dora

import (
	"strings"
	"time"
)

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
	// Received is when the request arrived, as a time of day. It is displayed, and evaluations that become due later wait until somebody
	// has tried to process the delivery.
	Received time.Time
	// WaitingSince is when looking up its team failed for the first time, by the store's clock; zero if it has not failed.
	WaitingSince time.Time
	Event        Event
	// Attempts is how often processing it has failed, StoreFailures at how many of these attempts the store failed though the transactions
	// of others succeeded.
	Attempts, StoreFailures int
	// Unreadable is why the stored event can't be read; nil if it can.
	Unreadable error
}

// Event is the content of a delivery: exactly one of the pointers is set.
type Event struct {
	// Backfilled is true if it was read from a history, and not sent by a webhook.
	Backfilled bool            `json:"backfilled,omitempty"`
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

// Environment returns the environment that an event is about, as it was sent; empty for an event of an issue.
func (e Event) Environment() string {
	if e.Status != nil && e.Status.Environment != "" {
		return e.Status.Environment
	}
	return e.Target().Environment
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
	// RepositoryID is the payload's repository.id; 0 if the payload does not have it.
	RepositoryID int64 `json:"repository_id,omitempty"`
	// DefaultBranch is the repository's; empty if the payload does not have it.
	DefaultBranch string `json:"default_branch,omitempty"`
	// Environment is where the deployment goes to at the moment, OriginalEnvironment the one that it was created for: a status may
	// promote it to another one.
	Environment string `json:"environment"`
	SHA         string `json:"sha"`
	// Ref is the branch, tag or commit that was asked to be deployed.
	Ref                 string `json:"ref,omitempty"`
	OriginalEnvironment string `json:"original_environment,omitempty"`
	// Promoted is true if Environment is not the one that it was created for (Environments.Apply).
	Promoted   bool `json:"promoted,omitempty"`
	Production bool `json:"production_environment,omitempty"`
	Transient  bool `json:"transient_environment,omitempty"`
	// Task says what is done, DefaultTask if empty. Creator is a login, Description a text of the creator's.
	Task        string `json:"task,omitempty"`
	Creator     string `json:"creator,omitempty"`
	Description string `json:"description,omitempty"`
	// Workflows are the names and the path of the workflow of GitHub Actions that made it.
	Workflows []string `json:"workflows,omitempty"`
	// Redeployment is true if the payload that its creator gave it says so.
	Redeployment bool      `json:"redeployment,omitempty"`
	CreatedAt    time.Time `json:"created_at"`
}

// DefaultTask is the task of a deployment that names none.
const DefaultTask = "deploy"

// Commit returns the deployed commit.
func (d Deployment) Commit() Commit {
	return Commit{
		Host: d.Host, Owner: d.Owner, Repository: d.Repository, SHA: d.SHA,
		Pull: pullOfRef(d.Ref), OnDefaultBranch: d.DefaultBranch != "" && d.Branch() == d.DefaultBranch,
	}
}

// Branch returns the branch that was deployed, if Ref is one: a tag or commit looks the same.
func (d Deployment) Branch() string { return strings.TrimPrefix(d.Ref, "refs/heads/") }

// Status is one status of a deployment.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment_status
type Status struct {
	Deployment Deployment `json:"deployment"`
	// Environment is the one that it is about; empty if it is the deployment's.
	Environment string `json:"environment,omitempty"`
	// ID is negative if the source does not tell the number (UnnumberedStatus). Ordinal is then how many statuses of the deployment with
	// the same state and time come before it.
	ID      int64 `json:"id"`
	Ordinal int   `json:"ordinal,omitempty"`
	// State is as sent: success, failure, error, inactive, in_progress, queued, pending, waiting.
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
}

// IncidentChange is one event of a Jira issue. A field that is zero says nothing, unless Cleared lists it.
// https://developer.atlassian.com/server/jira/platform/webhooks/
type IncidentChange struct {
	// Event is jira:issue_created, jira:issue_updated, jira:issue_deleted, or one of the events below.
	Event string `json:"event"`
	// Host is the sending site, from issue.self: host and base path (Site).
	Host string `json:"host"`
	ID   string `json:"id"`
	// Key is the issue's, such as INC-7.
	Key     string `json:"key"`
	Project string `json:"project"`
	// Changelog is the number of the change; empty if the payload has none.
	Changelog string `json:"changelog,omitempty"`
	// Type, Priority, Resolution, IssueLabels and Components are the issue's, Teams those of jira.team_field.
	Type        string   `json:"type,omitempty"`
	Priority    string   `json:"priority,omitempty"`
	Resolution  string   `json:"resolution,omitempty"`
	IssueLabels []string `json:"issue_labels,omitempty"`
	Components  []string `json:"components,omitempty"`
	Teams       []string `json:"teams,omitempty"`
	// ComponentTeams are the teams that own Components; IssueTeams.Assign sets them.
	ComponentTeams []string `json:"component_teams,omitempty"`
	// References are the deployments, commits and pull requests that its texts name.
	References []Reference `json:"references,omitempty"`
	// StatusName is the name that people see, such as In Progress. StatusID is empty if the payload has none.
	StatusName string `json:"status_name,omitempty"`
	StatusID   string `json:"status_id,omitempty"`
	// StatusCategory is the key of the status category: new, indeterminate, done; empty if it is unknown.
	StatusCategory string `json:"status_category,omitempty"`
	// Transition is set if the event changed the status.
	Transition *Transition `json:"transition,omitempty"`
	// ResolutionChanged is true if the event changed the resolution, Moved if it moved the issue to another project.
	ResolutionChanged bool `json:"resolution_changed,omitempty"`
	Moved             bool `json:"moved,omitempty"`
	// Timestamp is the event's own time, Updated when the issue was last changed. The others are zero when the payload does not
	// have them.
	Timestamp             time.Time `json:"timestamp,omitzero"`
	Updated               time.Time `json:"updated,omitzero"`
	Created               time.Time `json:"created,omitzero"`
	ResolutionDate        time.Time `json:"resolution_date,omitzero"`
	StatusCategoryChanged time.Time `json:"status_category_changed,omitzero"`
	// Cleared lists the fields, by the constants below, that the payload has as empty.
	Cleared []string `json:"cleared,omitempty"`
}

// Transition is a change of an issue's status: the previous status, as far as the payload names it.
type Transition struct {
	FromID string `json:"from_id,omitempty"`
	From   string `json:"from,omitempty"`
}

// Events of issues.
const (
	IssueCreated = "jira:issue_created"
	IssueUpdated = "jira:issue_updated"
	IssueDeleted = "jira:issue_deleted"
	// IssueBody is a payload without a name of the event, as Automation rules and transitions send it.
	IssueBody = "issue"
	// CommentEvent is an event of a comment, which only names references.
	CommentEvent = "comment"
)

// Fields of an issue that can be empty.
const (
	FieldPriority       = "priority"
	FieldLabels         = "labels"
	FieldComponents     = "components"
	FieldTeams          = "teams"
	FieldResolution     = "resolution"
	FieldResolutionDate = "resolutiondate"
)

// OwnTime returns the time that the payload gives the event; zero if it has none.
func (c IncidentChange) OwnTime() time.Time {
	if c.Timestamp.IsZero() {
		return c.Updated
	}
	return c.Timestamp
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

// RepositoryName returns the RepositoryName of the repository that it names; empty if it names none.
func (r Reference) RepositoryName() string {
	if r.Repository == "" {
		return ""
	}
	return RepositoryName(r.Owner, r.Repository)
}
