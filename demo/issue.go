package demo

import (
	"strconv"
	"strings"
	"time"
)

// Issue is a Jira issue at the time of one of its events.
type Issue struct {
	// ID stays the same if the issue moves to another project; Key, such as INC-7, changes.
	ID             int64
	Key            string
	Type, Priority string
	Labels         []string
	Summary        string
	Description    string
	Created        time.Time
	// Resolved is zero while the issue is open.
	Resolved time.Time
}

// Events of an issue.
// https://developer.atlassian.com/cloud/jira/platform/webhooks/
const (
	Created = "jira:issue_created"
	Updated = "jira:issue_updated"
	Deleted = "jira:issue_deleted"
)

// Issue returns the webhook of an event of an issue. changed has the names of the fields that an update changed, such as status.
func (s Secrets) Issue(event string, i Issue, at time.Time, changed ...string) Webhook {
	project, _, _ := strings.Cut(i.Key, "-")
	status := object{"name": "Open", "statusCategory": object{"key": "new", "name": "To Do"}}
	var resolved any
	if !i.Resolved.IsZero() {
		status = object{"name": "Done", "statusCategory": object{"key": "done", "name": "Done"}}
		resolved = jiraStamp(i.Resolved)
	}
	id := strconv.FormatInt(i.ID, 10)
	payload := object{
		"timestamp": at.UnixMilli(), "webhookEvent": event,
		"issue": object{
			"id": id, "key": i.Key, "self": "https://acme.atlassian.net/rest/api/2/issue/" + id,
			"fields": object{
				"project": object{"key": project}, "issuetype": object{"name": i.Type}, "priority": object{"name": i.Priority},
				"labels": append([]string{}, i.Labels...), "summary": i.Summary, "description": i.Description,
				"created": jiraStamp(i.Created), "resolutiondate": resolved, "status": status,
			},
		},
	}
	if event == Updated {
		items := list{}
		for _, field := range changed {
			items = append(items, object{"field": field, "fieldId": field})
		}
		payload["changelog"] = object{"id": strconv.FormatInt(at.UnixMilli(), 10) + id, "items": items}
	}
	body := encode(payload)
	return Webhook{Path: "/api/jira", Body: body, Header: map[string]string{
		"Content-Type": "application/json; charset=utf-8", "User-Agent": "Atlassian Webhook HTTP Client", "X-Hub-Signature": Sign(s.Jira, body),
	}}
}

// jiraStamp formats a time as Jira does.
func jiraStamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000-0700") }
