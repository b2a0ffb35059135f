package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/demo"
)

// traffic has the webhooks that some teams send, with the stand-in for GitHub that has their repositories. An event of a team is sent when the one before
// was answered; so each event is sent after those that precede it in its scope, and the facts that follow do not depend on how long it takes.
type traffic struct {
	github *githubCalls
	// events are the webhooks by team, in the order of their times.
	events [][]teamEvent

	mu sync.Mutex
	// sent and answered are how many of the events of each team were sent, and got 202: the same, or the last one had no answer.
	sent, answered []int
	// refused is how many requests were not answered with 202.
	refused int
	// repeats is how many calls of GitHub may be made again since their results could not be stored, besides those that a fault interrupted.
	repeats int
}

// teamEvent is a webhook with what it says of a deployment.
type teamEvent struct {
	demo.Webhook

	isStatus bool
	// succeeded is the id of the deployment if the event is its success; otherwise 0.
	succeeded int64
}

// pace is how long a team waits between an answer and its next event.
const pace = 300 * time.Millisecond

// trafficTeams are the teams. Each has repositories and a Jira project of its own, so that its measures do not depend on those of others.
var trafficTeams = func() (all []demo.Team) {
	for n := range 6 {
		all = append(all, demo.Team{
			Name: fmt.Sprintf("Team %d", n), Project: fmt.Sprintf("OPS%d", n), Repositories: []string{fmt.Sprintf("shop-%d", n), fmt.Sprintf("jobs-%d", n)},
			Pace: 1, Work: 0.4, Trouble: 0.4,
		})
	}
	return all
}()

// ownership returns the teams as entries of the configuration.
func ownership() string {
	var entries strings.Builder
	for _, team := range trafficTeams {
		fmt.Fprintf(&entries, "  - {name: %s, github_repositories: [acme/%s], jira_projects: [%s]}\n", team.Name, strings.Join(team.Repositories, ", acme/"), team.Project)
	}
	return entries.String()
}

// aYear returns the teams' repositories and their webhooks of a year, by team: more than any test sends.
var aYear = sync.OnceValues(func() ([]*demo.Repository, [][]teamEvent) {
	end := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	repositories, all := demo.DaysOf(trafficTeams, demo.Secrets{GitHub: secret, Jira: secret}, end, 365, 1)
	team := map[string]int{}
	for n, t := range trafficTeams {
		team[t.Project] = n
		for _, name := range t.Repositories {
			team[name] = n
		}
	}
	events := make([][]teamEvent, len(trafficTeams))
	for _, e := range all {
		owner, of := newTeamEvent(e.Webhook)
		events[team[owner]] = append(events[team[owner]], of)
	}
	return repositories, events
})

// newTeamEvent returns the event of a webhook with the name of its repository or Jira project.
func newTeamEvent(w demo.Webhook) (owner string, e teamEvent) {
	var body struct {
		Repository struct{ Name string }
		Status     struct{ State string } `json:"deployment_status"`
		Deployment struct{ ID int64 }
		Issue      struct{ Key string }
	}
	if err := json.Unmarshal(w.Body, &body); err != nil {
		panic(err)
	}
	e = teamEvent{Webhook: w, isStatus: body.Status.State != ""}
	if body.Status.State == "success" {
		e.succeeded = body.Deployment.ID
	}
	project, _, _ := strings.Cut(body.Issue.Key, "-")
	return body.Repository.Name + project, e
}

// githubCalls is a server that stands in for GitHub and counts the calls by path.
type githubCalls struct {
	*httptest.Server

	mu    sync.Mutex
	paths map[string]int
}

func newTraffic(t testing.TB) *traffic {
	t.Helper()
	repositories, events := aYear()
	stand := demo.NewGitHub(repositories...)
	calls := &githubCalls{paths: map[string]int{}}
	calls.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		calls.mu.Lock()
		calls.paths[q.URL.Path]++
		calls.mu.Unlock()
		stand.ServeHTTP(w, q)
	}))
	t.Cleanup(calls.Close)
	return &traffic{github: calls, events: events, sent: make([]int, len(events)), answered: make([]int, len(events))}
}

// at serves at another address, too, and returns the URL.
func (g *githubCalls) at(t *testing.T, address string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	another := &httptest.Server{Listener: listener, Config: &http.Server{Handler: g.Config.Handler, ReadHeaderTimeout: time.Minute}}
	another.Start()
	t.Cleanup(another.Close)
	return another.URL
}

// counts returns how many events were sent and answered.
func (f *traffic) counts() (sent, answered int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for team := range f.events {
		sent, answered = sent+f.sent[team], answered+f.answered[team]
	}
	return sent, answered
}

// statuses returns how many of the events that were sent and answered are statuses of deployments.
func (f *traffic) statuses() (sent, answered int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for team, events := range f.events {
		for n, e := range events[:f.sent[team]] {
			if e.isStatus && n < f.answered[team] {
				answered++
			}
			if e.isStatus {
				sent++
			}
		}
	}
	return sent, answered
}

// successes returns how many deployments have succeeded by what was sent.
func (f *traffic) successes() int {
	ids := map[int64]bool{}
	for team, events := range f.events {
		for _, e := range events[:f.sent[team]] {
			ids[e.succeeded] = true
		}
	}
	delete(ids, 0)
	return len(ids)
}
