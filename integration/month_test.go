package integration

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// exact is how much answers may be off, as a part: by the last bits of a floating-point number.
	exact = 1e-9
	// wrongSignatures is how many are sent in the last week.
	wrongSignatures = 3
)

// A Prometheus scrapes the exporter every second while five weeks are replayed in a minute and a half, of which the first makes
// series known and the other four are looked at. In the second of these the exporter is killed in the middle of a day, on the
// first day of the third it is restarted in order, and then, and once more in the fourth, all that was sent is sent again. At
// the end of each week every series has what the events say; at the end of all every query of a rule or panel answers it.
func TestMonth(t *testing.T) {
	t.Parallel()
	m := newMonth()
	r := newReplay(t, m)
	var marks []mark
	for i, day := range m.days {
		// The limit that docs/metrics.md states: what was started at 0 has to be scraped before it rises.
		r.tell(t, day.deployments)
		r.scrapes(t, 2)
		switch half := len(day.rest) / 2; i {
		case 2*6 + 2:
			r.tell(t, day.rest[:half])
			r.killed(t)
			r.tellAgain(t)
			r.tell(t, day.rest[half:])
		case 3 * 6:
			r.restarted(t)
			r.tellAgain(t)
			r.deliverForged(t, r.told[0])
			r.tell(t, day.rest)
		case 4*6 + 2:
			r.tell(t, day.rest[:half])
			r.tellAgain(t)
			for range wrongSignatures {
				r.deliverForged(t, r.told[0])
			}
			r.tell(t, day.rest[half:])
		default:
			r.tell(t, day.rest)
		}
		if i%6 == 5 {
			marks = append(marks, r.settled(t, m.weeks[i/6]))
		}
	}
	m.check(t, r, marks)
	m.checkSeries(t, r.prometheus, marks[allWeeks].at, marks[4].at)
}

// killed kills the exporter as kill -9 does, sees that the alert about that has a reason, and starts it again.
func (r *replay) killed(t *testing.T) {
	t.Helper()
	r.exporter.kill()
	r.prometheus.wait(t, "up", 0)
	r.prometheus.checkWithin(t, "DoraExporterDown", r.prometheus.rules(t)["DoraExporterDown"], time.Now(), answer{r.target(): 0}, exact)
	r.exporter.start(t)
}

// restarted ends the exporter in order and starts it again.
func (r *replay) restarted(t *testing.T) {
	t.Helper()
	if err := r.exporter.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := r.exporter.process.Wait(); err != nil {
		t.Fatalf("ended by SIGTERM: %v", err)
	}
	r.exporter.start(t)
}

// check asks every query as of the last mark. A window begins at a mark, too: at both ends there is a sample at that very time,
// so that nothing is extrapolated and the answers are exact. What appears within a window is extrapolated as far as to 0, which
// is where it began, or has not risen.
func (m *month) check(t *testing.T, r *replay, marks []mark) {
	t.Helper()
	end := marks[4]
	week, all := end.at.Sub(marks[lastWeek].at), end.at.Sub(marks[allWeeks].at)
	queries := r.prometheus.rules(t)
	for name, q := range panelQueries(t, r.exporter.address) {
		queries[name] = q.soFar()
	}
	wanted := m.rules(r.target())
	maps.Copy(wanted, m.measures(all.Seconds()))
	maps.Copy(wanted, m.health(r.exporter.address, end.sent.since(marks[lastWeek].sent), end.calls.since(marks[lastWeek].calls), week.Seconds()))
	for name, query := range queries {
		want, ok := wanted[name]
		if !ok {
			t.Errorf("%s: nothing is expected of it", name)
		}
		delete(wanted, name)
		r.prometheus.checkWithin(t, name, compressed(query, week, all), end.at, want, exact)
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		t.Errorf("%s is expected and not there", name)
	}
}

// compressed is a query with the times of the replay: all of it for four weeks and more, else its last week, since what is
// shorter is about the exporter itself.
func compressed(query string, week, all time.Duration) string {
	return regexp.MustCompile(`(?:\[|offset )\w+`).ReplaceAllStringFunc(query, func(window string) string {
		at, span := strings.LastIndexAny(window, "[ ")+1, week
		if slices.Contains([]string{"4w", "28d", "90d"}, window[at:]) {
			span = all
		}
		return fmt.Sprintf("%s%dms", window[:at], span.Milliseconds())
	})
}
