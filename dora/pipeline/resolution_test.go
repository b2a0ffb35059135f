package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// issueAt makes an event of an issue that was created at nine, at a minute, in a status of the workflow.
func issueAt(event string, at, status int, change ...func(*dora.IncidentChange)) dora.Event {
	s := workflow[status]
	c := &dora.IncidentChange{
		Event: "jira:issue_" + event, Host: "jira.example.com", ID: "7", Key: "INC-7", Project: "INC", Priority: "High", Timestamp: minute(at),
		Created: minute(0), StatusName: s.name, StatusID: s.id, StatusCategory: s.category,
	}
	for _, f := range change {
		f(c)
	}
	return dora.Event{Incident: c}
}

// What issueAt can be given.
func from(status int) func(*dora.IncidentChange) {
	return func(c *dora.IncidentChange) { c.Transition = &dora.Transition{From: workflow[status].name} }
}

func fromUnknown(c *dora.IncidentChange) { c.Transition = &dora.Transition{From: "Fertig"} }

func dated(at int) func(*dora.IncidentChange) {
	return func(c *dora.IncidentChange) { c.ResolutionDate = minute(at) }
}

func undated(c *dora.IncidentChange) { c.Cleared = append(c.Cleared, dora.FieldResolutionDate) }

func numbered(n int) func(*dora.IncidentChange) {
	return func(c *dora.IncidentChange) { c.Changelog = fmt.Sprint(n) }
}

func body(c *dora.IncidentChange) { c.Event = dora.IssueBody }

func resolvedAs(name string) func(*dora.IncidentChange) {
	return func(c *dora.IncidentChange) { c.Resolution = name }
}

// When an incident was resolved, whatever the order in which its events arrive: the minutes of its recovery and in the sum, or why
// there are none.
func TestResolutionTimes(t *testing.T) {
	const open, inProgress, mitigated, closed, finished = 0, 1, 2, 3, 4
	created := issueAt("created", 0, open, undated)
	comment := func(at, status int, change ...func(*dora.IncidentChange)) dora.Event {
		return issueAt("updated", at, status, change...)
	}
	type filter = dora.IncidentFilter
	for name, test := range map[string]struct {
		filter filter
		events []dora.Event
		// recovery and sum are in minutes; the sum of each team.
		recovery, sum int
		reason        string
		open          int
	}{
		"by its date":                    {events: []dora.Event{created, issueAt("updated", 60, finished, from(open), dated(60))}, recovery: 60, sum: 60},
		"by its date, which is earlier":  {events: []dora.Event{created, issueAt("updated", 90, finished, from(open), dated(60))}, recovery: 90, sum: 90},
		"by its date, within a minute":   {events: []dora.Event{created, issueAt("updated", 61, finished, from(open), dated(60))}, recovery: 60, sum: 60},
		"without a changelog":            {events: []dora.Event{created, comment(90, finished, dated(60))}, recovery: 60, sum: 60},
		"a later date":                   {events: []dora.Event{created, issueAt("updated", 60, finished, from(open), dated(70))}, recovery: 70, sum: 70},
		"by the change of its category":  {events: []dora.Event{created, comment(90, finished, func(c *dora.IncidentChange) { c.StatusCategoryChanged = minute(50) })}, recovery: 50, sum: 50},
		"by its transition":              {events: []dora.Event{created, issueAt("updated", 60, closed, from(inProgress)), comment(900, closed)}, recovery: 60, sum: 60},
		"a transition between done ones": {events: []dora.Event{created, issueAt("updated", 60, closed, from(open)), issueAt("updated", 900, finished, from(closed))}, recovery: 60, sum: 60},
		"only that one is known":         {events: []dora.Event{created, issueAt("updated", 900, finished, from(closed))}, reason: "unknown_resolution"},
		"between unknown ones, and its category changed before": {
			events: []dora.Event{created, issueAt("updated", 900, finished, fromUnknown, dated(60), func(c *dora.IncidentChange) { c.StatusCategoryChanged = minute(60) })}, recovery: 60, sum: 60,
		},
		"from an unknown one, and its category changed by it": {
			events: []dora.Event{created, issueAt("updated", 900, finished, fromUnknown, dated(60), func(c *dora.IncidentChange) { c.StatusCategoryChanged = minute(900) })}, recovery: 900, sum: 900,
		},
		"first seen between unknown ones":     {events: []dora.Event{issueAt("updated", 900, finished, fromUnknown, dated(60))}, recovery: 60, sum: 60},
		"first seen from an unknown one":      {events: []dora.Event{issueAt("updated", 60, finished, fromUnknown, undated)}, recovery: 60, sum: 60},
		"from an unknown one, after a reopen": {events: []dora.Event{issueAt("updated", 50, open, dated(20)), issueAt("updated", 60, finished, fromUnknown, dated(20))}, recovery: 60, sum: 60},
		"a date set again while done": {
			events: []dora.Event{created, issueAt("updated", 60, closed, from(open), dated(60)), issueAt("updated", 900, finished, from(closed), dated(900))}, recovery: 60, sum: 60,
		},
		"a date set later": {
			events: []dora.Event{
				created, issueAt("updated", 60, closed, from(open), undated),
				comment(900, closed, dated(900), func(c *dora.IncidentChange) { c.ResolutionChanged = true }),
			}, recovery: 60, sum: 60,
		},
		"moved with a new status":       {events: []dora.Event{created, issueAt("updated", 60, finished, from(open), func(c *dora.IncidentChange) { c.Moved = true })}, reason: "unknown_resolution"},
		"missed":                        {events: []dora.Event{created, comment(900, finished)}, reason: "unknown_resolution"},
		"done when first seen":          {events: []dora.Event{comment(900, finished)}, reason: "unknown_resolution"},
		"a body after an open one":      {events: []dora.Event{created, issueAt("", 60, finished, body), issueAt("", 90, finished, body)}, recovery: 60, sum: 60},
		"a body and the webhook of it":  {events: []dora.Event{created, issueAt("", 60, finished, body), issueAt("updated", 61, finished, from(open))}, recovery: 61, sum: 61},
		"a body that is seen first":     {events: []dora.Event{issueAt("", 60, finished, body)}, reason: "unknown_resolution"},
		"a body after a missed closing": {events: []dora.Event{created, comment(50, finished), issueAt("", 60, finished, body)}, reason: "unknown_resolution"},
		"no creation":                   {events: []dora.Event{comment(60, finished, dated(60), func(c *dora.IncidentChange) { c.Created = time.Time{} })}, reason: "no_creation"},
		"another creation later": {
			events: []dora.Event{created, issueAt("updated", 60, finished, from(open), dated(60), func(c *dora.IncidentChange) { c.Created = minute(30) })}, recovery: 60, sum: 60,
		},
		"before its creation":         {events: []dora.Event{comment(60, finished, dated(-60))}, reason: "before_creation"},
		"at its creation":             {events: []dora.Event{comment(60, finished, dated(0))}},
		"reopened, with the old date": {events: []dora.Event{created, issueAt("updated", 60, finished, from(open), dated(60)), issueAt("updated", 90, open, from(finished), dated(60))}, recovery: 60, sum: 60, open: 1},
		"and closed again": {
			events: []dora.Event{
				created, issueAt("updated", 60, finished, from(open), dated(60)), issueAt("updated", 90, open, from(finished), dated(60)),
				issueAt("updated", 120, finished, from(open), dated(60)),
			}, recovery: 60, sum: 120,
		},
		"and closed again, as a body tells": {
			events: []dora.Event{
				created, issueAt("updated", 60, finished, from(open), dated(60)), issueAt("updated", 90, open, from(finished), dated(60)),
				issueAt("", 120, finished, body, dated(60)),
			}, recovery: 60, sum: 120,
		},
		"and closed again, with the old date and other milliseconds": {
			events: []dora.Event{
				created, issueAt("updated", 60, finished, from(open), dated(60)), issueAt("updated", 90, open, from(finished), dated(60)),
				issueAt("", 120, finished, body, func(c *dora.IncidentChange) { c.ResolutionDate = minute(60).Add(500 * time.Millisecond) }),
			}, recovery: 60, sum: 120,
		},
		"and closed again, unseen": {
			events: []dora.Event{
				created, issueAt("updated", 60, finished, from(open), dated(60)), issueAt("updated", 90, open, from(finished), dated(60)),
				comment(900, finished, dated(60)),
			}, recovery: 60, sum: 60,
		},
		"reopened and closed in the same second": {
			events: []dora.Event{
				created, issueAt("updated", 60, finished, from(open), dated(60), numbered(9)), issueAt("updated", 60, open, from(finished), undated, numbered(10)),
				issueAt("updated", 60, finished, from(open), dated(60), numbered(11)),
			}, recovery: 60, sum: 60,
		},
		"reopened in the same second": {
			events: []dora.Event{created, issueAt("updated", 60, finished, from(open), dated(60), numbered(9)), issueAt("updated", 60, open, from(finished), undated, numbered(10))}, recovery: 60, sum: 60, open: 1,
		},
		"through two hooks, at different times": {
			events: []dora.Event{created, issueAt("created", 1, open, undated), issueAt("updated", 60, finished, from(open)), issueAt("updated", 61, finished, from(open))}, recovery: 60, sum: 60,
		},
		"of one changelog, a hook later": {
			events: []dora.Event{created, issueAt("updated", 60, closed, from(open), numbered(9)), issueAt("updated", 65, closed, from(open), numbered(9))}, recovery: 60, sum: 60,
		},
		"of one changelog, a hook after the reopening": {
			events: []dora.Event{
				created, issueAt("updated", 60, closed, from(open), numbered(9)), issueAt("updated", 70, open, from(closed), numbered(10)),
				issueAt("updated", 75, closed, from(open), numbered(9)),
			}, recovery: 60, sum: 60, open: 1,
		},
		"a status without a category": {
			events: []dora.Event{created, comment(60, finished, func(c *dora.IncidentChange) { c.StatusCategory, c.StatusID = "", "" }, undated)}, open: 1,
		},
		"a status without a category, which is known": {
			events: []dora.Event{created, issueAt("updated", 60, closed, from(open), dated(60)), comment(90, closed, func(c *dora.IncidentChange) { c.StatusCategory, c.StatusID = "", "" }, undated)}, recovery: 60, sum: 60,
		},
		"ignored": {filter: filter{IgnoredResolutions: []string{"duplicate"}}, events: []dora.Event{created, issueAt("updated", 60, finished, from(open), dated(60), resolvedAs("Duplicate"))}},
		"ignored, then done": {
			filter: filter{IgnoredResolutions: []string{"duplicate"}},
			events: []dora.Event{
				created, issueAt("updated", 60, finished, from(open), dated(60), resolvedAs("Duplicate")), issueAt("updated", 90, open, from(finished), undated),
				issueAt("updated", 120, finished, from(open), dated(120), resolvedAs("Done")),
			}, recovery: 120, sum: 120,
		},
		"mitigated": {
			filter: filter{ResolvedStatuses: []string{"MITIGATED "}},
			events: []dora.Event{created, issueAt("updated", 40, mitigated, from(open)), issueAt("updated", 900, finished, from(mitigated), dated(900))}, recovery: 40, sum: 40,
		},
		"mitigated, worked on, done": {
			filter: filter{ResolvedStatuses: []string{"Mitigated"}},
			events: []dora.Event{
				created, issueAt("updated", 40, mitigated, from(open)), issueAt("updated", 60, inProgress, from(mitigated)), issueAt("updated", 900, finished, from(inProgress), dated(900)),
			}, recovery: 40, sum: 900,
		},
		"done without being mitigated": {filter: filter{ResolvedStatuses: []string{"Mitigated"}}, events: []dora.Event{created, issueAt("updated", 60, finished, from(open), dated(60))}, recovery: 60, sum: 60},
		"a task when it was done":      {filter: filter{Priorities: []string{"High"}}, events: []dora.Event{created, issueAt("updated", 60, finished, from(open), dated(60), func(c *dora.IncidentChange) { c.Priority = "Low" })}},
		"a task after it was done": {
			filter: filter{Priorities: []string{"High"}},
			events: []dora.Event{created, issueAt("updated", 60, finished, from(open), dated(60)), comment(90, finished, dated(60), func(c *dora.IncidentChange) { c.Priority = "Low" })}, recovery: 60, sum: 60,
		},
		"deleted": {events: []dora.Event{created, issueAt("deleted", 60, finished, dated(60))}},
		"a status that moved on": {
			filter: filter{Statuses: []string{"Open"}}, events: []dora.Event{created, issueAt("updated", 60, inProgress, from(open))}, open: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, x := newEmptyHistory(t)
				p.policy.Incidents = test.filter
				orders := someOrders(len(test.events), 12)
				for _, order := range orders { // each order is an issue of its own
					for _, n := range order {
						c := *test.events[n].Incident
						c.ID = fmt.Sprint(order)
						x.arrive(dora.Event{Incident: &c})
					}
				}
				x.settle()
				got := x.times()
				for _, order := range orders {
					want := issueTimes{test.recovery * 60_000, test.sum * 60_000, test.open, test.reason}
					if diff := cmp.Diff(want, got["jira.example.com/"+fmt.Sprint(order)], cmp.AllowUnexported(issueTimes{})); diff != "" {
						t.Fatalf("in the order %v: -want +got:\n%s", order, diff)
					}
				}
			})
		})
	}
}

// issueTimes is what the facts say about an issue: milliseconds, the number of open ones, and the reason why there is no recovery.
type issueTimes struct {
	recovery, sum, open int
	reason              string
}

// times returns the issueTimes of all issues by their keys.
func (x *exporter) times() map[string]issueTimes {
	x.t.Helper()
	all, err := x.store.Facts(x.t.Context(), 0, 100_000)
	if err != nil {
		x.t.Fatal(err)
	}
	times := map[string]issueTimes{}
	for _, f := range all {
		_, key, _ := dora.CutSubject(f.Subject)
		i := times[key]
		switch f.Family {
		case dora.IncidentRecovery:
			i.recovery += int(f.Value)
		case dora.IncidentsDurationSum:
			i.sum += int(f.Value)
		case dora.IncidentsOpen:
			i.open += int(f.Value)
		case dora.IncidentRecoveryUnavailable:
			i.reason += f.Labels["reason"]
		}
		times[key] = i
	}
	return times
}

// An incident of several teams counts for each, a change of the teams moves what is open, and what is counted stays.
func TestIncidentOfSeveralTeams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x := newEmptyHistory(t)
		of := func(teams ...string) func(*dora.IncidentChange) {
			return func(c *dora.IncidentChange) { c.Teams = teams }
		}
		x.arrive(issueAt("created", 0, 0, of("A", "B")))
		x.arrive(issueAt("updated", 30, 1)) // without the field, which changes nothing
		x.settle()
		x.arrive(issueAt("updated", 40, 1, of("B", "C")))
		x.settle()
		want := []string{"dora_incidents_open B", "dora_incidents_open C", "dora_incidents_opened_total A", "dora_incidents_opened_total B"}
		if diff := cmp.Diff(want, x.teams()); diff != "" {
			t.Errorf("open: -want +got:\n%s", diff)
		}
		x.arrive(issueAt("updated", 60, 4, from(1), of("B", "C"), dated(60)))
		x.settle()
		want = []string{
			"dora_incident_recovery_seconds B", "dora_incident_recovery_seconds C", "dora_incidents_opened_total A", "dora_incidents_opened_total B",
		}
		if diff := cmp.Diff(want, x.teams()); diff != "" {
			t.Errorf("resolved: -want +got:\n%s", diff)
		}
		if sum := x.sums()["jira.example.com/7"]; sum != 2*3_600_000 {
			t.Errorf("the sums of both teams are %d ms together", sum)
		}
	})
}

// teams returns the families and teams of the facts.
func (x *exporter) teams() (all []string) {
	for _, line := range x.facts() {
		family, labels, _ := strings.Cut(line, "{")
		team := strings.Split(strings.SplitN(labels, `team="`, 2)[1], `"`)[0]
		all = append(all, family+" "+team)
	}
	slices.Sort(all)
	return all
}

// An issue that was resolved before the store was created and is only edited now counts nowhere, until an event shows more.
func TestOldIncidents(t *testing.T) {
	const open, finished = 0, 4
	edited := issueAt("updated", 900, finished, dated(60))
	for name, test := range map[string]struct {
		created int // the minute of the store's creation
		events  []dora.Event
		counted bool
	}{
		"edited":                           {500, []dora.Event{edited}, false},
		"edited twice":                     {500, []dora.Event{edited, issueAt("updated", 901, finished, dated(60))}, false},
		"edited and deleted":               {500, []dora.Event{edited, issueAt("deleted", 901, finished, dated(60))}, false},
		"archived, from an unknown status": {500, []dora.Event{issueAt("updated", 900, finished, fromUnknown, dated(60))}, false},
		"resolved after the creation":      {50, []dora.Event{edited}, true},
		"resolved, which arrives now":      {500, []dora.Event{issueAt("updated", 60, finished, dated(60))}, true},
		"its transition arrives now":       {500, []dora.Event{edited, issueAt("updated", 60, finished, from(open), dated(60))}, true},
		"its creation arrives now":         {500, []dora.Event{edited, issueAt("created", 0, open)}, true},
		"reopened now":                     {500, []dora.Event{edited, issueAt("updated", 901, open, from(finished), undated)}, true},
		"at an unknown time":               {500, []dora.Event{issueAt("updated", 900, finished)}, true},
		"deleted, which is all there is":   {0, []dora.Event{issueAt("deleted", 900, finished, dated(60))}, false},
		"deleted and commented, likewise":  {0, []dora.Event{issueAt("deleted", 900, open), issueAt("", 899, open, func(c *dora.IncidentChange) { c.Event = dora.CommentEvent })}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, order := range someOrders(len(test.events), 6) {
					_, x := newEmptyHistory(t)
					x.created = minute(test.created)
					for _, n := range order {
						x.arrive(test.events[n])
					}
					x.settle()
					if got := len(ofFamily(x.facts(), dora.IncidentsOpened)) > 0; got != test.counted {
						t.Errorf("in the order %v it counts: %t", order, got)
					}
					if all, err := x.store.Facts(t.Context(), 0, 100); err != nil || !test.counted && len(all) > 0 {
						t.Errorf("facts of what counts nowhere: %+v, %v", all, err)
					}
				}
			})
		})
	}
}
