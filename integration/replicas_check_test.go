package integration

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
)

// check ends the load and checks that all replicas count what was answered; and, when everything was sent again to all of them, that they
// have the same facts, and those of an exporter that got each event once and had no trouble.
func (r *replicas) check(t *testing.T) {
	t.Helper()
	r.stopLoad()
	sent, answered := r.statuses()
	if answered < 20 {
		t.Errorf("only %d of %d statuses were answered", answered, sent)
	}
	t.Logf("%d of %d statuses were answered", answered, sent)
	for n, e := range r.all {
		eventually(t, fmt.Sprintf("replica %d counts what was answered", n), func() error {
			counted, err := e.countedStatuses()
			if err == nil && (counted < answered || counted > sent) {
				err = fmt.Errorf("%d are counted, %d were answered and %d sent", counted, answered, sent)
			}
			return err
		})
	}
	r.sendAgain(t)
	for _, e := range r.all {
		eventually(t, "all work is done", func() error { return e.isSettled(t) })
	}
	r.checkCalls(t)
	want := r.undisturbed(t)
	eventually(t, "all replicas have the facts of an exporter without trouble", func() error {
		first, err := r.all[0].facts()
		if err == nil && first != want {
			err = fmt.Errorf("lines that differ:\n%s", differentLines(first, want))
		}
		for n, e := range r.all[1:] {
			got, err2 := e.facts()
			if err = errors.Join(err, err2); err == nil && got != first {
				err = fmt.Errorf("lines of replica %d that differ from those of the first:\n%s", n+1, differentLines(got, first))
			}
		}
		return err
	})
}

// undisturbed returns the facts of an exporter with the replicas' configuration and a store of its own that gets each event once.
func (r *replicas) undisturbed(t *testing.T) string {
	t.Helper()
	e := &exporter{folder: t.TempDir(), address: testexporter.FreeAddress(t)}
	_, port, _ := strings.Cut(e.address, ":")
	config := regexp.MustCompile(`(?m)^(storage|otlp): .*\n`).ReplaceAllString(r.all[len(r.all)-1].config(t), "")
	e.setConfig(t, regexp.MustCompile(`port: \d+`).ReplaceAllString(config, "port: "+port))
	t.Cleanup(e.kill)
	e.start(t)
	var senders sync.WaitGroup
	for team, events := range r.events {
		senders.Go(func() {
			for n, event := range events[:r.sent[team]] {
				if !r.post(e, event) {
					t.Errorf("the exporter without trouble does not take event %d of team %d", n, team)
				}
			}
		})
	}
	senders.Wait()
	eventually(t, "the exporter without trouble has done its work", func() error { return e.isSettled(t) })
	facts, err := e.facts()
	if err != nil || facts == "" {
		t.Fatalf("the exporter without trouble has the facts %q, %v", facts, err)
	}
	e.kill()
	return facts
}

// isSettled returns an error while work is left that could add facts. Deployments that wait for deployments.settle are left if that is longer
// than a test.
func (e *exporter) isSettled(t *testing.T) error {
	t.Helper()
	evaluations := "due"
	if regexp.MustCompile(`settle: \d+s`).MatchString(e.config(t)) {
		evaluations = "waiting"
	}
	text, err := get("http://" + e.address + "/metrics")
	for _, gauge := range []string{"dora_exporter_backlog", "dora_exporter_github_lookups_waiting", "dora_exporter_evaluations_" + evaluations} {
		if !strings.Contains(text, "\n"+gauge+" 0\n") {
			err = errors.Join(err, fmt.Errorf("%s is not 0", gauge))
		}
	}
	return err
}

// differentLines returns lines that only one of two texts has.
func differentLines(got, want string) string {
	lines := map[string]string{}
	for line := range strings.Lines(got) {
		lines[line] = "got "
	}
	for line := range strings.Lines(want) {
		if lines[line] == "" {
			lines[line] = "want "
		} else {
			delete(lines, line)
		}
	}
	var different []string
	for line, side := range lines {
		different = append(different, side+line)
	}
	return strings.Join(different[:min(len(different), 20)], "")
}

// countedStatuses returns how many statuses of deployments /metrics has.
func (e *exporter) countedStatuses() (n int, err error) {
	counters, err := e.counters()
	for series, value := range counters {
		if strings.HasPrefix(series, "github_deployments_total{") {
			n += int(value)
		}
	}
	return n, err
}

// counters returns the values of the facts on /metrics that never decrease, by series.
func (e *exporter) counters() (map[string]float64, error) {
	text, err := e.facts()
	if err != nil {
		return nil, err
	}
	values, isCounter := map[string]float64{}, false
	for line := range strings.Lines(text) {
		if kind, ok := strings.CutPrefix(line, "# TYPE "); ok {
			isCounter = strings.HasSuffix(kind, " counter\n") || strings.HasSuffix(kind, " histogram\n")
		}
		if !isCounter || strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndex(line, " ")
		if values[line[:at]], err = strconv.ParseFloat(strings.TrimSpace(line[at:]), 64); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
	}
	return values, nil
}

// scrape scrapes the replicas in turn until stop is called, and checks that no counter goes back or disappears. A scrape may have no facts.
func (r *replicas) scrape(t *testing.T) (stop func()) {
	t.Helper()
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		newest := map[string]float64{}
		for scrapes := 0; ; scrapes++ {
			select {
			case <-end:
				t.Logf("%d scrapes of %d series", scrapes, len(newest))
				return
			case <-time.After(50 * time.Millisecond):
			}
			values, err := r.all[scrapes%len(r.all)].counters()
			if err != nil || len(values) == 0 {
				continue
			}
			r.compareScrapes(t, scrapes, newest, values)
			newest = values
		}
	}()
	stop = sync.OnceFunc(func() {
		close(end)
		<-ended
	})
	t.Cleanup(stop)
	return stop
}

// compareScrapes checks that no counter has gone back or disappeared from one scrape to the next.
func (r *replicas) compareScrapes(t *testing.T, number int, before, now map[string]float64) {
	t.Helper()
	for series, value := range before {
		if newer, there := now[series]; !there || newer < value {
			t.Errorf("replica %d has %s %v (there: %t) after another one had %v", number%len(r.all), series, newer, there, value)
		}
	}
}

// checkCalls checks that replicas share what GitHub has answered. An answer about a commit or a pull request is in the store, so each URL is asked
// for once. A comparison is kept by the process alone, so it is asked for once for each of the two environments. What was asked for when a
// fault came is asked for again, and so is what two replicas ask for at the same time: some calls. Of three replicas that share nothing, two
// thirds of the calls are made again.
func (r *replicas) checkCalls(t *testing.T) {
	t.Helper()
	r.github.mu.Lock()
	defer r.github.mu.Unlock()
	calls, again := 0, 0
	for path, n := range r.github.paths {
		once := 1
		if strings.Contains(path, "/compare/") {
			once = 2
		}
		calls, again = calls+n, again+max(n-once, 0)
	}
	t.Logf("%d calls of GitHub for %d deployments, %d of them again", calls, r.successes(), again)
	if calls == 0 || again > calls/4+r.repeats {
		t.Errorf("of %d calls %d are made again, want at most a quarter and %d: %v", calls, again, r.repeats, r.github.paths)
	}
}
