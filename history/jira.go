package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"dora-exporter/dora"
)

// Jira reads issues with their changes by the search of Jira Cloud or Data Center.
// https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/
// https://developer.atlassian.com/server/jira/platform/rest/v10000/api-group-search/
type Jira struct {
	// BaseURL is that of the site, such as https://acme.atlassian.net. User is empty for a personal access token of Data Center.
	BaseURL, User, Token string
	// JQL selects the issues.
	JQL string
	// TeamField is the id of the field with the teams of an issue; empty if there is none.
	TeamField string
	// Decode decodes the payload of a webhook about an issue, and returns its delivery key.
	Decode func(payload []byte) (dora.Event, string, error)
	Client *http.Client
	// MaxFailures is how often a call may fail before its error is returned; 0 for any number. A Backfill sets it.
	MaxFailures int
	Logger      *slog.Logger
	Sleep       func(ctx context.Context, d time.Duration)
}

const (
	// maxIssuePage is the largest page of a search, and maxAnswer limits an answer in bytes.
	maxIssuePage = 100
	maxAnswer    = 64 << 20
	// updatedBefore is how long before the end of an earlier backfill changes are read again: the search may lag behind.
	updatedBefore = dora.Day
)

// issuesPart is how far the issues were read.
type issuesPart struct {
	span
	// From is the time from which on updates are searched for.
	From time.Time `json:"from"`
	// JQL is what was searched for: another one may find older issues.
	JQL string `json:"jql"`
	// Next is the token of the next page on Cloud, the number of its first issue on Data Center.
	Next string `json:"next,omitempty"`
	Done bool   `json:"done,omitempty"`
}

// site has the properties of a Jira that are needed to read its issues.
type site struct {
	cloud bool
	// zone is the time zone of the user, in which dates of JQL are.
	zone *time.Location
	// categories are the keys of the categories of statuses by id.
	categories map[string]string
}

// readIssues reads the issues that were updated since the requested time. Its error has a *dora.RefusedError if Jira refuses the credential or
// the JQL.
func (b *Backfill) readIssues(ctx context.Context) error {
	b.Issues.MaxFailures = b.maxFailures
	return refusedByJira(b.readAllIssues(ctx))
}

// readAllIssues reads the issues. An earlier request that was interrupted is finished first.
func (b *Backfill) readAllIssues(ctx context.Context) error {
	s, err := b.Issues.site(ctx)
	if err != nil {
		return err
	}
	name := dora.Jira + "/" + dora.Site(b.Issues.BaseURL)
	for {
		p, resumed, err := b.beginIssues(ctx, name)
		if err != nil || p.Done {
			return err
		}
		if err := b.readIssuesPart(ctx, s, name, p); err != nil || !resumed || p.covers(b.Request) {
			return err
		}
	}
}

// beginIssues returns how far the issues were read, as begin does for a repository.
func (b *Backfill) beginIssues(ctx context.Context, name string) (p issuesPart, resumed bool, err error) {
	var known issuesPart
	var isKnown bool
	err = b.Store.Update(ctx, func(tx dora.Tx) (err error) {
		known = issuesPart{}
		isKnown, err = tx.Backfill().Part(name, &known)
		isKnown = isKnown && known.JQL == b.Issues.JQL
		return err
	})
	if err != nil || isKnown && (!known.Done || !b.Until.IsZero() && known.covers(b.Request)) {
		return known, true, err
	}
	fresh := issuesPart{span: b.spanOf(), From: b.Since, JQL: b.Issues.JQL}
	if isKnown && known.leadsTo(b.Request) {
		fresh.Since, fresh.From = known.Since, later(b.Since, known.end().Add(-updatedBefore))
	}
	return fresh, false, nil
}

// readIssuesPart reads the rest of the issues, a page at a time.
func (b *Backfill) readIssuesPart(ctx context.Context, s site, name string, p issuesPart) error {
	seen := searchPlaces{}
	for before := p.Next; !p.Done; {
		found, err := b.Issues.search(ctx, s, p)
		if err != nil && before != "" && p.Next == before && ctx.Err() == nil {
			b.Logger.Info("Jira does not continue the search of an earlier backfill, searching again", "error", err)
			p.Next = ""
			continue
		}
		if err != nil {
			return err
		}
		if err := b.addIssues(ctx, s, p, found.Issues); err != nil {
			return err
		}
		if p.Next, p.Done, err = seen.next(found, s.cloud, p.Next); err != nil {
			return err
		}
		if err := b.Store.Update(ctx, func(tx dora.Tx) error { return tx.Backfill().SavePart(name, p) }); err != nil {
			return err
		}
	}
	return nil
}

// addIssues stores the deliveries of issues. It leaves out one whose changes Jira does not show: it was deleted after the search, or the user may
// not see it any more.
func (b *Backfill) addIssues(ctx context.Context, s site, p issuesPart, issues []json.RawMessage) error {
	var all []dora.Delivery
	for _, raw := range issues {
		i, err := b.Issues.issue(ctx, s, raw)
		if isHidden(err) {
			if err := b.Issues.confirmHidden(ctx, i.Key); err != nil {
				return err
			}
			b.Logger.Error("an issue can't be read, the backfill goes on without it", "key", i.Key, "error", err)
			b.count(func(p *Progress) { p.Failed = append(p.Failed, i.Key) })
			continue
		}
		if err != nil {
			return err
		}
		for _, payload := range i.payloads(s, b.Issues.TeamField) {
			event, key, err := b.Issues.Decode(payload)
			if err != nil {
				b.Logger.Error("an event of an issue can't be read, the backfill goes on without it", "key", i.Key, "error", err)
				b.count(func(p *Progress) { p.Failed = append(p.Failed, i.Key) })
				continue
			}
			if event.Incident == nil || p.excludes(event.Incident.OwnTime()) {
				continue
			}
			event.Backfilled = true
			all = append(all, dora.Delivery{Source: dora.Jira, Key: key, Event: event})
		}
	}
	b.count(func(p *Progress) { p.Issues += len(issues) })
	return b.add(ctx, all)
}

// userPath is the path of the call that describes the user.
const userPath = "/rest/api/2/myself"

// site asks what kind of Jira it is, in which time zone the user is, and what the statuses mean.
func (j *Jira) site(ctx context.Context) (site, error) {
	var server struct {
		DeploymentType string `json:"deploymentType"`
	}
	var myself struct {
		TimeZone string `json:"timeZone"`
	}
	var statuses []struct {
		ID             string `json:"id"`
		StatusCategory struct {
			Key string `json:"key"`
		} `json:"statusCategory"`
	}
	for path, to := range map[string]any{"/rest/api/2/serverInfo": &server, userPath: &myself, "/rest/api/2/status": &statuses} {
		if err := j.get(ctx, path, nil, to); err != nil {
			return site{}, err
		}
	}
	s := site{cloud: server.DeploymentType == "Cloud", categories: map[string]string{}}
	for _, status := range statuses {
		s.categories[status.ID] = status.StatusCategory.Key
	}
	var err error
	if s.zone, err = time.LoadLocation(myself.TimeZone); err != nil || myself.TimeZone == "" {
		j.Logger.Warn("the time zone of Jira's user is not known, reading a day more", "zone", myself.TimeZone, "error", err)
		s.zone = westernmost
	}
	return s, nil
}

// westernmost is the time zone in which a time has the earliest date.
var westernmost = time.FixedZone("UTC-12", -12*60*60)

// searchAnswer is a page of a search, of Cloud or Data Center.
type searchAnswer struct {
	Issues        []json.RawMessage `json:"issues"`
	NextPageToken string            `json:"nextPageToken"`
	IsLast        *bool             `json:"isLast"`
	StartAt       int               `json:"startAt"`
	Total         int               `json:"total"`
}

// next returns where the next page begins after the one that began at a place; done is true after the last one.
func (a searchAnswer) next(cloud bool, at string) (next string, done bool, err error) {
	switch {
	case a.Issues == nil:
		return at, false, errors.New("the answer of Jira's search has no issues")
	case cloud:
		next, done = a.NextPageToken, a.NextPageToken == "" || a.IsLast != nil && *a.IsLast
	default:
		to := a.StartAt + len(a.Issues)
		next, done = strconv.Itoa(to), to >= a.Total || len(a.Issues) == 0
	}
	if !done && next == at {
		return at, false, errEndlessSearch
	}
	return next, done, nil
}

var errEndlessSearch = errors.New("Jira does not tell where the search goes on")

// searchPlaces are the places where the pages of a search began.
type searchPlaces map[string]bool

// next is that of searchAnswer, with an error if the next page has been read before.
func (p searchPlaces) next(a searchAnswer, cloud bool, at string) (next string, done bool, err error) {
	p[at] = true
	next, done, err = a.next(cloud, at)
	if err == nil && !done && p[next] {
		return at, false, errEndlessSearch
	}
	return next, done, err
}

// search reads a page of issues, the oldest first.
func (j *Jira) search(ctx context.Context, s site, p issuesPart) (found searchAnswer, err error) {
	query := url.Values{
		"jql": {j.query(s, p.From)}, "expand": {"changelog"}, "fields": {"*all"}, "maxResults": {strconv.Itoa(maxIssuePage)},
	}
	switch {
	case p.Next == "":
	case s.cloud:
		query.Set("nextPageToken", p.Next)
	default:
		query.Set("startAt", p.Next)
	}
	err = j.get(ctx, s.searchPath(), query, &found)
	return found, err
}

// searchPath returns the path of the search.
func (s site) searchPath() string {
	if s.cloud {
		return "/rest/api/3/search/jql"
	}
	return "/rest/api/2/search"
}

// query returns the JQL. Its dates have no time zone: they are in that of the user, in minutes.
func (j *Jira) query(s site, since time.Time) string {
	return fmt.Sprintf(`(%s) AND updated >= "%s" ORDER BY created ASC`, j.JQL, since.In(s.zone).Format("2006-01-02 15:04"))
}
