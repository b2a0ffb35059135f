package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/dora/rules"
	"dora-exporter/instrumentation"
	"dora-exporter/persistence"
)

var update = flag.Bool("update", false, "write the files in testdata that the tests compare with")

// monday is when the events of the tests begin.
var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return monday.Add(time.Duration(n) * time.Minute) }

// github answers as GitHub would of a repository with one line of commits.
type github struct {
	line    []string
	changes map[string]dora.Change
	// down are the commits about which it can't answer now.
	down map[string]bool
}

func (g github) Origin(_ context.Context, c dora.Commit) (dora.Origin, error) {
	if g.down[c.SHA] {
		return dora.Origin{}, errors.New("502 Bad Gateway")
	}
	return g.change(c.SHA).Origin, nil
}

func (g github) change(sha string) dora.Change {
	c, ok := g.changes[sha]
	if !ok {
		c.FirstCommit = minute(-90)
	}
	c.SHA = sha
	return c
}

func (g github) Ship(_ context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	head, base := slices.Index(g.line, c.Head.SHA), slices.Index(g.line, c.Base)
	switch {
	case g.down[c.Head.SHA]:
		return dora.Shipment{}, nil, errors.New("502 Bad Gateway")
	case c.Base == "":
		return dora.Shipment{Relation: dora.First, Changes: []dora.Change{g.change(c.Head.SHA)}, Calls: 1}, nil, nil
	case c.Base == c.Head.SHA:
		return dora.Shipment{Relation: dora.Identical}, nil, nil
	case head < base:
		return dora.Shipment{Relation: dora.Behind, Calls: 1}, nil, nil
	}
	s := dora.Shipment{Relation: dora.Ahead, Calls: 2}
	for _, sha := range g.line[base+1 : head+1] {
		s.Changes = append(s.Changes, g.change(sha))
	}
	return s, nil, nil
}

// owner says that everything belongs to one team.
type owner struct{}

func (owner) RepositoryTeam(context.Context, string, string) (string, error) { return "Platform", nil }

func (owner) ProjectTeam(context.Context, string) (string, error) { return "Platform", nil }

// shop is a database that events are told to.
type shop struct {
	t      *testing.T
	path   string
	store  *persistence.Store
	github github
	rules  *rules.Rules
}

func newShop(t *testing.T) *shop {
	path := filepath.Join(t.TempDir(), "dora-exporter.db")
	logger := slog.New(slog.DiscardHandler)
	store, err := persistence.Open(t.Context(), path, logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &shop{
		t: t, path: path, store: store, github: github{changes: map[string]dora.Change{}, down: map[string]bool{}},
		rules: &rules.Rules{
			Policy: rules.Policy{
				Production: []*regexp.Regexp{regexp.MustCompile("^production$")}, IgnoreAuthors: []string{"dependabot[bot]"},
				Incidents: rules.IncidentFilter{Types: []string{"Incident"}},
			},
			MaxSeries: 20_000, Logger: logger, OnFolded: func(string, int) {}, OnLate: func(int) {},
		},
	}
}

// tell stores events as deliveries, with the keys that the webhooks give them, a second after they happened.
func (s *shop) tell(events ...dora.Event) {
	s.t.Helper()
	for _, e := range events {
		d := dora.Delivery{Source: dora.GitHub, Event: e}
		switch {
		case e.Status != nil:
			d.Key, d.Received = fmt.Sprintf("github/%s/deployment_status/%d", e.Status.Deployment.Host, e.Status.ID), e.Status.CreatedAt.Add(time.Second)
		case e.Deployment != nil:
			d.Key, d.Received = "github/"+e.Deployment.Host+"/deployment/"+strconv.FormatInt(e.Deployment.ID, 10), e.Deployment.CreatedAt.Add(time.Second)
		case e.Incident != nil:
			i := e.Incident
			d.Source, d.Received = dora.Jira, i.Timestamp.Add(time.Second)
			d.Key = fmt.Sprintf("jira/%s/%s/%s/%d", i.Host, i.ID, i.Event, i.Timestamp.UnixMilli())
		}
		if _, err := s.store.Accept(s.t.Context(), d); err != nil {
			s.t.Fatal(err)
		}
	}
}

// work processes and settles until nothing is left but what GitHub does not answer.
func (s *shop) work() {
	s.t.Helper()
	logger, began := slog.New(slog.DiscardHandler), time.Now()
	now := func() time.Time {
		if len(s.github.down) > 0 {
			return minute(900) // one attempt, and no other
		}
		return minute(600).Add(100 * time.Since(began))
	}
	p := &pipeline.Processor{Store: s.store, Catalog: owner{}, Rules: s.rules, Logger: logger, MaxWait: time.Minute, Now: now, OnTeamGivenUp: func() {}}
	if err := p.Drain(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	settler := &pipeline.Settler{Store: s.store, Enricher: s.github, Rules: s.rules, Logger: logger, Now: now}
	stopSettling := background(s.t.Context(), settler.Run)
	stopLooking := background(s.t.Context(), (&pipeline.Jobs{Store: s.store, Enricher: s.github, Rules: s.rules, Logger: logger, Now: now}).Run)
	defer func() { stopSettling(); stopLooking() }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		backlog, err := s.store.Backlog(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		unsettled, err := s.store.Unsettled(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if backlog.LookUps+unsettled <= 2*len(s.github.down) && (len(s.github.down) == 0 || s.failed()) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%d look-ups and %d to be settled after 20 s", backlog.LookUps, unsettled)
		}
	}
}

// failed says whether all that waits for GitHub has been tried once.
func (s *shop) failed() bool {
	s.t.Helper()
	for sha := range s.github.down {
		c := dora.Commit{Host: "api.github.com", Owner: "acme", Repository: "web", SHA: sha}
		job, _, err := s.store.JobOf(s.t.Context(), c.Key())
		if err != nil {
			s.t.Fatal(err)
		}
		settling, err := s.store.SettlingOf(s.t.Context(), "api.github.com/9")
		if err != nil {
			s.t.Fatal(err)
		}
		if job.Attempts == 0 || len(settling) != 1 || settling[0].Attempts == 0 {
			return false
		}
	}
	return true
}

func status(id int64, environment, sha, state string, at int) dora.Event {
	return dora.Event{Status: &dora.Status{
		ID: id*100 + int64(at%100), State: state, CreatedAt: minute(at), Deployment: dora.Deployment{
			Host: "api.github.com", ID: id, Owner: "acme", Repository: "web", Environment: environment, SHA: sha, CreatedAt: minute(at - at%10 - 10),
		},
	}}
}

// inc7 is an event of an incident that names deployment 2.
func inc7(event string, at, resolved int) dora.Event {
	c := &dora.IncidentChange{
		Event: "jira:issue_" + event, Host: "acme.atlassian.net", ID: "10042", Key: "INC-7", Project: "INC", Type: "Incident", Priority: "High",
		References: []dora.Reference{{Owner: "acme", Repository: "web", Deployment: 2}, {Owner: "acme", Repository: "web", PullRequest: 77}},
		StatusName: "Open", Timestamp: minute(at), Created: minute(45),
	}
	if resolved > 0 {
		c.ResolutionDate, c.StatusName, c.StatusCategory = minute(resolved), "Done", "done"
	}
	return dora.Event{Incident: c}
}

// aDay is a history with one of everything that an explanation tells.
func aDay(t *testing.T) *shop {
	s := newShop(t)
	s.github.line = []string{"V1", "V2", "V3", "V4", "V5", "V6", "V7", "V9"}
	s.github.changes["V2"] = dora.Change{Origin: dora.Origin{
		PullRequest: 2, FirstCommit: minute(-1500), Opened: minute(-300), Merged: minute(20), Author: "ann",
	}}
	s.github.changes["V3"] = dora.Change{Origin: dora.Origin{
		PullRequest: 3, FirstCommit: minute(-20), Opened: minute(-10), Merged: minute(20), Author: "dependabot[bot]",
	}}
	s.github.changes["V5"] = dora.Change{Origin: dora.Origin{PullRequest: 5, FirstCommit: minute(20), Opened: minute(10), Author: "bob"}}
	s.github.changes["V4"] = dora.Change{Origin: dora.Origin{Unavailable: dora.ReasonNoDate}}
	text := `# TYPE github_deployments_total counter
github_deployments_total{environment="production",repo="web",status="success",team="Platform"} 40
github_deployments_total{environment="production",repo="old",status="success",team="Platform"} 7
# TYPE jira_incidents_duration_sum gauge
jira_incidents_duration_sum{project="INC",team="Platform"} 1234.5
`
	err := s.store.AddBaseline(t.Context(), persistence.Baseline{Hash: hashOf(text), Source: "/data/old.prom", Text: []byte(text), Taken: minute(-600)})
	if err != nil {
		t.Fatal(err)
	}
	one := status(1, "production", "V1", "success", 15)
	for _, e := range []dora.Event{
		{Deployment: &one.Status.Deployment},
		status(1, "production", "V1", "in_progress", 12), one, status(2, "production", "V2", "success", 30),
		inc7("created", 46, 0), status(3, "production", "V4", "success", 60), status(4, "production", "V2", "success", 75), inc7("updated", 95, 90),
		status(5, "production", "V5", "success", 100), status(5, "production", "V5", "failure", 110), status(6, "production", "V6", "success", 140),
		status(8, "staging", "V6", "success", 150), status(11, "staging", "V6", "failure", 155),
	} {
		s.tell(e)
		s.work() // one by one, so that what is found late does not depend on which is looked at first
	}
	s.tell(status(10, "production", "V1", "success", 10)) // late: those after it have been looked at
	s.work()
	s.tell(status(7, "production", "V7", "in_progress", 160))
	s.work()
	s.github.down["V9"] = true
	s.tell(status(9, "production", "V9", "success", 170))
	s.work()
	s.tell(status(9, "production", "V9", "inactive", 180)) // pending
	return s
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// run runs a command on the database.
func (s *shop) run(args ...string) (string, error) {
	s.t.Helper()
	var out, errOut bytes.Buffer
	f, err := parseFlags(args, &out, &errOut)
	if err != nil {
		return "", fmt.Errorf("%s", errOut.String())
	}
	c := &config.Config{}
	c.Storage.Database = s.path
	err = f.run(s.t.Context(), c, &out)
	return out.String(), err
}

// numbered and tabulated are the positions of facts, which depend on what was done first of what was done at the same time.
var (
	numbered  = regexp.MustCompile(`(\bfact |"position": )\d+`)
	tabulated = regexp.MustCompile(`(?m)^  \d+ +(github|jira|dora)_`)
)

func TestExplain(t *testing.T) {
	s := aDay(t)
	for name, args := range map[string][]string{
		"deployment_first":     {"explain", "deployment", "acme/web#1"},
		"deployment_incident":  {"explain", "deployment", "Acme/Web#2"},
		"deployment_rollback":  {"explain", "deployment", "acme/web#3"},
		"deployment_repairs":   {"explain", "deployment", "acme/web#4"},
		"deployment_status":    {"explain", "deployment", "acme/web#5"},
		"deployment_next":      {"explain", "deployment", "acme/web#6"},
		"deployment_running":   {"explain", "deployment", "acme/web#7"},
		"deployment_staging":   {"explain", "deployment", "acme/web#8"},
		"deployment_waiting":   {"explain", "deployment", "acme/web#9"},
		"deployment_late":      {"explain", "deployment", "acme/web#10"},
		"deployment_failed":    {"explain", "deployment", "acme/web#11"},
		"deployment_json":      {"explain", "deployment", "-o", "json", "acme/web#3"},
		"deployment_unknown":   {"explain", "deployment", "acme/web#12"},
		"deployment_elsewhere": {"explain", "deployment", "acme/api#100"},
		"deployment_repo":      {"explain", "deployment", "acme/api#1"},
		"deployment_no_number": {"explain", "deployment", "acme/web"},
		"incident":             {"explain", "incident", "inc-7"},
		"incident_json":        {"explain", "incident", "INC-7", "-o", "json"},
		"incident_unknown":     {"explain", "incident", "INC-8"},
		"metric_counter":       {"explain", "metric", `github_deployments_total{environment="production",repo="web",status="success",team="Platform"}`},
		"metric_some_labels":   {"explain", "metric", `github_deployments_total{team="Platform",status="success"}`, "-n", "2"},
		"metric_histogram":     {"explain", "metric", `dora_change_lead_time_seconds{environment="production",instance="a:1",job="dora"}`},
		"metric_bucket":        {"explain", "metric", `dora_change_lead_time_seconds_bucket{environment="production",le="14400"}`},
		"metric_gauge":         {"explain", "metric", `github_deployments_duration{environment="production",status="success"}`},
		"metric_failures":      {"explain", "metric", `dora_change_failures_total`},
		"metric_json":          {"explain", "metric", `dora_failed_deployment_recovery_seconds_count`, "-o=json"},
		"metric_timestamp":     {"explain", "metric", `dora_deployment_timestamp_seconds`},
		"metric_unknown":       {"explain", "metric", `github_deployment_total{}`},
		"metric_own":           {"explain", "metric", `dora_exporter_late_events_total`},
		"metric_no_label":      {"explain", "metric", `github_deployments_total{owner="acme"}`},
		"metric_no_series":     {"explain", "metric", `github_deployments_total{team="Other"}`},
		"metric_no_bucket":     {"explain", "metric", `dora_change_lead_time_seconds_bucket{le="5"}`},
		"metric_matcher":       {"explain", "metric", `github_deployments_total{team=~"P.*"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.run(args...)
			if err != nil {
				got += "error: " + err.Error() + "\n"
			}
			got = tabulated.ReplaceAllString(numbered.ReplaceAllString(got, "${1}N"), "  N  ${1}_")
			sameAsFile(t, filepath.Join("testdata", "explain", name+".txt"), got)
			if slices.Contains(args, "json") && !json.Valid([]byte(got)) && !strings.Contains(got, ": N") {
				t.Errorf("no JSON:\n%s", got)
			}
		})
	}
}

func sameAsFile(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s: -want +got:\n%s", path, diff)
	}
}

// Each value of ours on /metrics is what an explanation of its line says, and what its facts and what was taken over add up to.
func TestExplainedValuesAreThoseOfMetrics(t *testing.T) {
	compared := aDay(t).compareMetrics()
	for _, f := range dora.Families() {
		if !compared[f.Name] {
			t.Errorf("no series of %s is compared", f.Name)
		}
	}
}

// So it is of random histories, also where there are too many series.
func TestExplainedValuesOfRandomHistories(t *testing.T) {
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 5))
		s := newShop(t)
		s.rules.MaxSeries = []int{20_000, 120, 40}[seed]
		s.github.line = []string{"V1", "V2", "V3", "V4", "V5"}
		for range 40 {
			at, environment := random.IntN(500), []string{"production", "staging", "a", "b"}[random.IntN(4)]
			state := []string{"success", "success", "success", "failure", "error", "in_progress"}[random.IntN(6)]
			s.tell(status(int64(1+random.IntN(15)), environment, s.github.line[random.IntN(5)], state, at))
			if random.IntN(4) == 0 {
				s.tell(inc7("updated", 46+at, []int{0, 45 + at}[random.IntN(2)]))
			}
		}
		s.work()
		s.compareMetrics()
	}
}

// compareMetrics explains all values of ours on /metrics, and returns the families that they are of.
func (s *shop) compareMetrics() map[string]bool {
	t := s.t
	t.Helper()
	instruments, err := instrumentation.New(instrumentation.Options{
		Families: dora.Families(), Started: s.store.Started, Now: time.Now, MaxSeries: 20_000, Series: s.store.Series,
		Backlog: func(context.Context) (instrumentation.Backlog, error) { return instrumentation.Backlog{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	projection := &pipeline.Projection{
		Store: s.store, Recorder: instruments, Rules: s.rules, Logger: logger, OnCheckpoint: func(error) {},
		Checkpoint: persistence.NewCheckpoint(filepath.Join(t.TempDir(), "dora-exporter.prom"), s.store, dora.Families(), false, logger),
	}
	if err := projection.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	handler, err := instruments.Handler()
	if err != nil {
		t.Fatal(err)
	}
	page := httptest.NewRecorder()
	handler.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	compared := map[string]bool{}
	for lines := bufio.NewScanner(page.Body); lines.Scan(); {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		f, _, err := findFamily(strings.SplitN(line, "{", 2)[0])
		if strings.HasPrefix(line, "#") || err != nil {
			continue
		}
		want, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatal(err)
		}
		compared[f.Name] = true
		s.compare(f, line[:at], want)
	}
	return compared
}

func (s *shop) compare(f dora.Family, line string, want float64) {
	s.t.Helper()
	text, err := s.run("explain", "metric", line, "-o", "json", "-n", "0")
	if err != nil {
		s.t.Errorf("%s: %v", line, err)
		return
	}
	var e metricExplained
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		s.t.Fatal(err)
	}
	if len(e.Series) != 1 || e.Series[0].Value != want {
		s.t.Errorf("%s is %v on /metrics and explained as %+v", line, want, e.Series)
		return
	}
	one := e.Series[0]
	if len(one.Facts) != one.FactCount {
		s.t.Errorf("%s: %d facts of %d", line, len(one.Facts), one.FactCount)
	}
	var sum, newest float64
	for i, f := range one.Facts {
		sum += f.Value
		if i == 0 {
			newest = f.Value
		}
		if f.About == f.Subject {
			s.t.Errorf("%s: nothing is said of %s", line, f.Subject)
		}
	}
	for _, taken := range one.Taken {
		sum += taken.Value
	}
	switch {
	case strings.Contains(line, "le="), strings.HasSuffix(strings.SplitN(line, "{", 2)[0], "_count"):
		if float64(len(one.Facts)) != want {
			s.t.Errorf("%s is %v and has %d facts", line, want, len(one.Facts))
		}
	case f.Kind == dora.Last:
		if newest != want {
			s.t.Errorf("%s is %v, its newest fact %v", line, want, newest)
		}
	default:
		if diff := sum - want; diff > 1e-6 || diff < -1e-6 {
			s.t.Errorf("%s is %v, its facts add up to %v", line, want, sum)
		}
	}
}

// Two servers may have a deployment of the same name.
func TestExplainTheSameNameOnTwoServers(t *testing.T) {
	s := newShop(t)
	other := status(1, "production", "V1", "success", 20)
	other.Status.Deployment.Host = "ghe.example.com"
	s.tell(status(1, "production", "V1", "success", 15), other)
	s.work()
	text, err := s.run("explain", "deployment", "acme/web#1")
	for _, want := range []string{"2 servers have", "acme/web#1 on api.github.com\n", "acme/web#1 on ghe.example.com\n"} {
		if err != nil || !strings.Contains(text, want) {
			t.Errorf("%v, want %q in\n%s", err, want, text)
		}
	}
}

// What has no number is explained all the same.
func TestExplainWhatIsNotCounted(t *testing.T) {
	s := newShop(t)
	task := inc7("created", 46, 0)
	task.Incident.Type = "Task"
	s.tell(task)
	s.work()
	other := inc7("created", 50, 0)
	other.Incident.ID, other.Incident.Key = "10043", "INC-8"
	s.tell(other, status(1, "production", "V1", "success", 15))
	for about, want := range map[string]string{
		"incident INC-7":             "the issue: none of its events matches all of jira.incidents",
		"incident INC-8":             "delivery 2 (jira/acme.atlassian.net/10043/jira:issue_created/1772445000000) is to be processed",
		"deployment acme/web#1":      "delivery 3 (github/api.github.com/deployment_status/115) is to be processed",
		"metric dora_incidents_open": "nothing has been counted in dora_incidents_open yet",
	} {
		text, err := s.run(append([]string{"explain"}, strings.Fields(about)...)...)
		if err != nil {
			text += err.Error()
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: want %q in\n%s", about, want, text)
		}
	}
	for delivery := range int64(3) {
		err := s.store.Update(t.Context(), func(tx dora.Tx) error { return tx.Deliveries().SetAside(delivery+1, 5, "it is odd") })
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := s.run("explain", "deployment", "acme/web#1")
	if want := "dora-exporter deliveries retry 3; tried in vain 5 times; it is odd"; err != nil || !strings.Contains(text, want) {
		t.Errorf("%v: want %q in\n%s", err, want, text)
	}
}

// What comes from outside can't steer a terminal.
func TestExplainEscapes(t *testing.T) {
	s := newShop(t)
	e := status(1, "prod\x1b[2J\nuction", "V1\r", "success", 15)
	s.github.line = []string{"V1\r"}
	s.github.changes["V1\r"] = dora.Change{Origin: dora.Origin{Author: "eve\x07", FirstCommit: monday}}
	s.tell(e)
	s.work()
	for _, args := range [][]string{{"explain", "deployment", "acme/web#1"}, {"explain", "metric", "dora_deployments_total"}} {
		text, err := s.run(args...)
		if err != nil || strings.ContainsAny(text, "\x1b\r\x07") || !strings.Contains(text, `\x1b[2J`) {
			t.Errorf("%q: %v\n%s", args, err, text)
		}
	}
}
