package instrumentation

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	"dora-exporter/dora"
)

// What is kept between scrapes is what a handler that has kept nothing serves, byte for byte, however facts and scrapes come.
func TestCachedGatherer(t *testing.T) {
	i := newInstruments(t)
	random := rand.New(rand.NewPCG(7, 11))
	fact := func() dora.Fact {
		f := dora.Families()[random.IntN(len(dora.Families()))]
		labels := dora.Labels{}
		for _, name := range f.Labels {
			labels[name] = fmt.Sprintf("%c%d", "zab"[random.IntN(3)], random.IntN(3))
		}
		for _, name := range f.Optional {
			if random.IntN(2) == 0 {
				labels[name] = "true"
			}
		}
		if random.IntN(4) == 0 {
			return dora.Fact{Family: f.Name, Labels: labels, At: time.UnixMilli(1), Subject: dora.ZeroSubject(labels)}
		}
		return dora.Fact{Family: f.Name, Labels: labels, Value: random.Int64N(1e9), At: time.UnixMilli(random.Int64N(1e12)), ID: random.Int64N(9)}
	}
	base := dora.State{}
	for range 30 {
		if err := base.Add(dora.FamiliesByName(), fact()); err != nil {
			t.Fatal(err)
		}
	}
	i.Restore(base)
	kept, err := i.Handler()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 80 {
		for range random.IntN(4) {
			record(t, i, fact())
		}
		fresh, err := i.Handler()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(served200(t, fresh), served200(t, kept)); diff != "" {
			t.Fatalf("scrape %d: -fresh +kept:\n%s", n, diff)
		}
	}
}

func served200(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return families(w.Body.String(), "github_", "jira_", "dora_")
}

// Scrapes at the same time as facts see whole batches: here each adds one to two families.
func TestScrapeIsAtomic(t *testing.T) {
	i := newInstruments(t)
	i.Restore(dora.State{})
	handler, err := i.Handler()
	if err != nil {
		t.Fatal(err)
	}
	batch := func() {
		record(t, i, dora.Fact{Family: dora.DeploymentsTotal, Labels: success, Value: 1},
			dora.Fact{Family: dora.Incidents, Labels: project, Value: 1})
	}
	batch()
	var recording sync.WaitGroup
	recording.Go(func() {
		for range 500 {
			batch()
		}
	})
	var scraping sync.WaitGroup
	for range 3 {
		scraping.Go(func() {
			for range 100 {
				var deployments, incidents int
				text := served200(t, handler)
				if _, err := fmt.Sscanf(line(text, "github_deployments_total{"), "%d", &deployments); err != nil {
					t.Error(err)
				}
				if _, err := fmt.Sscanf(line(text, "jira_incidents{"), "%d", &incidents); err != nil {
					t.Error(err)
				}
				if deployments != incidents {
					t.Errorf("%d deployments and %d incidents", deployments, incidents)
				}
			}
		})
	}
	recording.Wait()
	scraping.Wait()
	if text := served200(t, handler); line(text, "github_deployments_total{") != "501" {
		t.Errorf("at the end: %s", text)
	}
}

// line is the value of the first series that begins so.
func line(text, begin string) string {
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, begin) {
			return strings.TrimSpace(l[strings.LastIndexByte(l, ' ')+1:])
		}
	}
	return ""
}

// The cache is filled some series at a time, in the order of label values, with fewer labels first.
func TestCacheOfManySeries(t *testing.T) {
	const series = 2*gatherAtOnce + 7
	i := newInstruments(t)
	state := dora.State{dora.DeploymentsTotal: {}}
	add := func(labels dora.Labels) {
		state[dora.DeploymentsTotal][labels.Key()] = dora.Series{Labels: labels, Own: 1}
	}
	var want strings.Builder
	want.WriteString("# HELP github_deployments_total The amount of successful deployments.\n# TYPE github_deployments_total counter\n")
	for n := range series {
		repo := fmt.Sprintf("service-%04d", n)
		add(dora.Labels{"environment": "production", "repo": repo, "status": "success", "team": "A \"B\""})
		fmt.Fprintf(&want, "github_deployments_total{environment=\"production\",repo=\"%s\",status=\"success\",team=\"A \\\"B\\\"\"} 1\n", repo)
	}
	add(dora.Labels{"environment": "a", "redeployment": "true", "repo": "a", "status": "a", "team": "a"})
	want.WriteString("github_deployments_total{environment=\"a\",redeployment=\"true\",repo=\"a\",status=\"a\",team=\"a\"} 1\n")
	i.Restore(state)
	handler, err := i.Handler()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if diff := cmp.Diff(want.String(), families(served200(t, handler), "github_")); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	}
}

// Scrapes that fill the cache while facts are recorded see whole batches, too.
func TestFirstScrapeIsAtomic(t *testing.T) {
	i := newInstruments(t)
	state := dora.State{}
	for n := range 2 * gatherAtOnce {
		labels := dora.Labels{"environment": "production", "owner": "acme", "repo": fmt.Sprint(n), "team": "Platform"}
		if err := state.Add(dora.FamiliesByName(), dora.Fact{Family: dora.Changes, Labels: labels, Value: 1}); err != nil {
			t.Fatal(err)
		}
	}
	i.Restore(state)
	batch := func() {
		record(t, i, dora.Fact{Family: dora.DeploymentsTotal, Labels: success, Value: 1},
			dora.Fact{Family: dora.Incidents, Labels: project, Value: 1})
	}
	batch()
	done := make(chan struct{})
	var recording sync.WaitGroup
	recording.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				batch()
			}
		}
	})
	for range 3 {
		handler, err := i.Handler()
		if err != nil {
			t.Fatal(err)
		}
		text := served200(t, handler)
		if a, b := line(text, "github_deployments_total{"), line(text, "jira_incidents{"); a != b || a == "" {
			t.Errorf("%s deployments and %s incidents", a, b)
		}
	}
	close(done)
	recording.Wait()
}

// A series may change while the cache is filled in steps, and then is gathered in two of them: the later value holds.
func TestMergeOfASeriesTwice(t *testing.T) {
	metric := func(repository string, value float64) *dto.Metric {
		name := "repo"
		return &dto.Metric{Label: []*dto.LabelPair{{Name: &name, Value: &repository}}, Counter: &dto.Counter{Value: &value}}
	}
	known := &dto.MetricFamily{Metric: []*dto.Metric{metric("a", 1), metric("c", 1), metric("d", 1)}}
	changed := &dto.MetricFamily{Metric: []*dto.Metric{metric("c", 2), metric("b", 2), metric("c", 3)}}
	var got []string
	for _, m := range merge(known, changed).Metric {
		got = append(got, fmt.Sprint(m.Label[0].GetValue(), m.Counter.GetValue()))
	}
	if diff := cmp.Diff([]string{"a1", "b2", "c3", "d1"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
