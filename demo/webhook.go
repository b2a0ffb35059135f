package demo

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Secrets sign the webhooks.
type Secrets struct{ GitHub, Jira string }

// Webhook is a request that GitHub or Jira sends.
type Webhook struct {
	// Path is the path of the exporter's endpoint.
	Path   string
	Header map[string]string
	Body   []byte
}

// Request returns the HTTP request of the webhook to a server, such as http://localhost:8090.
func (w Webhook) Request(ctx context.Context, server string) (*http.Request, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, server+w.Path, bytes.NewReader(w.Body))
	if err != nil {
		return nil, fmt.Errorf("make webhook request: %w", err)
	}
	for name, value := range w.Header {
		q.Header.Set(name, value)
	}
	return q, nil
}

// Deployment is a deployment of a commit to an environment.
type Deployment struct {
	ID          int64
	Repository  *Repository
	Environment string
	SHA         string
	// Ref is the requested branch, tag or commit; the default branch if it is empty.
	Ref     string
	Created time.Time
}

// Deployment returns the webhook of the creation of a deployment.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment
func (s Secrets) Deployment(d Deployment) Webhook {
	return s.gitHub("deployment", object{"action": "created", "deployment": d.object(), "repository": d.Repository.object()})
}

// Status returns the webhook of a new status of a deployment. id must be unique among all statuses.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment_status
func (s Secrets) Status(d Deployment, id int64, state string, at time.Time) Webhook {
	return s.gitHub("deployment_status", object{
		"action": "created", "deployment": d.object(), "repository": d.Repository.object(),
		"deployment_status": object{
			"id": id, "state": state, "environment": d.Environment, "created_at": stamp(at), "updated_at": stamp(at),
			"creator": user("github-actions[bot]"), "description": "", "target_url": "",
		},
	})
}

func (d Deployment) object() object {
	ref := d.Ref
	if ref == "" {
		ref = DefaultBranch
	}
	return object{
		"id": d.ID, "url": d.Repository.api(fmt.Sprintf("deployments/%d", d.ID)), "sha": d.SHA, "ref": ref, "task": "deploy",
		"environment": d.Environment, "original_environment": d.Environment, "transient_environment": false,
		"production_environment": false, "creator": user("github-actions[bot]"), "created_at": stamp(d.Created), "updated_at": stamp(d.Created),
	}
}

func (r *Repository) object() object {
	return object{
		"name": r.Name, "full_name": r.FullName(), "owner": user(r.Owner), "default_branch": DefaultBranch,
		"url": "https://api.github.com/repos/" + r.FullName(), "html_url": "https://github.com/" + r.FullName(),
	}
}

func (s Secrets) gitHub(event string, payload object) Webhook {
	body := encode(payload)
	guid := hex.EncodeToString(hash(body)[:16])
	return Webhook{Path: "/api/github", Body: body, Header: map[string]string{
		"Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/demo", "X-GitHub-Event": event,
		"X-GitHub-Delivery":   fmt.Sprintf("%s-%s-%s-%s-%s", guid[:8], guid[8:12], guid[12:16], guid[16:20], guid[20:]),
		"X-Hub-Signature-256": Sign(s.GitHub, body),
	}}
}

// Sign returns the signature of a body as GitHub and Jira write it.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func hash(body []byte) []byte {
	sum := sha256.Sum256(body)
	return sum[:]
}

// encode returns the JSON of an object of strings, numbers and lists, which can't fail.
func encode(o object) []byte {
	body, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return body
}
