package story

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// permutations calls f with every order of 0 … n-1.
func permutations(n int, f func(order []int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var permute func(from int)
	permute = func(from int) {
		if from == n {
			f(order)
			return
		}
		for i := from; i < n; i++ {
			order[from], order[i] = order[i], order[from]
			permute(from + 1)
			order[from], order[i] = order[i], order[from]
		}
	}
	permute(0)
}

// The events of a deployment in all 720 orders of arrival, each in a repository of its own, and those of an incident in all
// 120, give the same numbers. The short form takes every 13th order, in which each event comes at each place.
func TestEveryOrder(t *testing.T) {
	t.Parallel()
	api := newGitHubAPI(t)
	want := newTruth()
	var chains [][]webhook
	nth := 0
	minute := func(n int) time.Time { return newYear.Add(time.Duration(n) * time.Minute) }
	permutations(6, func(order []int) {
		if nth++; nth%scaled(13, 1) != 0 {
			return
		}
		n := len(chains) + 1
		repo := fmt.Sprintf("repo%d", n)
		api.addCommit(repo, "c0ffee", commit{message: "change", date: newYear})
		d := deployed{id: n, repo: repo, env: "production", sha: "c0ffee"}
		id := func(i int) int { return 10*n + i }
		events := []webhook{
			d.created(), d.status(id(1), "in_progress", minute(1)), d.status(id(2), "success", minute(2)),
			d.status(id(3), "failure", minute(3)), d.status(id(4), "success", minute(4)), d.status(id(5), "inactive", minute(4)),
		}
		var chain []webhook
		for _, i := range order {
			chain = append(chain, events[i])
		}
		chains = append(chains, chain)
		series := func(family, state string) string {
			return deploymentSeries(family, "production", repo, state, "Platform")
		}
		for state, expected := range map[string][3]float64{ // statuses, seconds together, seconds of the newest
			"in_progress": {1, 60, 60}, "success": {2, 120 + 240, 240}, "failure": {1, 180, 180}, "inactive": {1, 240, 240},
		} {
			want.numbers[series("github_deployments_total", state)] = expected[0]
			want.numbers[series("github_deployments_duration_sum", state)] = expected[1]
			want.numbers[series("github_deployments_duration", state)] = expected[2]
		}
	})
	permutations(5, func(order []int) {
		if nth++; nth%scaled(13, 1) != 0 {
			return
		}
		n := len(chains)
		edited := issue(n, 20)
		edited.body = strings.Replace(edited.body, `"changelog":{"id":"20"}`, `"changelog":{"id":"99","items":[{"field":"labels"}]}`, 1)
		edited = edited.with("X-Hub-Signature", sign(jiraSecret, edited.body))
		reopened := issue(n, 0)
		reopened.body = strings.Replace(reopened.body, `"changelog":{"id":"0"}`, `"changelog":{"id":"15","items":[{"field":"status"}]}`, 1)
		reopened = reopened.with("X-Hub-Signature", sign(jiraSecret, reopened.body))
		events := []webhook{issue(n, 0), issue(n, 10), reopened, issue(n, 20), edited}
		var chain []webhook
		for _, i := range order {
			chain = append(chain, events[i])
		}
		chains = append(chains, chain)
		want.numbers[incidents]++
		want.numbers[incidentDuration] += 20 * 60
	})
	e := newExporter(t, api.server.URL)
	e.start()
	defer e.watch()()
	steps := 0
	for _, chain := range chains {
		steps = max(steps, len(chain))
	}
	for step := range steps { // each chain's events one after the other, the chains side by side
		var events []webhook
		for _, chain := range chains {
			if step < len(chain) {
				events = append(events, chain[step])
			}
		}
		e.postAll(events)
	}
	e.becomes(want.numbers)
	e.kill()
	e.stores(want.numbers)
}

// The same event under a hundred GUIDs at once counts once; what comes under one GUID with other contents counts each time;
// a month late, and backwards, gives the same numbers.
func TestTheSameAndTheLate(t *testing.T) {
	t.Parallel()
	api := newGitHubAPI(t)
	api.addCommit("web", "c0ffee", commit{message: "change", date: newYear})
	e := newExporter(t, api.server.URL)
	e.start()
	defer e.watch()()
	want := newTruth()
	d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
	var hundred []webhook
	for i := range 100 {
		hundred = append(hundred, d.status(1, "success", newYear.Add(time.Minute)).with("X-GitHub-Delivery", fmt.Sprintf("guid-%d", i)))
	}
	want.status(d, "Platform", 1, "success", newYear.Add(time.Minute), newYear)
	e.postAll(hundred)
	e.becomes(want.numbers)

	var under []webhook
	for id := 2; id <= 101; id++ {
		at := newYear.Add(time.Duration(id) * time.Minute)
		under = append(under, d.status(id, "success", at).with("X-GitHub-Delivery", "the-same"))
		want.status(d, "Platform", id, "success", at, newYear)
	}
	e.postAll(under)
	e.becomes(want.numbers)

	for id := 300; id > 200; id-- { // a month before what has been counted
		at := newYear.Add(-30*24*time.Hour + time.Duration(id)*time.Minute)
		sha := fmt.Sprintf("01d%d", id)
		api.addCommit("web", sha, commit{message: "change", date: at.Add(-time.Hour)})
		old := deployed{id: id, repo: "web", env: "production", sha: sha}
		e.mustPost(old.status(id, "success", at))
		want.status(old, "Platform", id, "success", at, at.Add(-time.Hour))
	}
	e.becomes(want.numbers)
}

// Times that hardly anybody means: what has a duration of less than nothing has none, and says so; no number is absurd.
func TestOddTimes(t *testing.T) {
	t.Parallel()
	api := newGitHubAPI(t)
	api.addCommit("web", "c0ffee", commit{message: "change", date: newYear})
	e := newExporter(t, api.server.URL)
	e.start()
	d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
	at := func(id int, created string) webhook {
		w := d.status(id, "success", newYear)
		return gitHub("deployment_status", strings.Replace(w.body, `"state":"success","created_at":"2026-01-01T00:00:00Z"`,
			`"state":"success","created_at":`+created, 1))
	}
	for i, test := range []struct {
		created string
		status  int
	}{
		{`"2026-01-01T02:00:00+01:00"`, 202}, // an hour after the commit
		{`"2025-12-31T23:59:59Z"`, 202},      // a second before it
		{`"0001-01-02T00:00:00Z"`, 202},      // in year 1
		{`"9999-12-31T00:00:00Z"`, 202},      // in a future that a duration of Go does not reach
		{`"2026-01-01T00:00:00.0015Z"`, 202}, // a millisecond after it, and a half
		{`"10000-01-01T00:00:00Z"`, 400},     // no RFC 3339
		{`"yesterday"`, 400}, {`null`, 400}, {`-1`, 400},
	} {
		if status, body := e.post(at(i+1, test.created)); status != test.status {
			t.Errorf("created at %s: status %d, want %d: %s", test.created, status, test.status, body)
		}
	}
	toTheEnd := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).Unix() - newYear.Unix()
	series := func(family string) string {
		return deploymentSeries(family, "production", "web", "success", "Platform")
	}
	e.becomes(numbers{
		series("github_deployments_total"):        5,
		series("github_deployments_duration"):     float64(toTheEnd),
		series("github_deployments_duration_sum"): 3600 + 0.001 + float64(toTheEnd),
		`github_deployments_duration_unavailable_total{environment="production",reason="implausible_date",repo="web",status="success",team="Platform"}`: 2,
	})
}
