package receivers

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	json "github.com/go-json-experiment/json/v1"

	"dora-exporter/dora"
)

// gitHubPayload has the fields that are read of GitHub's deployment, deployment_status and ping events. go-github's types lack three
// fields of the deployment, and fail on an unexpected value in a field that is not needed.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads
type gitHubPayload struct {
	Action     string `json:"action"`
	Deployment *struct {
		ID                    int64      `json:"id"`
		URL                   string     `json:"url"`
		SHA                   string     `json:"sha"`
		Ref                   string     `json:"ref"`
		Task                  string     `json:"task"`
		Description           string     `json:"description"`
		Creator               gitHubUser `json:"creator"`
		Environment           string     `json:"environment"`
		OriginalEnvironment   string     `json:"original_environment"`
		ProductionEnvironment bool       `json:"production_environment"`
		TransientEnvironment  bool       `json:"transient_environment"`
		CreatedAt             *time.Time `json:"created_at"`
		// Payload is whatever the deployment's creator sent.
		Payload json.RawMessage `json:"payload"`
	} `json:"deployment"`
	DeploymentStatus *struct {
		ID          int64      `json:"id"`
		State       string     `json:"state"`
		Environment string     `json:"environment"`
		CreatedAt   *time.Time `json:"created_at"`
	} `json:"deployment_status"`
	Repository *struct {
		ID            int64      `json:"id"`
		Name          string     `json:"name"`
		FullName      string     `json:"full_name"`
		URL           string     `json:"url"`
		DefaultBranch string     `json:"default_branch"`
		Owner         gitHubUser `json:"owner"`
	} `json:"repository"`
	// Workflow and WorkflowRun are there if GitHub Actions made the deployment; a status may have the run alone.
	Workflow    gitHubWorkflow `json:"workflow"`
	WorkflowRun gitHubWorkflow `json:"workflow_run"`
	HookID      int64          `json:"hook_id"`
}

// gitHubUser is a user, an organization or a bot.
type gitHubUser struct {
	Login string `json:"login"`
}

// gitHubWorkflow is a workflow of GitHub Actions, or a run of one, whose path may end in @ and a ref.
type gitHubWorkflow struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// decodeGitHub decodes an event. Its type is in a header, everything else in the payload. The standard library's next implementation of
// JSON does it in half the time of encoding/json, with the same result.
func decodeGitHub(header http.Header, payload []byte) (decoded, error) {
	switch name := header.Get("X-GitHub-Event"); {
	case name == "":
		return decoded{}, errors.New("the header X-GitHub-Event is missing")
	case isGitHubEvent(header):
		var p gitHubPayload
		if err := json.Unmarshal(payload, &p); err != nil {
			return decoded{}, fmt.Errorf("the payload of %s: %w", name, err)
		}
		d, err := p.decode(name)
		if err != nil {
			return decoded{}, fmt.Errorf("the payload of %s: %w", name, err)
		}
		return d, nil
	}
	return decoded{name: other}, nil
}

// DecodeDeployment decodes the payload of a deployment event, as one that a history was made into.
func DecodeDeployment(payload []byte) (dora.Event, error) {
	var p gitHubPayload
	if err := json.Unmarshal(payload, &p); err != nil {
		return dora.Event{}, err
	}
	deployment, err := p.deployment()
	return dora.Event{Deployment: &deployment}, err
}

// DecodeGitHub decodes a payload as GitHub's API has it of a delivery, and returns its delivery key, empty for an event that is not read. The
// API may have the payload itself, a JSON string with its text or with the form that was sent, or an object with its text as the field payload.
func DecodeGitHub(event string, payload []byte) (dora.Event, string, error) {
	var text string
	if json.Unmarshal(payload, &text) == nil {
		payload = []byte(text)
		if form, err := formPayload(payload); err == nil && !strings.HasPrefix(text, "{") { // JSON may have &payload= in a value
			payload = form
		}
	}
	var form struct {
		Payload *string `json:"payload"`
	}
	if json.Unmarshal(payload, &form) == nil && form.Payload != nil {
		payload = []byte(*form.Payload)
	}
	out, err := decodeGitHub(http.Header{"X-Github-Event": {event}}, payload)
	return out.event, out.key, err
}

// isGitHubEvent reports whether the payload of an event is read.
func isGitHubEvent(header http.Header) bool {
	switch header.Get("X-GitHub-Event") {
	case "deployment", "deployment_status", "ping":
		return true
	}
	return false
}

func (p *gitHubPayload) decode(name string) (decoded, error) {
	out := decoded{name: name}
	if name == "ping" {
		out.note = []any{"event", "ping", "hook", p.HookID, "note", "the webhook works"}
		return out, nil
	}
	if p.Action != "" && p.Action != "created" {
		return out, nil
	}
	deployment, err := p.deployment()
	if err != nil {
		return out, err
	}
	if name == "deployment" {
		out.event.Deployment = &deployment
		out.key = dora.DeploymentDeliveryKey(deployment.Host, deployment.ID)
		return out, nil
	}
	s := p.DeploymentStatus
	switch {
	case s == nil:
		return out, errors.New("deployment_status is missing")
	case s.ID <= 0:
		return out, errors.New("deployment_status.id is missing")
	case s.State == "":
		return out, errors.New("deployment_status.state is missing")
	case s.CreatedAt == nil:
		return out, errors.New("deployment_status.created_at is missing")
	case !storable(*s.CreatedAt):
		return out, errors.New("deployment_status.created_at is not in the years 1 to 9999")
	}
	out.event.Status = &dora.Status{Deployment: deployment, Environment: s.Environment, ID: s.ID, State: s.State, CreatedAt: s.CreatedAt.UTC()}
	out.key = dora.StatusDeliveryKey(deployment.Host, s.ID)
	return out, nil
}

func (p *gitHubPayload) deployment() (dora.Deployment, error) {
	d, r := p.Deployment, p.Repository
	switch {
	case d == nil:
		return dora.Deployment{}, errors.New("deployment is missing")
	case d.ID <= 0:
		return dora.Deployment{}, errors.New("deployment.id is missing")
	case r == nil:
		return dora.Deployment{}, errors.New("repository is missing")
	}
	owner, name, _ := strings.Cut(r.FullName, "/")
	if r.Owner.Login != "" {
		owner = r.Owner.Login
	}
	if r.Name != "" {
		name = r.Name
	}
	if name == "" {
		return dora.Deployment{}, errors.New("repository.name is missing")
	}
	out := dora.Deployment{
		Host: host(r.URL, d.URL), ID: d.ID, Owner: owner, Repository: name, RepositoryID: max(0, r.ID), DefaultBranch: r.DefaultBranch,
		Environment: d.Environment, SHA: d.SHA, Ref: d.Ref, OriginalEnvironment: d.OriginalEnvironment,
		Production: d.ProductionEnvironment, Transient: d.TransientEnvironment,
		Task: d.Task, Creator: d.Creator.Login, Description: d.Description, Workflows: p.workflows(),
		Redeployment: saysRedeployment(d.Payload),
	}
	if d.CreatedAt != nil && storable(*d.CreatedAt) {
		out.CreatedAt = d.CreatedAt.UTC()
	}
	return out, nil
}

// workflows returns the names and paths of the workflow of GitHub Actions, each once.
func (p *gitHubPayload) workflows() []string {
	runPath, _, _ := strings.Cut(p.WorkflowRun.Path, "@")
	var all []string
	for _, name := range []string{p.Workflow.Name, p.Workflow.Path, p.WorkflowRun.Name, runPath} {
		if name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// saysRedeployment reports whether the payload of a deployment has redeployment: true, as a boolean or a text. GitHub sends a payload that
// is JSON in a text as it was given.
func saysRedeployment(payload json.RawMessage) bool {
	var text string
	if json.Unmarshal(payload, &text) == nil {
		payload = json.RawMessage(text)
	}
	var known struct {
		Redeployment any `json:"redeployment"`
	}
	if json.Unmarshal(payload, &known) != nil {
		return false
	}
	says, err := strconv.ParseBool(fmt.Sprint(known.Redeployment))
	return says && err == nil
}

// storable reports whether a time is, in UTC, in the years that JSON can represent.
func storable(t time.Time) bool {
	ms := t.UnixMilli()
	return ms >= minMillis && ms <= maxMillis
}

// host returns the host of the first URL that has one. It identifies the server; the URL is never requested.
func host(urls ...string) string {
	for _, s := range urls {
		if h := dora.Host(s); h != "" {
			return h
		}
	}
	return ""
}
