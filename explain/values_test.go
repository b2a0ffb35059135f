package explain_test

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/explain"
	"dora-exporter/instrumentation"
	"dora-exporter/persistence/checkpoint"
	"dora-exporter/story/shop"
)

// Each value of our families on /metrics is the value in the explanation of its line, and what its facts and imported values
// add up to.
func TestExplainedValues(t *testing.T) {
	s := shop.Day(t)
	unknown := shop.Incident("updated", 200, 0) // no event says when it was resolved
	unknown.Incident.ID, unknown.Incident.Key, unknown.Incident.StatusCategory = "10043", "INC-8", "done"
	s.Deliver(unknown)
	s.Process()
	compared := compareMetrics(t, s)
	for _, f := range dora.Families() {
		if !compared[f.Name] {
			t.Errorf("no series of %s is compared", f.Name)
		}
	}
}

// The same holds for random histories, also where there are too many series.
func TestExplainRandomHistories(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) { // the pipeline waits for its own intervals
			random := rand.New(rand.NewPCG(seed, 5))
			s := shop.New(t)
			s.Rules.MaxSeries = []int{20_000, 120, 40}[seed]
			s.GitHub.Line = []string{"V1", "V2", "V3", "V4", "V5"}
			for range 25 {
				at, environment := random.IntN(500), []string{"production", "staging", "a", "b"}[random.IntN(4)]
				state := []string{"success", "success", "success", "failure", "error", "in_progress"}[random.IntN(6)]
				s.Deliver(shop.Status(int64(1+random.IntN(15)), environment, s.GitHub.Line[random.IntN(5)], state, at))
				if random.IntN(4) == 0 {
					s.Deliver(shop.Incident("updated", 46+at, []int{0, 45 + at}[random.IntN(2)]))
				}
			}
			s.Process()
			compareMetrics(t, s)
		})
	}
}

// compareMetrics explains all values of our families on /metrics. It returns these families.
func compareMetrics(t *testing.T, s *shop.Shop) map[string]bool {
	t.Helper()
	instruments, err := instrumentation.New(instrumentation.Options{
		Families: dora.Families(), Started: s.Store.Started, Now: time.Now, MaxSeries: 20_000, Series: s.Store.Series,
		Backlog: func(context.Context) (instrumentation.Backlog, error) { return instrumentation.Backlog{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	projection := &pipeline.Projection{
		Store: s.Store, Recorder: instruments, Rules: s.Rules, Logger: logger, OnCheckpoint: func(error) {},
		Checkpoint: checkpoint.New(filepath.Join(t.TempDir(), "dora-exporter.prom"), s.Store, dora.Families(), false, logger),
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
		f, _, err := explain.FindFamily(strings.SplitN(line, "{", 2)[0])
		if strings.HasPrefix(line, "#") || err != nil {
			continue
		}
		want, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatal(err)
		}
		compared[f.Name] = true
		compareSeries(t, s, f, line[:at], want)
	}
	return compared
}

func compareSeries(t *testing.T, s *shop.Shop, f dora.Family, line string, want float64) {
	t.Helper()
	text, err := run(t, s, "metric", line, "-o", "json", "-n", "0")
	if err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	var e explain.MetricExplanation
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Series) != 1 || e.Series[0].Value != want {
		t.Errorf("%s is %v on /metrics and explained as %+v", line, want, e.Series)
		return
	}
	series := e.Series[0]
	if len(series.Facts) != series.FactCount {
		t.Errorf("%s: %d facts of %d", line, len(series.Facts), series.FactCount)
	}
	var sum, newest float64
	for i, f := range series.Facts {
		sum += f.Value
		if i == 0 {
			newest = f.Value
		}
		if f.About == f.Subject {
			t.Errorf("%s: no description of %s", line, f.Subject)
		}
	}
	for _, imported := range series.Imported {
		sum += imported.Value
	}
	facts := float64(len(series.Facts))
	if removed := series.Removed; removed != nil {
		sum += removed.Value
		if len(series.Facts) == 0 {
			newest = removed.Value
		}
		if removed.Count != nil {
			facts += float64(*removed.Count)
		}
	}
	switch {
	case strings.Contains(line, "le=") && series.Removed != nil: // the buckets of removed facts are in the value alone
	case strings.Contains(line, "le="), strings.HasSuffix(strings.SplitN(line, "{", 2)[0], "_count"):
		if facts != want {
			t.Errorf("%s is %v and has %v facts", line, want, facts)
		}
	case f.Kind == dora.Last:
		if newest != want {
			t.Errorf("%s is %v, its newest fact %v", line, want, newest)
		}
	default:
		if diff := sum - want; diff > 1e-6 || diff < -1e-6 {
			t.Errorf("%s is %v, its facts add up to %v", line, want, sum)
		}
	}
}
