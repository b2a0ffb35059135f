package receivers

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
)

// jiraPayload has the fields that are read of an issue event of Jira Cloud and Data Center. Any of them may be missing or null.
// https://developer.atlassian.com/cloud/jira/platform/webhooks/
// https://developer.atlassian.com/server/jira/platform/webhooks/
type jiraPayload struct {
	WebhookEvent string   `json:"webhookEvent"`
	Timestamp    jiraTime `json:"timestamp"`
	Issue        *struct {
		ID     jiraText `json:"id"`
		Key    string   `json:"key"`
		Self   string   `json:"self"`
		Fields struct {
			Created               jiraTime   `json:"created"`
			ResolutionDate        jiraTime   `json:"resolutiondate"`
			StatusCategoryChanged jiraTime   `json:"statuscategorychangedate"`
			Type                  jiraName   `json:"issuetype"`
			Priority              jiraName   `json:"priority"`
			Labels                jiraLabels `json:"labels"`
			Summary               jiraTexts  `json:"summary"`
			Description           jiraTexts  `json:"description"`
			Links                 jiraTexts  `json:"issuelinks"`
			RemoteLinks           jiraTexts  `json:"remotelinks"`
			Project               struct {
				Key string `json:"key"`
			} `json:"project"`
			Status struct {
				Name     string `json:"name"`
				Category struct {
					Key string `json:"key"`
				} `json:"statusCategory"`
			} `json:"status"`
		} `json:"fields"`
	} `json:"issue"`
	Changelog struct {
		ID    jiraText `json:"id"`
		Items []struct {
			Field   string `json:"field"`
			FieldID string `json:"fieldId"`
		} `json:"items"`
	} `json:"changelog"`
}

// decodeJira decodes an event.
func decodeJira(_ http.Header, payload []byte) (decoded, error) {
	var p jiraPayload
	if err := json.Unmarshal(payload, &p); err != nil {
		return decoded{}, fmt.Errorf("the payload: %w", err)
	}
	switch p.WebhookEvent {
	case "":
		return decoded{}, errors.New("webhookEvent is missing")
	case "jira:issue_created", "jira:issue_updated", "jira:issue_deleted":
	default:
		return decoded{name: "other"}, nil
	}
	out := decoded{name: p.WebhookEvent}
	i := p.Issue
	if i == nil || i.ID == "" && i.Key == "" {
		return out, errors.New("issue.id is missing")
	}
	change := &dora.IncidentChange{
		Event: p.WebhookEvent, Host: host(i.Self), ID: string(i.ID), Key: i.Key, Project: i.Fields.Project.Key,
		StatusName: i.Fields.Status.Name, StatusCategory: i.Fields.Status.Category.Key,
		Timestamp: p.Timestamp.Time, Created: i.Fields.Created.Time, ResolutionDate: i.Fields.ResolutionDate.Time,
		StatusCategoryChanged: i.Fields.StatusCategoryChanged.Time, Edit: p.isEdit(),
	}
	change.Type, change.Priority, change.IssueLabels = string(i.Fields.Type), string(i.Fields.Priority), i.Fields.Labels
	change.References = references(candidates(slices.Concat(i.Fields.Summary, i.Fields.Description, i.Fields.Links, i.Fields.RemoteLinks, jiraTexts(i.Fields.Labels))))
	if change.ID == "" {
		change.ID = i.Key
	}
	if at := strings.LastIndexByte(i.Key, '-'); change.Project == "" && at > 0 {
		change.Project = i.Key[:at]
	}
	if unreadable := p.unreadable(); len(unreadable) > 0 {
		out.note = []any{"unreadable_times", unreadable}
	}
	out.event.Incident = change
	out.key = dora.IssueDeliveryKey(*change, p.changeID(payload))
	return out, nil
}

// changeID identifies an event of an issue: by the id of its changelog, else by its time, else by a hash of the payload.
func (p *jiraPayload) changeID(payload []byte) string {
	switch {
	case p.Changelog.ID != "":
		return string(p.Changelog.ID)
	case !p.Timestamp.IsZero():
		return strconv.FormatInt(p.Timestamp.UnixMilli(), 10)
	}
	return fmt.Sprintf("%x", sha256.Sum256(payload))
}

// isEdit reports whether the event changed only other fields than status and resolution.
func (p *jiraPayload) isEdit() bool {
	for _, item := range p.Changelog.Items {
		for _, field := range []string{item.Field, item.FieldID} {
			if strings.EqualFold(field, "status") || strings.EqualFold(field, "resolution") {
				return false
			}
		}
	}
	return len(p.Changelog.Items) > 0
}

// unreadable returns the times that are present and can't be parsed. They count as missing.
func (p *jiraPayload) unreadable() []string {
	f := p.Issue.Fields
	return slices.DeleteFunc([]string{
		p.Timestamp.unreadable, f.Created.unreadable, f.ResolutionDate.unreadable, f.StatusCategoryChanged.unreadable,
	}, func(s string) bool { return s == "" })
}

// jiraTime is a time in one of the forms that Jira sends: 2026-01-15T10:30:00.000+0100, RFC 3339, or milliseconds since 1970.
// It is zero if it is missing, null, or in none of these forms.
type jiraTime struct {
	time.Time

	unreadable string
}

// UnmarshalJSON never fails: an invalid time must not lose the event.
func (t *jiraTime) UnmarshalJSON(b []byte) error {
	*t = jiraTime{}
	if string(b) == "null" || string(b) == `""` {
		return nil
	}
	text := string(bytes.Trim(b, `"`))
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms >= minMillis && ms <= maxMillis {
		t.Time = time.UnixMilli(ms).UTC()
		return nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339, "2006-01-02T15:04:05-07"} {
		if at, err := time.Parse(layout, text); err == nil && storable(at) {
			t.Time = at.UTC()
			return nil
		}
	}
	t.unreadable = text[:min(len(text), 50)]
	return nil
}

// The years 1 to 9999, which JSON times can represent.
const (
	minMillis = -62_135_596_800_000
	maxMillis = 253_402_300_799_999
)

// jiraText is a string that may be sent as a number.
type jiraText string

// UnmarshalJSON accepts a string, a number or null.
func (t *jiraText) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err == nil {
		*t = jiraText(text)
		return nil
	}
	var number json.Number
	if err := json.Unmarshal(b, &number); err != nil {
		return errors.New("an id is neither a string nor a number")
	}
	*t = jiraText(number)
	return nil
}
