package pipeline_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/dora/rules"
)

// The label redeployment is true for a deployment of the commit that ran before it, at the time of its first success.
func TestRedeploymentLabel(t *testing.T) {
	const a, b = "aaaa", "bbbb"
	status := func(deployment, id int64, sha, state string, at int) dora.Event {
		d := dora.Deployment{Host: "h", ID: deployment, Owner: "acme", Repository: "shop", Environment: "production", SHA: sha}
		return dora.Event{Status: &dora.Status{ID: id, State: state, CreatedAt: morning.Add(time.Duration(at) * time.Minute), Deployment: d}}
	}
	with := func(e dora.Event, change func(*dora.Deployment)) dora.Event {
		change(&e.Status.Deployment)
		return e
	}
	for name, test := range map[string]struct {
		events []dora.Event
		want   string // for each event in its order: 1 if its label is true, else 0
	}{
		"first":                           {[]dora.Event{status(1, 10, a, "success", 0)}, "0"},
		"the same commit":                 {[]dora.Event{status(1, 10, a, "success", 0), status(2, 20, strings.ToUpper(a), "success", 1)}, "01"},
		"another commit":                  {[]dora.Event{status(1, 10, a, "success", 0), status(2, 20, b, "success", 1)}, "00"},
		"back to an older commit":         {[]dora.Event{status(1, 10, a, "success", 0), status(2, 20, b, "success", 1), status(3, 30, a, "success", 2)}, "000"},
		"the commit before failed":        {[]dora.Event{status(1, 10, a, "failure", 0), status(2, 20, a, "success", 1)}, "00"},
		"a failure of the running commit": {[]dora.Event{status(1, 10, a, "success", 0), status(2, 20, a, "failure", 1)}, "01"},
		"statuses before and after its success": {[]dora.Event{
			status(1, 10, a, "success", 0), status(2, 20, a, "queued", 1), status(2, 21, a, "in_progress", 2), status(2, 22, a, "success", 3), status(2, 23, a, "success", 4),
		}, "01111"},
		"an earlier status arrives after its success": {[]dora.Event{
			status(1, 10, b, "success", 0), status(2, 20, a, "success", 2), status(3, 30, a, "success", 3), status(3, 31, a, "queued", 1),
		}, "0010"},
		"replaced by the same commit": {[]dora.Event{
			status(1, 10, a, "success", 0), status(2, 20, b, "success", 1), status(3, 30, b, "success", 2), status(2, 21, b, "inactive", 3),
		}, "0010"},
		"its own second success":  {[]dora.Event{status(1, 10, a, "success", 0), status(1, 11, a, "success", 1)}, "00"},
		"at the same time":        {[]dora.Event{status(1, 10, a, "success", 0), status(2, 20, a, "success", 0)}, "01"},
		"another environment":     {[]dora.Event{status(1, 10, a, "success", 0), with(status(2, 20, a, "success", 1), func(d *dora.Deployment) { d.Environment = "staging" })}, "00"},
		"another repository":      {[]dora.Event{status(1, 10, a, "success", 0), with(status(2, 20, a, "success", 1), func(d *dora.Deployment) { d.Repository = "api" })}, "00"},
		"no commit":               {[]dora.Event{status(1, 10, "", "success", 0), status(2, 20, "", "success", 1)}, "00"},
		"the payload says so":     {[]dora.Event{with(status(1, 10, a, "success", 0), func(d *dora.Deployment) { d.Redeployment = true })}, "1"},
		"older one arrives later": {[]dora.Event{status(2, 20, a, "success", 1), status(1, 10, a, "success", 0), status(3, 30, a, "success", 2)}, "001"},
	} {
		t.Run(name, func(t *testing.T) {
			store, labelled := openStore(t), noLimit()
			labelled.RedeploymentLabel = true
			for _, e := range test.events {
				accept(t, store, e)
				p := &pipeline.Processor{Store: store, Catalog: platform{}, Rules: labelled, Logger: slog.New(slog.DiscardHandler), MaxWait: time.Minute, Now: time.Now}
				if err := p.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			all, err := store.Facts(t.Context(), 0, 1000)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			zeros := map[string]bool{}
			for _, f := range all {
				if f.Family == dora.DeploymentsTotal && f.Starts() {
					zeros[f.Labels["status"]+" "+f.Labels[dora.Redeployment]] = true
				} else if f.Family == dora.DeploymentsTotal {
					got += map[string]string{"false": "0", "true": "1"}[f.Labels[dora.Redeployment]]
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, state := range []string{"success", "failure", "error"} {
				for _, again := range []bool{false, true} {
					if series := fmt.Sprint(state, " ", again); !zeros[series] {
						t.Errorf("%s does not start at 0", series)
					}
				}
			}
		})
	}
}

// A duration that is looked up later gets the labels of the count, whatever has arrived since.
func TestRedeploymentLabelOfDurations(t *testing.T) {
	store, labelled := openStore(t), noLimit()
	labelled.RedeploymentLabel = true
	commit := dora.Commit{Host: "h", Owner: "acme", Repository: "shop", SHA: "aaaa"}
	for i := range int64(2) {
		accept(t, store, dora.Event{Status: &dora.Status{
			ID: 10 + i, State: "success", CreatedAt: morning.Add(time.Duration(i) * time.Hour),
			Deployment: dora.Deployment{Host: "h", ID: 1 + i, Owner: "acme", Repository: "shop", Environment: "production", SHA: "aaaa"},
		}})
	}
	p := &pipeline.Processor{Store: store, Catalog: platform{}, Rules: labelled, Logger: slog.New(slog.DiscardHandler), MaxWait: time.Minute, Now: time.Now}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := labelled.Update(t.Context(), store, time.Now(), func(s *rules.Session) error {
		return s.AddDurations(commit, dora.Origin{FirstCommit: morning.Add(-time.Hour)})
	})
	if err != nil {
		t.Fatal(err)
	}
	labels := func(redeployment string) string {
		return `{environment="production",redeployment="` + redeployment + `",repo="shop",status="success",team="Platform"} `
	}
	wantFacts(t, store, "with durations",
		"github_deployments_total"+labels("false")+"1", "github_deployments_total"+labels("true")+"1",
		"github_deployments_duration"+labels("false")+"3600000", "github_deployments_duration"+labels("true")+"7200000",
		"github_deployments_duration_sum"+labels("false")+"3600000", "github_deployments_duration_sum"+labels("true")+"7200000",
	)
}
