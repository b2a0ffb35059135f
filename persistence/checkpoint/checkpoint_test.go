package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"dora-exporter/dora"
)

// odd are label values that a text format may stumble over.
var oddLabelValues = []string{"", " ", "a\"b", `a\`, "a\nb", "a\rb", "a\x00b", "🚀", "\u202eabc", "{},=# EOF", "\ufffd", strings.Repeat("x", 200)}

// baselineText is a .prom file of another program with the values in the order given.
func baselineText(labels []dora.Labels, value func() float64) []byte {
	state := dora.State{}
	for _, f := range dora.Families() {
		for _, l := range labels {
			own := dora.Labels{}
			for _, name := range f.Labels {
				own[name] = l[name]
			}
			series := dora.Series{Labels: own, Baseline: value()}
			if f.Kind == dora.Histogram {
				series.Baseline, series.BaselineBuckets = math.Abs(series.Baseline), make([]int64, len(f.Bounds)+1)
				for bucket := range series.BaselineBuckets {
					series.BaselineBuckets[bucket] = int64(own.Key()[bucket]) + int64(bucket)
				}
			}
			setSeries(state, f.Name, own.Key(), series)
		}
	}
	var b bytes.Buffer
	for _, f := range dora.Families() {
		if err := encodeFamily(&b, f, state[f.Name]); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// A checkpoint that is written and read gives the same state, and values with the same bits, as the facts on top of the
// baseline do.
func TestCheckpointRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	bases := []float64{0, 3, 0.1, 94778.17152176499, 5294.0982427260005, 9.223372036854775e+09, -9.223372036854775e+09}
	for round := range 5 {
		s := newSite(t)
		var labels []dora.Labels
		for i, value := range oddLabelValues {
			labels = append(labels, dora.Labels{
				"environment": value, "repo": oddLabelValues[(i+round)%len(oddLabelValues)], "status": "success", "team": "Platform",
				"project": value, "reason": dora.ReasonNoCommit, "owner": value, "outcome": "success", "cause": value, "stage": value,
				"priority": value,
			})
		}
		if round > 0 {
			s.put("dora-exporter.prom", baselineText(labels[:8], func() float64 { return bases[random.IntN(len(bases))] }))
			s.mustRestore()
		}
		err := s.store.Update(t.Context(), func(tx dora.Tx) error {
			for i := range 600 {
				f := dora.Families()[random.IntN(len(dora.Families()))]
				l := dora.Labels{}
				for _, name := range f.Labels {
					l[name] = labels[i%len(labels)][name]
				}
				fact := dora.Fact{
					Family: f.Name, Labels: l, Value: random.Int64N(1e12) >> random.IntN(30), At: noon.Add(time.Duration(random.IntN(50)) * time.Second),
					ID: int64(i), Subject: fmt.Sprint(i),
				}
				if _, err := tx.Facts().Add(fact); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := s.mustRestore()
		s.write()
		got, from := s.mustRestore()
		if from != 600 {
			t.Errorf("round %d: from position %d, want 600", round, from)
		}
		wantState(t, want, got)
		for name, all := range want {
			for key, series := range all {
				f := dora.FamiliesByName()[name]
				if before, after := series.Value(f), got[name][key].Value(f); math.Float64bits(before) != math.Float64bits(after) {
					t.Errorf("%s{%s}: %v became %v", name, key, before, after)
				}
			}
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		if _, err := parser.TextToMetricFamilies(bytes.NewReader(s.read(s.path()))); err != nil {
			t.Errorf("round %d: not in Prometheus' text format: %v", round, err)
		}
	}
}

// Above some 5e11 seconds a float64 can't tell milliseconds apart. A sum of durations that another program overflowed, some
// dozens of times 9.22e9, is that large: the file is sound then, and the facts tell what was added.
func TestRestoreAboveAHugeBaseline(t *testing.T) {
	for _, huge := range []float64{15 * 9.223372036854775e+09, 100 * 9.223372036854775e+09, 1e15, -1e15, 1e300} {
		s := newSite(t)
		text := string(metricText(dora.DeploymentsDurationSum, "gauge", huge))
		s.put("dora-exporter.prom", []byte(text))
		s.mustRestore()
		for n := range int64(4) {
			s.add(n + 1)
			want, _, err := s.restore(New(s.path()+".none", s.store, dora.Families(), false, s.logger()))
			if err != nil {
				t.Fatal(err)
			}
			s.write()
			s.reopen()
			got, _ := s.mustRestore()
			wantState(t, want, got)
		}
		if damaged := strings.Contains(s.log.String(), "damaged"); damaged {
			t.Errorf("%g: a sound checkpoint is reported as damaged:\n%s", huge, s.log.String())
		}
	}
}

// The values come from the store, whatever a checkpoint of it says.
func TestRestoreForgedValues(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.add(20)
	s.write()
	s.put("dora-exporter.prom", s.forge("} 2\n", "} 3\n"))
	s.restores(two(0), 6)
}

// Sums that are damaged, or lack a series, are not used: the facts give the values, and the first checkpoint makes them whole again.
func TestRestoreDamagedSums(t *testing.T) {
	for name, damage := range map[string]string{
		"value":     "UPDATE sums SET own = own + 1 WHERE family = 'github_deployments_total'",
		"checksum":  "UPDATE sums SET checksum = checksum + 1 WHERE family = 'github_deployments_total'",
		"series":    "UPDATE sums SET labels = '{}' WHERE family = 'github_deployments_total'",
		"gone":      "DELETE FROM sums WHERE family = 'github_deployments_total'",
		"all gone":  "DELETE FROM sums",
		"position":  "UPDATE sums_position SET position = 5",
		"too late":  "UPDATE sums_position SET position = 7",
		"no number": "DELETE FROM sums_position",
		"bounds":    "UPDATE sums_position SET bounds = 'x'",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.add(10)
			s.add(20)
			s.write()
			s.tamper(damage)
			s.restores(two(0), 0)
			if !strings.Contains(s.log.String(), "level=ERROR") || !strings.Contains(s.log.String(), "sums") {
				t.Errorf("the damage is not reported:\n%s", s.log.String())
			}
			c := s.checkpoint(false)
			state, _, err := s.restore(c)
			if err = errors.Join(err, c.Write(t.Context(), state, nil, 6)); err != nil {
				t.Fatal(err)
			}
			s.restores(two(0), 6)
		})
	}
}

// Without the facts, nothing but the sums has the values: they must be right.
func TestRestoreDamagedSumsOfRemovedFacts(t *testing.T) {
	for name, damage := range map[string]string{
		"value":      "UPDATE sums SET own = own + 1 WHERE family = 'github_deployments_total'",
		"gone":       "DELETE FROM sums WHERE family = 'github_deployments_total'",
		"all gone":   "DELETE FROM sums; DELETE FROM sums_position",
		"position":   "UPDATE sums_position SET position = 5",
		"removal":    "UPDATE removal SET position = 1",
		"facts gone": "DELETE FROM facts WHERE position = 6",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.add(10)
			s.add(20)
			s.write()
			err := s.store.Update(t.Context(), func(tx dora.Tx) error {
				_, err := tx.Removal().RemoveFacts(4, time.Now(), 10)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			s.restores(two(0), 6)
			s.tamper(damage)
			if state, _, err := s.restore(s.checkpoint(false)); err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "backup") {
				t.Errorf("%v, error %v; want a refusal", state, err)
			}
		})
	}
}

// Facts that are missing at the end are no reason to count less.
func TestRestoreSumsOfMissingFacts(t *testing.T) {
	s := newSite(t)
	s.add(10)
	s.add(20)
	s.write()
	s.tamper("DELETE FROM facts WHERE position = 6")
	if err := os.Remove(s.path()); err != nil {
		t.Fatal(err)
	}
	if state, _, err := s.restore(s.checkpoint(false)); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v, error %v; want a refusal", state, err)
	}
}

// The sums are saved when there are many new facts.
func TestSumsAreSavedFromTimeToTime(t *testing.T) {
	s := newSite(t)
	for _, test := range []struct{ position, want int64 }{{sumsEvery, 0}, {sumsEvery + 3, sumsEvery + 3}, {2*sumsEvery + 5, sumsEvery + 3}, {2*sumsEvery + 6, 2*sumsEvery + 6}} {
		c := s.checkpoint(false)
		if _, _, err := c.Restore(t.Context()); err != nil && test.want == 0 {
			t.Fatal(err)
		}
		sums, err := s.store.Sums(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.summed = sums.Position
		if err := c.Write(t.Context(), two(0), nil, test.position); err != nil {
			t.Fatal(err)
		}
		if sums, err = s.store.Sums(t.Context()); err != nil || sums.Position != test.want {
			t.Errorf("a checkpoint at %d leaves sums at %d, %v; want %d", test.position, sums.Position, err, test.want)
		}
	}
}

func TestNewSeriesOfTheBaselineAreAdded(t *testing.T) {
	s := newSite(t)
	s.put("dora-exporter.prom", s.read("testdata/foreign.prom"))
	want, _ := s.mustRestore()
	s.write()
	// A version that does not know a family has not taken it over, and left it out of its checkpoint.
	text := string(s.read(s.path()))
	before, rest, _ := strings.Cut(text, "# HELP jira_incidents The")
	_, after, _ := strings.Cut(rest, "# HELP jira_incidents_duration_sum")
	after, _, _ = strings.Cut(after, checksumPrefix)
	s.put("dora-exporter.prom", seal([]byte(before+"# HELP jira_incidents_duration_sum"+after)))
	got, _ := s.mustRestore()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The time of the newest deployment, in seconds with milliseconds, is the same number in the text as in the facts.
func TestRestoreTimestamp(t *testing.T) {
	s := newSite(t)
	scope := dora.Labels{"environment": "production", "owner": "acme", "repo": "web", "team": "Platform"}
	err := s.store.Update(t.Context(), func(tx dora.Tx) error {
		for i := range int64(50) {
			at := time.UnixMilli(noon.UnixMilli() + 7*i)
			f := dora.Fact{Family: dora.DeploymentTimestamp, Labels: scope.With("repo", fmt.Sprint(i)), Value: at.UnixMilli(), At: at, ID: i, Subject: fmt.Sprint(i)}
			if _, err := tx.Facts().Add(f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := s.mustRestore()
	s.write()
	got, from := s.mustRestore()
	wantState(t, want, got)
	if from != 50 {
		t.Errorf("from position %d, want 50", from)
	}
	if text := string(s.read(s.path())); !strings.Contains(text, "} 1.772452800343e+09\n") {
		t.Errorf("the last one is not in\n%s", text)
	}
}
