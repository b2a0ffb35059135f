package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/instrumentation"
)

// served returns the lines of /metrics about facts.
func served(t *testing.T, i *instrumentation.Instruments) string {
	t.Helper()
	handler, err := i.Handler()
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	var b strings.Builder
	for line := range strings.Lines(answer.Body.String()) {
		for _, f := range dora.Families() {
			if strings.HasPrefix(line, f.Name) {
				b.WriteString(line)
				break
			}
		}
	}
	return b.String()
}

// Random facts of all families are served byte for byte alike before a restart, after one with and after one without a checkpoint.
func TestRestartKeepsMetrics(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	store, folder := openStore(t), t.TempDir()
	path := filepath.Join(folder, "dora-exporter.prom")
	projection, instruments := newProjection(t, store, path)
	if err := projection.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		err := store.Update(t.Context(), func(tx dora.Tx) error {
			for i := range 400 {
				f := dora.Families()[random.IntN(len(dora.Families()))]
				labels := dora.Labels{}
				for _, name := range f.Labels {
					labels[name] = fmt.Sprint(random.IntN(2))
				}
				_, err := tx.Facts().Add(dora.Fact{
					Family: f.Name, Labels: labels, Value: random.Int64N(1e11) >> random.IntN(30),
					At: morning.Add(time.Duration(random.IntN(1000)) * time.Second), ID: int64(i), Subject: fmt.Sprintf("%d/%d", round, i),
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := projection.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := served(t, instruments)
		if n := strings.Count(before, `le="+Inf"`); n == 0 {
			t.Fatalf("no histograms in\n%s", before)
		}
		again, fromAll := newProjection(t, store, filepath.Join(folder, fmt.Sprintf("none-%d.prom", round)))
		if err := again.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, served(t, fromAll)); diff != "" {
			t.Fatalf("round %d, from all facts: -before +after:\n%s", round, diff)
		}
		projection, instruments = newProjection(t, store, path)
		if err := projection.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, served(t, instruments)); diff != "" {
			t.Fatalf("round %d, from the checkpoint: -before +after:\n%s", round, diff)
		}
	}
}
