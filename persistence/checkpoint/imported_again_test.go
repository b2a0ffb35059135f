package checkpoint

import (
	"fmt"
	"math"
	"testing"
	"time"

	"dora-exporter/dora"
)

// A series whose facts cancel out has its imported value again, also after a restart: the store is lost while an incident is open, another
// one is opened and resolved.
func TestFactsOfAnImportedSeriesCancelOut(t *testing.T) {
	s, family := newSite(t), dora.FamiliesByName()[dora.IncidentsOpen]
	labels := dora.Labels{"priority": "High", "project": "OPS", "team": "A"}
	change := func(value int64, n int) {
		t.Helper()
		err := s.store.Update(t.Context(), func(tx dora.Tx) error {
			_, err := tx.Facts().Add(dora.Fact{Family: family.Name, Labels: labels, Value: value, At: noon.Add(time.Duration(n)), Subject: fmt.Sprint(n)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, want float64) {
		t.Helper()
		state, _ := s.mustRestore()
		if got := state[family.Name][labels.Key()].Value(family); got != want {
			t.Errorf("%s: %v open, want %v", what, got, want)
		}
		all, err := s.store.SeriesHistory(t.Context(), dora.SeriesQuery{Family: family, MaxFacts: -1, MaxValue: math.MaxInt64, MaxSeries: -1})
		if err != nil || len(all) != 1 || all[0].Value(family) != want {
			t.Errorf("%s: explained as %+v, %v; want %v", what, all, err, want)
		}
	}
	change(1, 1)
	s.write()
	s.removeStore()
	check("imported", 1)
	change(1, 2)
	s.write()
	check("another one", 2)
	change(-1, 3)
	check("resolved", 1)
	s.write()
	check("resolved, and summed", 1)
}
