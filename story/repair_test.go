package story

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/demo"
)

// shopDay is what happens in a shop in three parts, of which the exporter misses the second one.
type shopDay struct {
	hub        *hub
	repository *demo.Repository
	secrets    demo.Secrets
	at         time.Time
	ids        int64
	sent       []demo.Webhook
}

func newShopDay(t *testing.T, showsHooks bool) *shopDay {
	r := demo.NewRepository("acme", "shop")
	d := &shopDay{repository: r, secrets: demo.Secrets{GitHub: gitHubSecret, Jira: jiraSecret}, at: time.Now().UTC().Truncate(time.Second).Add(2 * time.Second)}
	r.Push(demo.Commit{Author: "ann", Message: "Begin", Written: d.at.Add(-100 * time.Hour)})
	d.hub = newHub(t, showsHooks, r)
	return d
}

// send remembers a webhook and sends it.
func (d *shopDay) send(e *exporter, w demo.Webhook) {
	d.sent = append(d.sent, w)
	d.hub.deliver(e, w)
}

// deploy merges a pull request and deploys it. The last status is the state.
func (d *shopDay) deploy(e *exporter, states ...string) {
	d.ids++
	d.at = d.at.Add(time.Second)
	deployment := demo.Deployment{ID: d.ids, Repository: d.repository, Environment: "production", Created: d.at}
	d.hub.happen(func() {
		p, _ := d.repository.Open(demo.PullRequest{Author: "bob", Branch: fmt.Sprint("b", d.ids), Title: "Change", Opened: d.at.Add(-time.Hour)}, "",
			demo.Commit{Author: "bob", Message: "Change", Written: d.at.Add(-time.Duration(d.ids) * 10 * time.Hour)})
		deployment.SHA = d.repository.Merge(p, demo.Squash, d.at.Add(-time.Minute))
		d.repository.Deploy(deployment)
	})
	d.send(e, d.secrets.Deployment(deployment))
	for _, state := range states {
		d.at = d.at.Add(time.Second)
		id := 100*d.ids + int64(d.at.Second()) + 1
		d.hub.happen(func() { d.repository.SetStatus(deployment.ID, id, state, d.at) })
		d.send(e, d.secrets.Status(deployment, id, state, d.at))
	}
}

// incident creates an issue about the newest deployment; resolve resolves it.
func (d *shopDay) incident(e *exporter) (resolve func()) {
	d.at = d.at.Add(time.Second)
	i := demo.Issue{
		ID: 10_000 + d.ids, Key: fmt.Sprint("INC-", d.ids), Type: "Incident", Priority: "High", Created: d.at, Summary: "Errors",
		Description: fmt.Sprintf("since https://github.com/acme/shop/deployments/%d", d.ids),
	}
	found := map[string]any{}
	d.hub.happen(func() { maps.Copy(found, searched(i)); d.hub.issues = append(d.hub.issues, found) })
	d.send(e, d.secrets.Issue(demo.Created, i, d.at))
	return func() {
		d.at = d.at.Add(time.Second)
		i.Resolved = d.at
		d.hub.happen(func() { maps.Copy(found, searched(i)) })
		d.send(e, d.secrets.Issue(demo.Updated, i, d.at, "status", "resolution"))
	}
}

// searched returns an issue as the search has it.
func searched(i demo.Issue) map[string]any {
	stamp := func(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000-0700") }
	histories, status, resolution, resolved := []any{}, map[string]any{"id": "1", "name": "Open"}, any(nil), any(nil)
	if !i.Resolved.IsZero() {
		status, resolution, resolved = map[string]any{"id": "3", "name": "Done"}, map[string]string{"name": "Done"}, stamp(i.Resolved)
		histories = append(histories, map[string]any{"id": fmt.Sprint(i.Resolved.UnixMilli(), i.ID), "created": stamp(i.Resolved), "items": []any{
			map[string]any{"field": "status", "from": "1", "fromString": "Open", "to": "3", "toString": "Done"},
			map[string]any{"field": "resolution", "to": "1", "toString": "Done"},
		}})
	}
	return map[string]any{
		"id": fmt.Sprint(i.ID), "key": i.Key, "self": fmt.Sprint("https://acme.atlassian.net/rest/api/2/issue/", i.ID),
		"fields": map[string]any{
			"project": map[string]string{"key": "INC"}, "issuetype": map[string]string{"name": i.Type}, "priority": map[string]string{"name": i.Priority},
			"labels": []string{}, "summary": i.Summary, "description": i.Description, "created": stamp(i.Created), "resolutiondate": resolved,
			"resolution": resolution, "status": status,
		},
		"changelog": map[string]any{"total": len(histories), "histories": histories},
	}
}

// parts are the parts of the day. In the second one, a failed change of the first one is resolved, another one happens, and one is repaired.
func (d *shopDay) parts(e *exporter) []func() {
	var resolve func()
	return []func(){
		func() {
			d.deploy(e, "in_progress", "success")
			d.deploy(e, "in_progress", "success")
			resolve = d.incident(e)
		},
		func() {
			d.deploy(e, "in_progress", "failure")
			d.deploy(e, "in_progress", "success", "inactive")
			resolve()
			d.deploy(e, "in_progress", "success")
			resolve = d.incident(e)
			d.deploy(e, "queued")
		},
		func() {
			d.deploy(e, "in_progress", "success")
			resolve()
		},
	}
}

// newRepairing prepares an exporter of a day, with more configuration for github.
func (d *shopDay) newRepairing(t *testing.T, more string) *exporter {
	e := newExporter(t, d.hub.server.URL)
	text := strings.Replace(e.read("config.yml"), "github:\n", "github:\n  token: t\n"+more, 1)
	text = strings.Replace(text, "jira:\n", fmt.Sprintf("jira:\n  base_url: %s\n  token: t\n", d.hub.server.URL), 1)
	e.write("config.yml", text+"deployments: {settle: 1s}\n")
	return e
}

// counted matches the lines of what is counted of deployments and incidents.
var counted = regexp.MustCompile(`(?m)^(github_|jira_|dora_[^e]).*$`)

// numbersOf returns what is counted, without times of the machine.
func (e *exporter) numbersOf() string {
	_, text := e.get("/metrics")
	lines := counted.FindAllString(text, -1)
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// After a stop, in which GitHub and Jira drop what they send, the numbers are what they would be without it.
func TestStopIsRepaired(t *testing.T) {
	t.Parallel()
	whole := newShopDay(t, true)
	e := whole.newRepairing(t, "")
	e.start()
	for _, part := range whole.parts(e) {
		part()
		e.eventually("all is evaluated", e.idle)
	}
	want := e.numbersOf()
	for _, line := range []string{
		`github_deployments_total{environment="production",repo="shop",status="success",team="Platform"} 5`,
		`dora_incidents_opened_total{priority="High",project="INC",team="Platform"} 2`,
		`dora_failed_deployment_recovery_seconds_count{environment="production",owner="acme",repo="shop",team="Platform"} 2`,
		`jira_incidents{project="INC",team="Platform"} 2`,
	} {
		if !strings.Contains(want, line) {
			t.Fatalf("%s is missing in\n%s", line, want)
		}
	}
	for name, lines := range map[string][]string{
		"deliveries": { // of four deployments, with eight statuses
			`_missing_total{account="127.0.0.1:`, `kind="delivery"} 12`, `kind="deployment_status"} 0`,
		},
		"compared": {`kind="deployment_status"} `, `kind="issue_event"} `, `kind="delivery"} 0`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newShopDay(t, name == "deliveries")
			e := d.newRepairing(t, "  repair: 1h\n")
			e.start()
			parts := d.parts(e)
			parts[0]()
			e.eventually("all is evaluated", e.idle)
			e.kill()
			parts[1]()
			e.start()
			parts[2]()
			e.eventually("the numbers are those without a stop", func() error {
				if err := e.idle(); err != nil {
					return err
				}
				return sameNumbers(want, e.numbersOf())
			})
			_, text := e.get("/metrics")
			for _, line := range lines {
				if !strings.Contains(text, line) {
					t.Errorf("/metrics has no line with %s, but\n%s", line, strings.Join(repairs.FindAllString(text, -1), "\n"))
				}
			}
			for _, w := range d.sent { // webhooks that arrive after all, and again
				e.post(fromDemo(w))
			}
			e.eventually("all is evaluated", e.idle)
			if err := sameNumbers(want, e.numbersOf()); err != nil {
				t.Errorf("after redeliveries: %v", err)
			}
		})
	}
}

// repairs matches the lines of what was repaired.
var repairs = regexp.MustCompile(`(?m)^dora_exporter_repair_.*$`)

// timestamps matches the lines whose values are times.
var timestamps = regexp.MustCompile(`(?m)^\S*timestamp\S* .*\n`)

func sameNumbers(want, got string) error {
	if diff := cmp.Diff(timestamps.ReplaceAllString(want, ""), timestamps.ReplaceAllString(got, "")); diff != "" {
		return errors.New("-without a stop +with:\n" + diff)
	}
	return nil
}
