package history

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

const (
	// firstIssues is how long before the first check issues are read.
	firstIssues = 7 * dora.Day
	// issuesOverlap is how long before the last check changes are read again: the search may lag behind.
	issuesOverlap = 10 * time.Minute
	// processedLimit is how long a check waits at most for pending deliveries, which may have the events that it looks for.
	processedLimit = 10 * time.Second
	// sameTime is the greatest difference between the times of a change and of an event without the id of a changelog about the same change.
	sameTime = 2 * time.Second
)

// issueCheck checks the issues of Jira that were updated since the last check.
type issueCheck struct {
	*Repair

	site string
}

func newIssueCheck(r *Repair) *issueCheck {
	r.Issues.MaxFailures = maxRepairFailures
	return &issueCheck{r, r.Issues.Site()}
}

// issuesState is how far the issues were checked.
type issuesState struct {
	// Checked is the time up to which all events are stored.
	Checked time.Time `json:"checked,omitzero"`
}

func (c *issueCheck) run(ctx context.Context) error {
	part := repairPrefix + dora.Jira + "/" + c.site + "/issues"
	var state issuesState
	if err := c.load(ctx, part, &state); err != nil {
		return err
	}
	began := c.Now()
	since := later(state.Checked.Add(-issuesOverlap), c.Created)
	if state.Checked.IsZero() {
		since = later(began.Add(-firstIssues), c.Created)
	}
	if err := c.waitUntilProcessed(ctx, processedLimit); err != nil {
		return err
	}
	s, err := c.Issues.site(ctx)
	if err != nil {
		return err
	}
	seen := searchPlaces{}
	for p := (issuesPart{From: since}); !p.Done; {
		found, err := c.Issues.search(ctx, s, p)
		if err != nil {
			return err
		}
		for _, raw := range found.Issues {
			if err := c.checkIssue(ctx, s, raw, since); err != nil {
				return err
			}
		}
		if p.Next, p.Done, err = seen.next(found, s.cloud, p.Next); err != nil {
			return err
		}
	}
	state.Checked = began
	return c.save(ctx, part, state)
}

// checkIssue stores the events of an issue since a time that are missing.
func (c *issueCheck) checkIssue(ctx context.Context, s site, raw json.RawMessage, since time.Time) error {
	i, err := c.Issues.issue(ctx, s, raw)
	if isHidden(err) {
		if err := c.Issues.confirmHidden(ctx, i.Key); err != nil {
			return err
		}
		c.Logger.Warn("an issue can't be read, leaving it out", "key", i.Key, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, payload := range append(i.payloads(s, c.Issues.TeamField), i.comments(since)...) {
		event, key, err := c.Issues.Decode(payload)
		if err != nil {
			c.Logger.Warn("an event of an issue can't be read, leaving it out", "key", i.Key, "error", err)
			continue
		}
		change := event.Incident
		if change == nil || change.OwnTime().Before(since) {
			continue
		}
		known, err := c.isKnown(ctx, *change)
		if err != nil {
			return err
		}
		young := !change.OwnTime().Before(c.Now().Add(-grace))
		isNew := false
		if !known {
			if isNew, err = c.accept(ctx, dora.Jira, key, event); err != nil {
				return err
			}
		}
		missing := 0
		if isNew && !young {
			missing = 1
			c.Logger.Info("stored an event of an issue that no webhook brought", "key", i.Key, "event", change.Event, "at", change.OwnTime())
		}
		c.OnChecked(KindIssue, c.site, 1, missing, missing)
	}
	return nil
}

// isKnown reports whether a stored event is about the same change: by the id of its changelog, or by its time if it has none, as Automation
// rules send it. A comment is known if the issue has all of its references.
func (c *issueCheck) isKnown(ctx context.Context, change dora.IncidentChange) (known bool, err error) {
	err = c.Store.Update(ctx, func(tx dora.Tx) error {
		incident, err := tx.Incidents().Get(change.IssueKey())
		if change.Event == dora.CommentEvent {
			known = !slices.ContainsFunc(change.References, func(r dora.Reference) bool { return !slices.Contains(incident.References, r) })
			return err
		}
		known = slices.ContainsFunc(incident.Events, func(e dora.IncidentEvent) bool {
			switch {
			case change.Event == dora.IssueCreated && e.Event == dora.IssueCreated:
				return true
			case e.Changelog != "" && change.Changelog != "":
				return e.Changelog == change.Changelog
			}
			after := e.At.Sub(change.OwnTime())
			return e.Changelog == "" && e.Event != dora.IssueCreated && after >= -sameTime && after <= sameTime
		})
		return err
	})
	return known, err
}

// comments returns the payloads of the webhooks of the comments since a time.
func (i issue) comments(since time.Time) (all [][]byte) {
	var field struct {
		Comments []json.RawMessage `json:"comments"`
	}
	_ = json.Unmarshal(i.Fields["comment"], &field) // none if it can't be read
	for _, comment := range field.Comments {
		var times struct{ Created, Updated string }
		if json.Unmarshal(comment, &times) != nil {
			continue
		}
		at := later(parseTime(times.Created), parseTime(times.Updated))
		if at.Before(since) {
			continue
		}
		all = append(all, encode(map[string]any{
			"webhookEvent": "comment_created", "timestamp": at.UnixMilli(), "comment": comment,
			"issue": map[string]any{"id": i.ID, "key": i.Key, "self": i.Self, "fields": map[string]any{}},
		}))
	}
	return all
}

// Site returns the name of the site in metrics.
func (j *Jira) Site() string { return strings.TrimSuffix(dora.Site(j.BaseURL), "/") }
