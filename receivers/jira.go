package receivers

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	json "github.com/go-json-experiment/json/v1"

	"dora-exporter/dora"
	"dora-exporter/internal/bounds"
)

// jiraDecoder decodes events of issues: the webhooks of Jira Cloud and Data Center, and payloads that are or contain an issue, as
// Automation rules and the post functions of transitions send them. Any field may be missing, null or of another type.
// https://developer.atlassian.com/cloud/jira/platform/webhooks/
// https://developer.atlassian.com/server/jira/platform/webhooks/
// https://support.atlassian.com/cloud-automation/docs/jira-automation-actions/
type jiraDecoder struct {
	// teamField and evidenceFields are ids of fields.
	teamField      string
	evidenceFields []string
	// names are the members that are read of the objects of a payload.
	names map[string]bool
	// warn is called once for each field that can't be read.
	warn func(field, value, issue string)

	mu     sync.Mutex
	warned map[string]bool
}

func newJiraDecoder(teamField string, evidenceFields []string, warn func(field, value, issue string)) *jiraDecoder {
	d := &jiraDecoder{teamField: teamField, evidenceFields: evidenceFields, warn: warn, names: map[string]bool{}, warned: map[string]bool{}}
	for _, name := range slices.Concat(evidenceFields, []string{
		teamField, "webhookEvent", "timestamp", "issue", "fields", "self", "id", "key", "name", "value", "project", "issuetype", "priority", "resolution",
		"labels", "components", "status", "statusCategory", "created", "updated", "resolutiondate", "statuscategorychangedate", "summary",
		"description", "issuelinks", "remotelinks", "comment", "comments", "body", "changelog", "items", "field", "fieldId", "fieldtype", "from", "fromString",
		"transition", "from_status",
	}) {
		d.names[name] = true
	}
	return d
}

// decode decodes an event.
func (d *jiraDecoder) decode(_ http.Header, payload []byte) (decoded, error) {
	if err := json.Unmarshal(payload, &struct{}{}); err != nil {
		return decoded{}, fmt.Errorf("the payload: %w", err)
	}
	p := newFieldReader(bytes.TrimSpace(payload), d.names)
	issue := p.object("issue")
	if !issue.isObject() && p.object("fields").isObject() {
		issue = p
	}
	name, err := eventName(p, issue)
	if err != nil || name == other {
		return decoded{name: name}, err
	}
	i := issueReader{fieldReader: issue, fields: issue.object("fields")}
	if !i.fields.isObject() {
		i.fields = issue
	}
	change := d.change(name, p, &i)
	out := decoded{name: name}
	if change.ID == "" {
		return out, errors.New("issue.id is missing")
	}
	d.warnOf(i, change.Key)
	if name == dora.CommentEvent && len(change.References) == 0 {
		return decoded{name: other}, nil
	}
	out.event.Incident = change
	out.key = dora.IssueDeliveryKey(*change, changeID(*change, payload))
	return out, nil
}

// NewIssueDecoder returns a function that decodes the payload of a webhook about an issue, as one that a history was made into, and returns
// its delivery key.
func NewIssueDecoder(o JiraOptions, logger *slog.Logger) func(payload []byte) (dora.Event, string, error) {
	d := newJiraDecoder(o.TeamField, o.EvidenceFields, func(field, value, issue string) {
		logger.Warn("field of an issue can't be read", "field", field, "value", value, "key", issue)
	})
	return func(payload []byte) (dora.Event, string, error) {
		out, err := d.decode(nil, payload)
		return out.event, out.key, err
	}
}

// eventName returns the name of the event in a payload with an issue.
func eventName(p, issue fieldReader) (string, error) {
	switch name, _ := p.text("webhookEvent"); name {
	case "":
		if !issue.isObject() {
			return "", errors.New("neither webhookEvent nor an issue")
		}
		return dora.IssueBody, nil
	case "comment_created", "comment_updated":
		if !issue.isObject() {
			return other, nil
		}
		return dora.CommentEvent, nil
	case dora.IssueCreated, dora.IssueUpdated, dora.IssueDeleted:
		return name, nil
	}
	return other, nil
}

// change reads what a payload says about an issue.
func (d *jiraDecoder) change(event string, p fieldReader, i *issueReader) *dora.IncidentChange {
	c := &dora.IncidentChange{Event: event, Timestamp: i.timeOf(p, "timestamp"), Updated: i.time("updated")}
	self, _ := i.text("self")
	c.Host = dora.Site(self)
	c.Key, _ = i.text("key")
	c.ID, _ = i.text("id")
	if c.ID == "" {
		c.ID = c.Key
	}
	d.readFields(c, i)
	readChangelog(c, p)
	c.References = references(candidates(d.texts(p, i)))
	return c
}

// readFields reads the fields of an issue.
func (d *jiraDecoder) readFields(c *dora.IncidentChange, i *issueReader) {
	c.Project = i.project(c.Key)
	c.Type = i.name("issuetype", "")
	c.Priority = i.name("priority", dora.FieldPriority)
	c.Resolution = i.name("resolution", dora.FieldResolution)
	c.IssueLabels = i.names("labels", dora.FieldLabels, splitLabels)
	c.Components = i.names("components", dora.FieldComponents, splitCommas)
	if d.teamField != "" {
		c.Teams = i.names(d.teamField, dora.FieldTeams, oneName)
	}
	c.StatusName, c.StatusID, c.StatusCategory = i.status()
	c.Created, c.StatusCategoryChanged = i.time("created"), i.time("statuscategorychangedate")
	c.ResolutionDate = i.time("resolutiondate")
	if i.fields.isEmpty("resolutiondate") {
		i.cleared = append(i.cleared, dora.FieldResolutionDate)
	}
	c.Cleared = i.cleared
}

// readChangelog reads what an event changed. The post function of a transition sends the transition instead of a changelog.
func readChangelog(c *dora.IncidentChange, p fieldReader) {
	changelog := p.object("changelog")
	c.Changelog, _ = changelog.text("id")
	for element := range bounds.Elements(changelog.members["items"]) {
		item := newFieldReader(element, p.names)
		if isCustomField(item) {
			continue
		}
		for _, name := range []string{"field", "fieldId"} {
			field, _ := item.text(name)
			switch strings.ToLower(field) {
			case "status":
				c.Transition = &dora.Transition{}
				c.Transition.FromID, _ = item.text("from")
				c.Transition.From, _ = item.text("fromString")
			case "resolution":
				c.ResolutionChanged = true
			case "project", "key", "issuekey":
				c.Moved = true
			}
		}
	}
	if transition := p.object("transition"); transition.isObject() && c.Transition == nil {
		from, _ := transition.text("from_status")
		c.Transition = &dora.Transition{From: from}
	}
}

// isCustomField reports whether an item of a changelog is about a field that somebody has added: it may be called like one of Jira's own.
func isCustomField(item fieldReader) bool {
	kind, _ := item.text("fieldtype")
	id, _ := item.text("fieldId")
	return strings.EqualFold(kind, "custom") || strings.HasPrefix(strings.ToLower(id), "customfield_")
}

// texts returns the texts that may name deployments, commits and pull requests.
func (d *jiraDecoder) texts(p fieldReader, i *issueReader) []string {
	var all []string
	for _, field := range append([]string{"summary", "description", "issuelinks", "remotelinks", "labels"}, d.evidenceFields...) {
		all = append(all, stringsIn(i.fields.members[field])...)
	}
	all = append(all, commentTexts(i.fields.members["comment"], d.names)...)
	return append(all, commentTexts(p.members["comment"], d.names)...)
}

// commentTexts returns the texts of a comment, a list of comments, or an object that contains one.
func commentTexts(comment []byte, names map[string]bool) []string {
	all := commentText(comment, names)
	for _, list := range [][]byte{comment, newFieldReader(comment, names).members["comments"]} {
		for element := range bounds.Elements(list) {
			all = append(all, commentText(element, names)...)
		}
	}
	return all
}

// commentText returns the text of a comment. Its other members, such as its author, are none.
func commentText(comment []byte, names map[string]bool) []string {
	if object := newFieldReader(comment, names); object.isObject() {
		return stringsIn(object.members["body"])
	}
	if text, ok := textOf(comment); ok {
		return []string{text}
	}
	return nil
}

// changeID identifies an event of an issue: by the id of its changelog, else by its time and a hash of the payload.
func changeID(c dora.IncidentChange, payload []byte) string {
	if c.Changelog != "" {
		return c.Changelog
	}
	id := fmt.Sprintf("%x", sha256.Sum256(payload))
	if at := c.OwnTime(); !at.IsZero() {
		id = strconv.FormatInt(at.UnixMilli(), 10) + "-" + id
	}
	return id
}

// warnOf warns of the fields of an issue that can't be read, each once.
func (d *jiraDecoder) warnOf(i issueReader, issue string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, odd := range i.odd {
		if d.warned[odd.field] {
			continue
		}
		d.warned[odd.field] = true
		d.warn(odd.field, odd.value, issue)
	}
}
