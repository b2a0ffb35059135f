package sqlite

import (
	"errors"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Of the sums of a report's families, any damage is noticed; of others, which are not read, a row that is not there.
func TestDamagedSumsOfSeries(t *testing.T) {
	for name, test := range map[string]struct {
		damage string
		want   bool
	}{
		"none":                        {"SELECT 1", false},
		"a sum":                       {"UPDATE sums SET own = own + 1 WHERE family = '" + dora.Changes + "'", true},
		"a sum of another family":     {"UPDATE sums SET own = own + 1 WHERE family = '" + dora.Incidents + "'", false},
		"no sum":                      {"DELETE FROM sums WHERE family = '" + dora.Changes + "'", true},
		"no sum of another family":    {"DELETE FROM sums WHERE family = '" + dora.Incidents + "'", true},
		"the position":                {"UPDATE sums_position SET position = 1", true},
		"a checksum, another family":  {"UPDATE sums SET checksum = 1 WHERE family = '" + dora.Incidents + "'", true},
		"labels that can't be parsed": {"UPDATE sums SET labels = '{' WHERE family = '" + dora.Changes + "'", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			state := dora.State{}
			facts := []dora.Fact{
				{Family: dora.Changes, Labels: dora.Labels{"team": "a"}, Value: 1, At: time.UnixMilli(1), Subject: "1"},
				{Family: dora.Incidents, Labels: dora.Labels{"team": "a"}, Value: 1, At: time.UnixMilli(1), Subject: "2"},
			}
			err := s.Update(t.Context(), func(tx dora.Tx) error {
				_, err1 := tx.Facts().Add(facts[0])
				_, err2 := tx.Facts().Add(facts[1])
				return errors.Join(err1, err2)
			})
			sums := dora.Sums{Position: 2, State: state}
			if err := errors.Join(err, state.Add(dora.FamiliesByName(), facts...), s.SaveSums(t.Context(), sums)); err != nil {
				t.Fatal(err)
			}
			tamper(t, s.path, test.damage)
			var got []dora.SeriesSum
			err = s.StoredDays(t.Context(), func(d dora.StoredDays) error {
				return d.SeriesSums(func(sum dora.SeriesSum) { got = append(got, sum) }, dora.Changes)
			})
			var corrupt *CorruptError
			if errors.As(err, &corrupt) != test.want || err != nil && corrupt == nil {
				t.Errorf("error %v", err)
			}
			if !test.want && (len(got) != 1 || got[0].Sum != 1) {
				t.Errorf("sums %+v", got)
			}
		})
	}
}
