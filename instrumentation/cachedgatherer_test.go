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
