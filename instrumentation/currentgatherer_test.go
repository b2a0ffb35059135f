package instrumentation

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
)

// Each scrape has the facts that were stored when it began, or waits for them for a second.
func TestScrapeWaitsForFacts(t *testing.T) {
	const deployments = `github_deployments_total{environment="production",repo="web",status="success",team="Platform"} `
	for _, path := range []string{"/metrics", "/metrics?name[]=github_deployments_total&name[]=dora_exporter_stale_scrapes_total"} {
		for name, test := range map[string]struct {
			takes         time.Duration
			err           error
			answered      time.Duration
			counted, fail string
		}{
			"recorded at once":       {0, nil, 0, "1", "0"},
			"recorded soon":          {900 * time.Millisecond, nil, 900 * time.Millisecond, "1", "0"},
			"not recorded in time":   {time.Minute, nil, time.Second, "0", "1"},
			"the store is not there": {0, errors.New("connection refused"), 0, "0", "1"},
		} {
			t.Run(name+" "+path, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := testOptions()
					var i *Instruments
					o.WaitCurrent = func(ctx context.Context) error {
						if test.err != nil {
							return test.err
						}
						select {
						case <-time.After(test.takes):
							return i.Record([]dora.Fact{{Family: dora.DeploymentsTotal, Labels: success, Value: 1}})
						case <-ctx.Done():
							return ctx.Err()
						}
					}
					var err error
					if i, err = New(o); err != nil {
						t.Fatal(err)
					}
					i.Restore(dora.State{dora.DeploymentsTotal: {success.Key(): {Labels: success}}})
					handler, err := i.Handler()
					if err != nil {
						t.Fatal(err)
					}
					began, answer := time.Now(), httptest.NewRecorder()
					handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, http.NoBody))
					if took := time.Since(began); took != test.answered {
						t.Errorf("answered after %s, want %s", took, test.answered)
					}
					for _, line := range []string{deployments + test.counted, "dora_exporter_stale_scrapes_total " + test.fail} {
						if !strings.Contains(answer.Body.String(), "\n"+line+"\n") {
							t.Errorf("no %s in\n%s", line, families(answer.Body.String(), "github_", "dora_exporter_stale"))
						}
					}
				})
			})
		}
	}
}
