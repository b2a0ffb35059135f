package checkpoint

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestRestoreTakesOverForeign(t *testing.T) {
	s := newSite(t)
	s.put("dora-exporter.prom", s.read("testdata/foreign.prom"))
	want := dora.State{
		dora.DeploymentsTotal: {
			inProgress.Key(): {Labels: inProgress, Baseline: 2}, success.Key(): {Labels: success, Baseline: 2},
		},
		dora.DeploymentsDuration: {
			inProgress.Key(): {Labels: inProgress, Baseline: 81011.119357812}, success.Key(): {Labels: success, Baseline: 2677.657175116},
		},
		dora.DeploymentsDurationSum: {
			inProgress.Key(): {Labels: inProgress, Baseline: 94778.17152176499}, success.Key(): {Labels: success, Baseline: 5294.0982427260005},
		},
	}
	incidents := dora.Labels{"project": "INC", "team": "Platform"}
	want[dora.Incidents] = map[string]dora.Series{incidents.Key(): {Labels: incidents, Baseline: 3}}
	want[dora.IncidentsDurationSum] = map[string]dora.Series{incidents.Key(): {Labels: incidents, Baseline: 9.223372036854775e+09}}
	state, _ := s.mustRestore()
	wantState(t, want, state)
	for _, part := range []string{"go_goroutines", "process_open_fds", "look implausible", "9.22337203685477"} {
		if !strings.Contains(s.log.String(), part) {
			t.Errorf("the log does not say %q:\n%s", part, s.log.String())
		}
	}

	// Killed before the first checkpoint, also with facts by then: it is known, and not added twice.
	s.reopen()
	state, _ = s.mustRestore()
	wantState(t, want, state)
	s.add(10)
	s.add(20)
	s.reopen()
	add := func(family string, own int64, at time.Time, id int64) {
		series := want[family][success.Key()]
		series.Own, series.At, series.ID = own, at, id
		want[family][success.Key()] = series
	}
	add(dora.DeploymentsTotal, 2, time.Time{}, 0)
	add(dora.DeploymentsDurationSum, 30_000, time.Time{}, 0)
	add(dora.DeploymentsDuration, 20_000, noon.Add(20*time.Second), 20)
	state, _ = s.mustRestore()
	wantState(t, want, state)

	// After a checkpoint it is the same, read back from there.
	s.write()
	s.reopen()
	state, from := s.mustRestore()
	wantState(t, want, state)
	if from != 6 {
		t.Errorf("from position %d, want 6", from)
	}
	// The checkpoint is lost, and later the foreign file is put back: base and all facts.
	if err := os.Remove(s.path()); err != nil {
		t.Fatal(err)
	}
	state, _ = s.mustRestore()
	wantState(t, want, state)
	s.put("dora-exporter.prom", s.read("testdata/foreign.prom"))
	state, _ = s.mustRestore()
	wantState(t, want, state)
}

func TestRestoreRefusesForeignBesideFacts(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.put("dora-exporter.prom", s.read("testdata/foreign.prom"))
	_, _, err := s.restore(s.checkpoint(false))
	if err == nil || !strings.Contains(err.Error(), s.path()) || !strings.Contains(err.Error(), s.store.Path()) {
		t.Errorf("error %v does not name both files", err)
	}
}

func TestRestoreRefusesWhatIsNotText(t *testing.T) {
	s := newSite(t)
	s.put("dora-exporter.prom", []byte("\x00\x01{{{ 7"))
	if state, _, err := s.restore(s.checkpoint(false)); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("state %v, error %v", state, err)
	}
}

func TestRestoreRefusesOtherStore(t *testing.T) {
	other, s := newSite(t), newSite(t)
	other.add(10)
	other.write()
	s.add(20)
	s.put("dora-exporter.prom", other.read(other.path()))
	before := s.files()
	for range 2 {
		state, _, err := s.restore(s.checkpoint(true))
		if err == nil || !strings.Contains(err.Error(), s.path()) || !strings.Contains(err.Error(), s.store.Path()) {
			t.Errorf("state %v, error %v does not name both files", state, err)
		}
	}
	if diff := cmp.Diff(before, s.files()); diff != "" {
		t.Errorf("refused, but changed the files: -before +after:\n%s", diff)
	}
}

func TestRestoreSaysWhatIsNotTakenOver(t *testing.T) {
	s := newSite(t)
	s.put("dora-exporter.prom", []byte(strings.Join([]string{
		"# TYPE github_deployments_duration gauge", "github_deployments_duration{" + successText + "} NaN",
		"# TYPE jira_incidents counter", `jira_incidents{project="INC",team="Platform"} 3 1772452800000`, "",
	}, "\n")))
	state, _ := s.mustRestore()
	incidents := dora.Labels{"project": "INC", "team": "Platform"}
	wantState(t, dora.State{dora.Incidents: {incidents.Key(): {Labels: incidents, Baseline: 3}}}, state)
	for _, part := range []string{"level=WARN", "not taken over", "github_deployments_duration", "NaN"} {
		if !strings.Contains(s.log.String(), part) {
			t.Errorf("the log does not say %q:\n%s", part, s.log.String())
		}
	}
}

// A file of another program that ends as OpenMetrics does is taken over, and no damaged checkpoint.
func TestForeignFileWithAnEnd(t *testing.T) {
	for name, text := range map[string]string{
		"end":           string(metricText(dora.DeploymentsTotal, "counter", 7)) + "# EOF\n",
		"end alone":     "# EOF\n",
		"end, no break": string(metricText(dora.DeploymentsTotal, "counter", 7)) + "# EOF",
		"a label":       "# TYPE x gauge\nx{a=\"# checksum sha256=\"} 1\n" + string(metricText(dora.DeploymentsTotal, "counter", 7)) + "# EOF\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.put("dora-exporter.prom", []byte(text))
			state, _ := s.mustRestore()
			if want := float64(7 * strings.Count(text, "} 7")); state[dora.DeploymentsTotal][success.Key()].Baseline != want {
				t.Errorf("%v", state)
			}
			if strings.Contains(s.log.String(), "damaged") || !strings.Contains(s.log.String(), "values taken over") {
				t.Errorf("log:\n%s", s.log.String())
			}
			s.reopen()
			second, _ := s.mustRestore() // from the store, since the file is known
			wantState(t, state, second)
		})
	}
}

// metricText is a family in the text format with one series, labelled success.
func metricText(family, kind string, value any) []byte {
	return fmt.Appendf(nil, "# TYPE %s %s\n%s{%s} %v\n", family, kind, family, success.Key(), value)
}
