package story

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// numbers are series with their values.
type numbers map[string]float64

// deploymentSeries is a series of one of the github_deployments* families.
func deploymentSeries(family, env, repo, status, team string) string {
	return fmt.Sprintf("%s{environment=%q,repo=%q,status=%q,team=%q}", family, env, repo, status, team)
}

// scrape returns the documented series. It parses only these: many tests call it again and again.
func (e *exporter) scrape() (numbers, error) {
	status, text := e.get("/metrics")
	if status != 200 {
		return nil, fmt.Errorf("/metrics: status %d: %s", status, text)
	}
	return parse(documented(text))
}

// parse returns the documented series of a text, all of which must be valid.
func parse(text string) (numbers, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("/metrics is not valid: %w", err)
	}
	n := numbers{}
	for name, family := range families {
		if !strings.HasPrefix(name, "github_") && !strings.HasPrefix(name, "jira_") {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			slices.Sort(labels)
			n[name+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return n, nil
}

// nonZero leaves out the series at 0.
func (n numbers) nonZero() numbers {
	out := maps.Clone(n)
	maps.DeleteFunc(out, func(_ string, v float64) bool { return v == 0 })
	return out
}

// hasMetric says whether /metrics has a line.
func (e *exporter) hasMetric(line string) error {
	_, text := e.get("/metrics")
	if !strings.Contains(text, "\n"+line+"\n") {
		return fmt.Errorf("/metrics has no line %s", line)
	}
	return nil
}

// becomes waits until /metrics has exactly these values, but for series at 0, and is valid.
func (e *exporter) becomes(want numbers) {
	e.Helper()
	want = want.nonZero()
	e.eventually("/metrics has what is expected", func() error {
		status, text := e.get("/metrics")
		if status != 200 {
			return fmt.Errorf("/metrics: status %d: %s", status, text)
		}
		got, err := parse(documented(text))
		if err != nil {
			return err
		}
		if got = got.nonZero(); !maps.Equal(want, got) {
			return difference{want, got}
		}
		_, err = parse(text)
		return err
	})
}

// difference is the error that series have other values than those that are wanted.
type difference struct{ want, got numbers }

func (d difference) Error() string { return "-want +got:\n" + cmp.Diff(d.want, d.got) }

// watch scrapes all the time and checks that no cumulative value ever goes down.
func (e *exporter) watch() (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		highest := numbers{}
		for {
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
			}
			now, err := e.scrape()
			if err != nil {
				continue // not running, or not ready
			}
			for series, value := range highest {
				if now[series] < value {
					e.Errorf("%s went from %v to %v", series, value, now[series])
				}
			}
			for series, value := range now {
				if !strings.HasPrefix(series, "github_deployments_duration{") {
					highest[series] = value
				}
			}
		}
	}()
	return func() { close(done); <-stopped }
}

func TestParseSeries(t *testing.T) {
	got, err := parse("go_goroutines 1\n# TYPE jira_incidents counter\njira_incidents{team=\"b\",project=\"a\"} 2\n")
	if err != nil || len(got) != 1 || got[`jira_incidents{project="a",team="b"}`] != 2 {
		t.Errorf("got %v, %v", got, err)
	}
}
