package checkpoint

import (
	"errors"
	"strings"
	"testing"

	"dora-exporter/dora"
)

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
			if err := errors.Join(old.Write(t.Context(), state, nil, 1), old.saveSums(t.Context(), 1, state)); err != nil {
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
func TestRestoreOtherBounds(t *testing.T) {
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
		if err := old.Write(t.Context(), state, nil, 0); err != nil {
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
