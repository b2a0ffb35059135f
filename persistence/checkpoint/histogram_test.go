package checkpoint

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

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
	s.restores(oneAndFour(), 1)
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

func TestRestoreForeignHistogram(t *testing.T) {
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
	s.freeze()
	for name, data := range damages(whole, 3) {
		s.put("dora-exporter.prom", data)
		s.put("dora-exporter.prom.prev", previous)
		state, from, err := s.restore(s.checkpoint(false))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(oneAndFour(), state); diff != "" || from != 2 {
			t.Fatalf("%s: from position %d: -want +got:\n%s", name, from, diff)
		}
	}
}

// Whatever a text says, what is taken of a histogram can be true.
func checkHistogram(t *testing.T, f dora.Family, key string, s dora.Series) {
	t.Helper()
	if len(s.BaselineBuckets) != len(f.Bounds)+1 || slices.Min(s.BaselineBuckets) < 0 || s.Baseline < 0 || math.IsNaN(s.Baseline) {
		t.Errorf("%s{%s} is %+v", f.Name, key, s)
	}
}
