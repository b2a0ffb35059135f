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

// Each scrape has the facts that were stored when it began, or waits for them for a second. If other servers may have shown more, it has none
// rather than old ones.
func TestScrapeWaitsForFacts(t *testing.T) {
	const deployments = `github_deployments_total{environment="production",repo="web",status="success",team="Platform"} `
	for _, path := range []string{"/metrics", "/metrics?name[]=github_deployments_total&name[]=dora_exporter_stale_scrapes_total"} {
		for name, test := range map[string]struct {
			takes         time.Duration
			err           error
			isShared      bool
			answered      time.Duration
			counted, fail string // counted is empty if the families of facts are left out
		}{
			"recorded at once":                  {0, nil, false, 0, "1", "0"},
			"recorded soon":                     {900 * time.Millisecond, nil, true, 900 * time.Millisecond, "1", "0"},
			"not recorded in time":              {time.Minute, nil, false, time.Second, "0", "1"},
			"not recorded in time, shared":      {time.Minute, nil, true, time.Second, "", "1"},
			"the store is not there":            {0, errors.New("connection refused"), false, 0, "0", "1"},
			"the store is not there and shared": {0, errors.New("connection refused"), true, 0, "", "1"},
		} {
			t.Run(name+" "+path, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := testOptions()
					var i *Instruments
					o.IsShared = func() bool { return test.isShared }
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
					if strings.Contains(answer.Body.String(), "github_deployments_total") != (test.counted != "") {
						t.Errorf("the families of facts: want them is %v", test.counted != "")
					}
					lines := []string{"dora_exporter_stale_scrapes_total " + test.fail}
					if test.counted != "" {
						lines = append(lines, deployments+test.counted)
					}
					for _, line := range lines {
						if !strings.Contains(answer.Body.String(), "\n"+line+"\n") {
							t.Errorf("no %s in\n%s", line, families(answer.Body.String(), "github_", "dora_exporter_stale"))
						}
					}
				})
			})
		}
	}
}
