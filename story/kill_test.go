package story

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// kill -9 at random moments under load. What was answered with 202 is counted once in the end, without being sent again;
// what was not is sent again, and is then counted once, too.
func TestKill(t *testing.T) {
	t.Parallel()
	const perRound = 150
	rounds := scaled(6, 200)
	random := newRandom(t)
	api := newGitHubAPI(t)
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range rounds {
		api.addCommit("web", fmt.Sprintf("c0ffee%02d", i), commit{message: "change", date: first})
	}
	e := newExporter(t, api.server.URL)
	stop := e.watch()
	everything := newTruth()
	var all []webhook
	var mu sync.Mutex
	var refused []webhook
	taken := 0
	id := 0
	for round := range rounds {
		e.start()
		var events []webhook
		for range perRound {
			id++
			d := deployed{id: 1 + id/5, repo: "web", env: "production", sha: fmt.Sprintf("c0ffee%02d", round)}
			at := first.Add(time.Duration(random.IntN(1_000_000)) * time.Second)
			events = append(events, d.status(id, "success", at))
			everything.status(d, "Platform", id, "success", at, first)
		}
		killed := make(chan struct{})
		delay := time.Duration(random.IntN(150)) * time.Millisecond
		go func() {
			time.Sleep(delay)
			e.kill()
			close(killed)
		}()
		e.parallel(events, func(w webhook) {
			status, _ := e.post(w)
			mu.Lock()
			defer mu.Unlock()
			if status == 202 {
				taken++
				return
			}
			refused = append(refused, w)
		})
		<-killed
		all = append(all, events...)
	}
	t.Logf("%d of %d were answered", taken, len(all))
	e.start()
	e.postAll(refused)
	e.becomes(everything.numbers)
	e.postAll(all)
	e.kill()
	e.start()
	e.becomes(everything.numbers)
	stop()
	e.kill()
	e.stores(everything.numbers)
}
