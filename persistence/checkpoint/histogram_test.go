package checkpoint

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

var (
	high     = dora.Labels{"priority": "High", "project": "INC", "team": "Platform"}
	highText = `priority="High",project="INC",team="Platform"`
)

// resolve adds the fact of one incident that took so many minutes to resolve.
func (s *site) resolve(minutes ...int64) {
	s.Helper()
	err := s.store.Update(s.Context(), func(tx dora.Tx) error {
		for _, m := range minutes {
			f := dora.Fact{Family: dora.IncidentRecovery, Labels: high, Value: m * 60_000, At: noon, Subject: fmt.Sprint(m)}
			if _, err := tx.Facts().Add(f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// oneAndFour is the state after resolve(1) and resolve(4): the bounds are 1, 5, 15, 30, 60, 120, 240, 480, 720 minutes and 1, 2,
// 3, 7, 14 days.
func oneAndFour() dora.State {
	return dora.State{dora.IncidentRecovery: {high.Key(): {
		Labels: high, Own: 300_000, Buckets: []int64{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	}}}
}

// One of 1 min, two between 1 and 5 min, one above 14 days: up to 60 s 1, from 300 s on 3, in all 4. Of them, 2 between 1 and 5
// min in 400.5 s were taken over, so that the sum is 400.5 s + 60 s + 1300000 s.
func TestEncodeHistogram(t *testing.T) {
	state := dora.State{dora.IncidentRecovery: {high.Key(): {
		Labels: high, Baseline: 400.5, Own: 1_300_060_000,
		BaselineBuckets: []int64{0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		Buckets:         []int64{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
	}}}
	got, err := encode(header{store: "5f0c", position: 7, start: noon}, dora.Families(), state)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString(`# dora-exporter checkpoint format=1 store=5f0c position=7 start=2026-03-02T12:00:00Z
# HELP dora_incident_recovery_seconds Time from the creation of an incident to its first resolution.
# TYPE dora_incident_recovery_seconds histogram
`)
	for _, line := range []string{
		"60 1", "300 3", "900 3", "1800 3", "3600 3", "7200 3", "14400 3", "28800 3", "43200 3", "86400 3", "172800 3", "259200 3",
		"604800 3", "1.2096e+06 3", "+Inf 4",
	} {
		le, n, _ := strings.Cut(line, " ")
		fmt.Fprintf(&want, "dora_incident_recovery_seconds_bucket{%s,le=%q} %s\n", highText, le, n)
	}
	fmt.Fprintf(&want, "dora_incident_recovery_seconds_sum{%s} 1.3004605e+06\ndora_incident_recovery_seconds_count{%[1]s} 4\n", highText)
	body, _, _ := strings.Cut(string(got), checksumPrefix)
	if diff := cmp.Diff(want.String(), body); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRestoreOwnHistogram(t *testing.T) {
	s := newSite(t)
	s.resolve(1)
	s.write()
	s.resolve(4)
	s.reopen()
	state, from := s.mustRestore()
	wantState(t, oneAndFour(), state)
	if from != 1 {
		t.Errorf("from position %d, want 1", from)
	}
}

// The checkpoint of a store that is gone becomes the baseline of the new one, and what comes is added to it, with the same bits
// read back from the next checkpoint as from the baseline and all facts.
func TestRestoreHistogramWithoutTheStore(t *testing.T) {
	s := newSite(t)
	s.resolve(1, 4)
	s.write()
	s.removeStore()
	series := oneAndFour()[dora.IncidentRecovery][high.Key()]
	want := dora.Series{Labels: high, Baseline: 300, BaselineBuckets: series.Buckets}
	state, _ := s.mustRestore()
	wantState(t, dora.State{dora.IncidentRecovery: {high.Key(): want}}, state)

	s.write() // nothing of its own yet
	state, from := s.mustRestore()
	wantState(t, dora.State{dora.IncidentRecovery: {high.Key(): want}}, state)
	s.resolve(5)
	want.Own, want.Buckets = 300_000, []int64{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for range 2 {
		state, from = s.mustRestore()
		wantState(t, dora.State{dora.IncidentRecovery: {high.Key(): want}}, state)
		s.write()
	}
	if from != 1 {
		t.Errorf("from position %d, want 1", from)
	}
	buckets, all := state[dora.IncidentRecovery][high.Key()].Counts(dora.FamiliesByName()[dora.IncidentRecovery])
	if all != 3 || buckets[1] != 2 {
		t.Errorf("%d observations, %v; want 3, two of them in the second bucket", all, buckets)
	}
}

func TestRestoreTakesOverAForeignHistogram(t *testing.T) {
	s := newSite(t)
	series := dora.Series{Labels: high, Baseline: 94778.17152176499, BaselineBuckets: []int64{1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}}
	want := dora.State{dora.IncidentRecovery: {high.Key(): series}}
	s.put("dora-exporter.prom", bodyOf(t, dora.Families(), want))
	state, _ := s.mustRestore()
	wantState(t, want, state)
	s.reopen()
	s.write()
	state, _ = s.mustRestore()
	wantState(t, want, state)
}

// bodyOf is a state in the text format alone, as another program writes it.
func bodyOf(t *testing.T, families []dora.Family, state dora.State) []byte {
	t.Helper()
	text, err := encode(header{}, families, state)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	body, _, _ := strings.Cut(rest, checksumPrefix)
	return []byte(body)
}

func TestRestoreDamagedHistogram(t *testing.T) {
	s := newSite(t)
	s.resolve(1)
	s.write()
	s.resolve(4)
	s.write()
	whole, previous := s.read(s.path()), s.read(s.path()+".prev")
	for name, data := range damages(whole, 1) {
		s.put("dora-exporter.prom", data)
		s.put("dora-exporter.prom.prev", previous)
		state, from, err := s.restore(s.checkpoint(false))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(oneAndFour(), state); diff != "" || from != 1 {
			t.Fatalf("%s: from position %d: -want +got:\n%s", name, from, diff)
		}
	}
}

// impossible are changes that make a histogram one that no program can have written rightly.
var impossible = map[string]struct{ old, with string }{
	"a bucket below the one before": {`le="900"} 2`, `le="900"} 1`},
	"a bucket above the one after":  {`le="900"} 2`, `le="900"} 3`},
	"a fraction of an observation":  {`le="60"} 1`, `le="60"} 0.5`},
	"a bucket of NaN":               {`le="60"} 1`, `le="60"} NaN`},
	"a bucket without end":          {`le="+Inf"} 2`, `le="+Inf"} +Inf`},
	"more than a float can tell":    {`le="+Inf"} 2`, `le="+Inf"} 1e+16`},
	"another count":                 {"_count{" + highText + "} 2", "_count{" + highText + "} 3"},
	"a count of a fraction":         {"_count{" + highText + "} 2", "_count{" + highText + "} 2.5"},
	"no count":                      {"dora_incident_recovery_seconds_count{" + highText + "} 2\n", ""},
	"two counts":                    {"dora_incident_recovery_seconds_count{", "dora_incident_recovery_seconds_count{" + highText + "} 7\ndora_incident_recovery_seconds_count{"},
	"a sum below 0":                 {"} 300\n", "} -300\n"},
	"a sum of NaN":                  {"} 300\n", "} NaN\n"},
	"a sum without end":             {"} 300\n", "} +Inf\n"},
	"no sum":                        {"dora_incident_recovery_seconds_sum{" + highText + "} 300\n", ""},
	"two sums":                      {"dora_incident_recovery_seconds_sum{", "dora_incident_recovery_seconds_sum{" + highText + "} 7\ndora_incident_recovery_seconds_sum{"},
	"no le":                         {`,le="900"}`, "}"},
	"an le of NaN":                  {`,le="900"}`, `,le="NaN"}`},
	"the same le twice":             {`,le="900"}`, `,le="300"}`},
	"le in another order":           {`,le="900"}`, `,le="200"}`},
	"no bucket of all":              {"dora_incident_recovery_seconds_bucket{" + highText + `,le="+Inf"} 2` + "\n", ""},
	"a value beside the buckets":    {"dora_incident_recovery_seconds_count{", "dora_incident_recovery_seconds{" + highText + "} 7\ndora_incident_recovery_seconds_count{"},
	"a label is missing":            {`_sum{priority="High",`, "_sum{"},
	"another label":                 {`_sum{priority="High",`, `_sum{severity="High",`},
	"a series twice":                {"# checksum", ""}, // made below
	"another type":                  {"seconds histogram", "seconds summary"},
}

// In our own checkpoint, with the right checksum, it is damage, and the facts give the values; in another program's file the
// series is left out and named.
func TestRestoreImpossibleHistograms(t *testing.T) {
	for name, test := range impossible {
		change := func(t *testing.T, text string) string {
			t.Helper()
			if name == "a series twice" {
				at := strings.Index(text, "dora_incident_recovery_seconds_bucket")
				return text[:at] + strings.Repeat(text[at:], 2)
			}
			changed := strings.Replace(text, test.old, test.with, 1)
			if changed == text {
				t.Fatalf("no %q in\n%s", test.old, text)
			}
			return changed
		}
		t.Run(name+", ours", func(t *testing.T) {
			s := newSite(t)
			s.resolve(1, 4)
			s.write()
			_ = os.Remove(s.path() + ".prev")
			text := string(s.read(s.path()))
			body := text[:strings.LastIndex(text, checksumPrefix)]
			s.put("dora-exporter.prom", seal([]byte(change(t, body))))
			state, from := s.mustRestore()
			wantState(t, oneAndFour(), state)
			if from != 0 {
				t.Errorf("from position %d, want 0", from)
			}
			s.only("damaged")
		})
		t.Run(name+", of another program", func(t *testing.T) {
			s := newSite(t)
			s.put("dora-exporter.prom", []byte(change(t, string(bodyOf(t, dora.Families(), oneAndFour())))))
			state, _ := s.mustRestore()
			wantState(t, dora.State{}, state)
			if log := s.log.String(); !strings.Contains(log, "some values are not taken over") || !strings.Contains(log, dora.IncidentRecovery) {
				t.Errorf("the log does not name what is left out:\n%s", log)
			}
		})
	}
}

// A bucket below 0 is no text of Prometheus to its parser, so that a file with one is not taken over at all.
func TestRestoreNegativeBucket(t *testing.T) {
	s := newSite(t)
	text := strings.Replace(string(bodyOf(t, dora.Families(), oneAndFour())), `le="60"} 1`, `le="60"} -1`, 1)
	s.put("dora-exporter.prom", []byte(text))
	if state, _, err := s.restore(s.checkpoint(false)); err == nil || !strings.Contains(err.Error(), "negative bucket") {
		t.Errorf("state %v, error %v", state, err)
	}
	s = newSite(t)
	s.resolve(1, 4)
	s.write()
	_ = os.Remove(s.path() + ".prev")
	s.put("dora-exporter.prom", s.forge(`le="60"} 1`, `le="60"} -1`))
	state, _ := s.mustRestore()
	wantState(t, oneAndFour(), state)
	s.only("damaged")
}

// What nothing was added to can't have been resolved in some seconds; and nothing can be taken away from a baseline.
func TestRestoreImpossibleHistogramsAboveABaseline(t *testing.T) {
	for name, test := range map[string]struct{ old, with string }{
		"a sum of nothing":       {"} 300\n", "} 301\n"},
		"a smaller sum":          {"} 300\n", "} 299\n"},
		"less in a bucket":       {`le="60"} 1`, `le="60"} 0`},
		"a part of milliseconds": {"} 300\n", "} 300.0005\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.put("dora-exporter.prom", bodyOf(t, dora.Families(), oneAndFour()))
			want, _ := s.mustRestore()
			s.write()
			_ = os.Remove(s.path() + ".prev")
			s.put("dora-exporter.prom", s.forge(test.old, test.with))
			state, _ := s.mustRestore()
			wantState(t, want, state)
			s.only("damaged")
		})
	}
}

// otherBounds are the families of a version of this program with other bounds.
func otherBounds() []dora.Family {
	families := dora.Families()
	for i, f := range families {
		if f.Name == dora.IncidentRecovery {
			families[i].Bounds = []int64{60_000, 120_000, 240_000}
		}
	}
	return families
}

// A version with other bounds wrote the checkpoint: the facts tell what is in the buckets of now, above the baseline.
func TestRestoreWhenBoundsHaveChanged(t *testing.T) {
	for name, base := range map[string]float64{"without a baseline": 0, "above a baseline": 7.25} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			if base != 0 {
				s.put("dora-exporter.prom", metricText(dora.DeploymentsDurationSum, "gauge", base))
				s.mustRestore()
			}
			s.resolve(1)
			families := otherBounds()
			byName := map[string]dora.Family{}
			for _, f := range families {
				byName[f.Name] = f
			}
			old := New(s.path(), s.store, families, false, s.logger())
			state, position, err := old.Restore(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			facts, err := s.store.Facts(t.Context(), position, 100)
			if err != nil {
				t.Fatal(err)
			}
			if err := state.Add(byName, facts...); err != nil {
				t.Fatal(err)
			}
			if err := old.Write(t.Context(), state, 1); err != nil {
				t.Fatal(err)
			}
			s.resolve(4)
			want := oneAndFour()
			if base != 0 {
				want[dora.DeploymentsDurationSum] = map[string]dora.Series{success.Key(): {Labels: success, Baseline: base}}
			}
			state, from := s.mustRestore()
			wantState(t, want, state)
			if from != 0 {
				t.Errorf("from position %d, want 0", from)
			}
			for _, part := range []string{"restoring the values from all facts", "bounds"} {
				if !strings.Contains(s.log.String(), part) {
					t.Errorf("the log does not say %q:\n%s", part, s.log.String())
				}
			}
			s.write() // with the bounds of now
			s.log.Reset()
			state, from = s.mustRestore()
			wantState(t, want, state)
			if from != 2 || s.log.Len() > 0 {
				t.Errorf("from position %d, want 2; the log says %q", from, s.log.String())
			}
		})
	}
}

// Buckets with other bounds can't be told apart: the series is left out and named, when it is taken over, and at each start
// when the bounds changed afterwards. The rest is taken.
func TestRestoreLeavesOutABaselineWithOtherBounds(t *testing.T) {
	others := dora.State{
		dora.IncidentRecovery: {high.Key(): {Labels: high, Baseline: 60, BaselineBuckets: []int64{1, 0, 0, 0}}},
		dora.IncidentsOpened:  {high.Key(): {Labels: high, Baseline: 1}},
	}
	want := dora.State{dora.IncidentsOpened: others[dora.IncidentsOpened]}
	named := func(t *testing.T, s *site) {
		t.Helper()
		log := s.log.String()
		if !strings.Contains(log, "level=WARN") || !strings.Contains(log, "bounds") || !strings.Contains(log, dora.IncidentRecovery+"{") {
			t.Errorf("the log does not name what is left out:\n%s", log)
		}
		s.log.Reset()
	}
	t.Run("when it is taken over", func(t *testing.T) {
		s := newSite(t)
		s.put("dora-exporter.prom", bodyOf(t, otherBounds(), others))
		state, _ := s.mustRestore()
		wantState(t, want, state)
		named(t, s)
	})
	t.Run("when it was taken over before", func(t *testing.T) {
		s := newSite(t)
		s.put("dora-exporter.prom", bodyOf(t, otherBounds(), others))
		old := New(s.path(), s.store, otherBounds(), false, s.logger())
		state, _, err := old.Restore(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantState(t, others, state)
		if err := old.Write(t.Context(), state, 0); err != nil {
			t.Fatal(err)
		}
		s.log.Reset()
		for range 2 {
			state, _ = s.mustRestore()
			wantState(t, want, state)
			named(t, s)
			s.write()
			s.log.Reset()
		}
	})
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

// Whatever a text says, what is taken of a histogram can be true.
func checkHistogram(t *testing.T, f dora.Family, key string, s dora.Series) {
	t.Helper()
	if len(s.BaselineBuckets) != len(f.Bounds)+1 || slices.Min(s.BaselineBuckets) < 0 || s.Baseline < 0 || math.IsNaN(s.Baseline) {
		t.Errorf("%s{%s} is %+v", f.Name, key, s)
	}
}
