package history

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
)

// issue is an issue as the search has it: with its present fields, and its changes.
type issue struct {
	ID        string                     `json:"id"`
	Key       string                     `json:"key"`
	Self      string                     `json:"self"`
	Fields    map[string]json.RawMessage `json:"fields"`
	Changelog struct {
		Total     int      `json:"total"`
		Histories []change `json:"histories"`
	} `json:"changelog"`
}

// change is a group of changes that were made together.
type change struct {
	ID      string       `json:"id"`
	Created string       `json:"created"`
	Items   []changeItem `json:"items"`
}

type changeItem struct {
	Field      string `json:"field"`
	FieldID    string `json:"fieldId,omitempty"`
	From       string `json:"from"`
	FromString string `json:"fromString"`
	To         string `json:"to"`
	ToString   string `json:"toString"`
}

// issue decodes an issue. The search may list only some of its changes.
func (j *Jira) issue(ctx context.Context, s site, raw json.RawMessage) (i issue, err error) {
	if err := json.Unmarshal(raw, &i); err != nil {
		return i, fmt.Errorf("an issue: %w", err)
	}
	if i.Fields == nil {
		return i, fmt.Errorf("issue %s: Jira sent no fields", i.Key)
	}
	if i.Changelog.Total > len(i.Changelog.Histories) {
		if i.Changelog.Histories, err = j.changes(ctx, s, i.ID); err != nil {
			return i, err
		}
	}
	slices.SortStableFunc(i.Changelog.Histories, func(a, b change) int {
		x, _ := strconv.ParseInt(a.ID, 10, 64)
		y, _ := strconv.ParseInt(b.ID, 10, 64)
		return cmp.Or(parseTime(a.Created).Compare(parseTime(b.Created)), cmp.Compare(x, y))
	})
	return i, nil
}

// changes reads all changes of an issue.
func (j *Jira) changes(ctx context.Context, s site, id string) (all []change, err error) {
	version := "2"
	if s.cloud {
		version = "3"
	}
	for {
		var page struct {
			Total  int      `json:"total"`
			Values []change `json:"values"`
		}
		query := url.Values{"startAt": {strconv.Itoa(len(all))}, "maxResults": {strconv.Itoa(maxIssuePage)}}
		if err := j.get(ctx, "/rest/api/"+version+"/issue/"+url.PathEscape(id)+"/changelog", query, &page); err != nil {
			return nil, err
		}
		if all = append(all, page.Values...); len(page.Values) == 0 || len(all) >= page.Total {
			return all, nil
		}
	}
}

// payloads returns the payloads of the webhooks that would have been sent: of the creation, with the fields of then, and of each change.
func (i issue) payloads(s site, teamField string) [][]byte {
	changes := i.Changelog.Histories
	now := past{key: i.Key, fields: maps.Clone(i.Fields), site: s, teamField: teamField}
	lastDate := i.Fields["resolutiondate"]
	for _, c := range slices.Backward(changes) {
		now.undo(c)
	}
	delete(now.fields, "statuscategorychangedate")
	created := text(i.Fields["created"])
	now.fields["resolutiondate"] = null
	if !isNull(now.fields["resolution"]) {
		now.fields["resolutiondate"] = quote(created)
		if len(changes) == 0 {
			now.fields["resolutiondate"] = cmpOr(lastDate, now.fields["resolutiondate"])
		}
	}
	all := [][]byte{now.payload(i, dora.IssueCreated, created, nil)}
	for n, c := range changes {
		now.apply(c)
		if n == len(changes)-1 { // what the last change left is what there is
			now.fields = i.Fields
		}
		all = append(all, now.payload(i, dora.IssueUpdated, c.Created, &c))
	}
	return all
}

// past is an issue at a time.
type past struct {
	key       string
	fields    map[string]json.RawMessage
	site      site
	teamField string
}

// undo takes a change back.
func (p *past) undo(c change) {
	for _, item := range c.Items {
		p.set(item, item.From, item.FromString, item.ToString)
	}
}

// apply makes a change.
func (p *past) apply(c change) {
	for _, item := range c.Items {
		p.set(item, item.To, item.ToString, item.FromString)
		if strings.EqualFold(item.Field, "resolution") {
			p.fields["resolutiondate"] = null
			if item.ToString != "" {
				p.fields["resolutiondate"] = quote(c.Created)
			}
		}
	}
}

// set sets a field to a value; the other value is what it replaces, which tells what is taken from a list.
func (p *past) set(item changeItem, id, name, other string) {
	switch field := strings.ToLower(item.Field); field {
	case "status":
		p.fields["status"] = encode(map[string]any{"id": id, "name": name, "statusCategory": map[string]string{"key": p.site.categories[id]}})
	case "priority", "issuetype", "resolution":
		p.fields[field] = named(name)
	case "labels":
		p.fields["labels"] = encode(strings.Fields(name))
	case "key", "issuekey":
		p.key = name
	case "project":
		p.fields["project"] = null // the key begins with it
	case "component":
		p.setComponent(name, other)
	default:
		if p.teamField != "" && (item.FieldID == p.teamField || item.Field == p.teamField) {
			p.fields[p.teamField] = null
			if name != "" {
				p.fields[p.teamField] = quote(name)
			}
		}
	}
}

// setComponent adds a component, or takes one away.
func (p *past) setComponent(add, remove string) {
	var all []struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(p.fields["components"], &all) // none if it can't be read
	var left []map[string]string
	for _, c := range all {
		if c.Name != remove && c.Name != add {
			left = append(left, map[string]string{"name": c.Name})
		}
	}
	if add != "" {
		left = append(left, map[string]string{"name": add})
	}
	p.fields["components"] = encode(append([]map[string]string{}, left...))
}

// payload returns the payload of a webhook.
func (p *past) payload(i issue, event, at string, c *change) []byte {
	fields := maps.Clone(p.fields)
	fields["updated"] = quote(at)
	body := map[string]any{
		"webhookEvent": event, "timestamp": parseTime(at).UnixMilli(),
		"issue": map[string]any{"id": i.ID, "key": p.key, "self": i.Self, "fields": fields},
	}
	if c != nil {
		body["changelog"] = map[string]any{"id": c.ID, "items": c.Items}
	}
	return encode(body)
}

var null = json.RawMessage("null")

func isNull(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }

// cmpOr returns the first value that is not null.
func cmpOr(a, b json.RawMessage) json.RawMessage {
	if isNull(a) {
		return b
	}
	return a
}

// named returns a value with a name; null without one.
func named(name string) json.RawMessage {
	if name == "" {
		return null
	}
	return encode(map[string]string{"name": name})
}

func quote(s string) json.RawMessage { return encode(s) }

// encode returns the JSON of texts, numbers, lists and mappings, which can't fail.
func encode(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

func text(v json.RawMessage) (s string) {
	_ = json.Unmarshal(v, &s) // empty if it is no text
	return s
}

// parseTime reads a time of Jira; its zero value if it can't be read.
func parseTime(s string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05.999-0700", time.RFC3339Nano} {
		if at, err := time.Parse(layout, s); err == nil {
			return at
		}
	}
	return time.Time{}
}
