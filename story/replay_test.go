package story

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// truth is what events add up to, worked out beside the program.
type truth struct {
	numbers
	newest map[string]time.Time
	ids    map[string]int
}

func newTruth() *truth {
	return &truth{numbers: numbers{}, newest: map[string]time.Time{}, ids: map[string]int{}}
}

// status adds a deployment status whose work began at first.
func (t *truth) status(d deployed, team string, id int, state string, at, first time.Time) {
	series := func(family string) string { return deploymentSeries(family, d.env, d.repo, state, team) }
	t.numbers[series("github_deployments_total")]++
	t.numbers[series("github_deployments_duration_sum")] += at.Sub(first).Seconds()
	last := series("github_deployments_duration")
	if at.After(t.newest[last]) || at.Equal(t.newest[last]) && id > t.ids[last] {
		t.newest[last], t.ids[last] = at, id
		t.numbers[last] = at.Sub(first).Seconds()
	}
}

// history makes statuses of five repositories: how each brings changes to its default branch is its name.
type history struct {
	random *rand.Rand
	api    *gitHubAPI
	truth  *truth
	events []webhook
	clock  time.Time
	id     int
	// lookups is how many calls the commits cost, each looked up once.
	lookups int
}

var teamOf = map[string]string{"merge": "Platform", "squash": "Shop", "rebase": "Platform", "direct": "Shop", "large": "Platform"}

func (h *history) next() int { h.id++; return h.id }

// change makes a change of a repository and returns the commit that is deployed and when the work on it began.
func (h *history) change(repo string) (sha string, first time.Time) {
	h.clock = h.clock.Add(time.Duration(h.random.IntN(7200)+60) * time.Second)
	number := h.next()
	name := func(i int) string { return hexSHA(fmt.Sprintf("%s%d-%d", repo, number, i)) }
	if repo == "direct" {
		first = h.clock.Add(-time.Duration(h.random.IntN(3600)) * time.Second)
		h.api.addCommit(repo, name(0), commit{message: "hot fix, fixes #1", date: first})
		h.lookups += 2
		return name(0), first
	}
	count := h.random.IntN(5) + 1
	h.lookups += 2
	if repo == "large" {
		count = 101 + h.random.IntN(149)
		h.lookups += (count - 1) / 100
	}
	p := pull{number: number, merged: h.clock}
	first = h.clock
	for i := range count {
		date := h.clock.Add(-time.Duration(h.random.IntN(1_000_000)+1) * time.Second)
		if date.Before(first) {
			first = date
		}
		p.shas = append(p.shas, name(i))
		h.api.addCommit(repo, name(i), commit{message: "a step", date: date, pull: number})
	}
	sha = hexSHA(fmt.Sprintf("%s%d-on-main", repo, number))
	p.mergeSHA = sha
	if repo == "rebase" { // rebased commits keep their author dates; the one that is deployed need not be the last
		p.mergeSHA = sha + "-last"
	}
	h.api.addCommit(repo, sha, commit{message: fmt.Sprintf("a change (#%d)", number), date: h.clock, pull: number})
	h.api.addPull(repo, p)
	return sha, first
}

// deploy makes the events of one change on its way through the environments.
func (h *history) deploy(repo string) {
	sha, first := h.change(repo)
	for _, env := range []string{"staging", "production"} {
		d := deployed{id: h.next(), repo: repo, env: env, sha: sha, ref: "main"}
		h.events = append(h.events, d.created())
		last := "success"
		if h.random.IntN(10) == 0 {
			last = "failure"
		}
		for _, state := range []string{"in_progress", last} {
			h.clock = h.clock.Add(time.Duration(h.random.IntN(600)) * time.Second)
			id := h.next()
			h.events = append(h.events, d.status(id, state, h.clock))
			h.truth.status(d, teamOf[repo], id, state, h.clock, first)
		}
	}
}

// Hundreds of statuses, two thousand in the long form, in any order, from eight senders, against an API of 40 ms: every series is what the history says.
func TestReplay(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := &history{
		random: rand.New(rand.NewPCG(seed, 0)), api: newGitHubAPI(t), truth: newTruth(),
		clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	h.api.latency = 40 * time.Millisecond
	for range scaled(25, 100) {
		for repo := range teamOf {
			h.deploy(repo)
		}
	}
	e := newExporter(t, h.api.server.URL)
	e.start()
	h.random.Shuffle(len(h.events), func(i, j int) { h.events[i], h.events[j] = h.events[j], h.events[i] })
	e.postAll(h.events)
	e.becomes(h.truth.numbers)
	if calls := h.api.called(); calls != h.lookups {
		t.Errorf("%d calls to the GitHub API, want %d: 2 for each commit, and a page for each further 100 commits", calls, h.lookups)
	}
	e.terminate()
	e.start()
	e.postAll(h.events)
	e.becomes(h.truth.numbers)
}

// postAll posts all webhooks from eight senders; each must be taken.
func (e *exporter) postAll(events []webhook) {
	e.Helper()
	e.parallel(events, func(w webhook) { e.mustPost(w) })
}

func (e *exporter) parallel(events []webhook, send func(webhook)) {
	const senders = 8
	work, done := make(chan webhook), make(chan struct{})
	for range senders {
		go func() {
			for w := range work {
				send(w)
			}
			done <- struct{}{}
		}()
	}
	for _, w := range events {
		work <- w
	}
	close(work)
	for range senders {
		<-done
	}
}

// hexSHA is a made-up SHA.
func hexSHA(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:20])
}
