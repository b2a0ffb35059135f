package sqlite

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/checkpoint"
	"dora-exporter/persistence/sqlstore"
)

func TestParseSeries(t *testing.T) {
	for text, want := range map[string]struct {
		name   string
		labels dora.Labels
	}{
		`up`:                               {"up", dora.Labels{}},
		` up{} `:                           {"up", dora.Labels{}},
		`up{a="b",}`:                       {"up", dora.Labels{"a": "b"}},
		`up{a="b", c="d"} 12`:              {"up", dora.Labels{"a": "b", "c": "d"}},
		`up{a="b"} 1.5e3`:                  {"up", dora.Labels{"a": "b"}},
		`up{a="x\"y\\z\n", b="Zürich {}"}`: {"up", dora.Labels{"a": "x\"y\\z\n", "b": "Zürich {}"}},
		`x_bucket{le="+Inf"}`:              {"x_bucket", dora.Labels{"le": "+Inf"}},
	} {
		name, labels, err := checkpoint.ParseSeries(text)
		if err != nil || name != want.name {
			t.Errorf("%s: %q, %v", text, name, err)
		}
		if diff := cmp.Diff(want.labels, labels); diff != "" {
			t.Errorf("%s: -want +got:\n%s", text, diff)
		}
	}
	for _, text := range []string{"", "{", `up{a=~"b"}`, `up{a="b"`, "up 1\ndown", `up{a="b",a="c"}`, "# HELP up x", "sum(up)", "up\xff"} {
		if name, labels, err := checkpoint.ParseSeries(text); err == nil {
			t.Errorf("%q is read as %q %v", text, name, labels)
		}
	}
}

func TestStillSeesNoLaterCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dora-exporter.db")
	store := reopenStore(t, path)
	add := func(subject string) {
		t.Helper()
		err := store.Update(t.Context(), func(tx dora.Tx) error {
			_, err := tx.Facts().Add(dora.Fact{Family: dora.Incidents, Labels: dora.Labels{"team": "x", "project": "y"}, Value: 1, Subject: subject})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	add("one")
	err = r.Snapshot(t.Context(), func(still *sqlstore.Reader) error {
		for range 2 {
			last, err := still.LastPosition(t.Context())
			if err != nil || last != 1 {
				t.Errorf("the last position is %d, %v; want 1", last, err)
			}
			add(strings.Repeat("more", int(last)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if last, err := r.LastPosition(t.Context()); err != nil || last != 2 {
		t.Errorf("the last position is %d, %v; want 2", last, err)
	}
}

// The value of a series comes from an index of its facts, whose damage is found when it is read.
func TestDamagedIndexOfASeries(t *testing.T) {
	begin, end := partial("facts_series", "position < 0"), whole("facts_series")
	for name, test := range map[string]struct {
		damage []string
		want   string
	}{
		"none": {nil, ""},
		"another value": {
			[]string{"UPDATE facts SET value = 7 WHERE position = 3", begin, "UPDATE facts SET value = 1 WHERE position = 3", end},
			"fact 3 differs from its entry in an index",
		},
		"no fact": {[]string{begin, "DELETE FROM facts WHERE position = 3", end}, "an index of the facts has some that are missing"},
		"another value of a fact that is not listed": {
			[]string{"UPDATE facts SET value = 7 WHERE position = 1", begin, "UPDATE facts SET value = 1 WHERE position = 1", end},
			"don't add up to its sum: -6 is missing",
		},
		"no entry": {
			[]string{
				"CREATE TABLE copy AS SELECT * FROM facts WHERE position = 1; DELETE FROM facts WHERE position = 1", begin,
				"INSERT INTO facts SELECT * FROM copy; DROP TABLE copy", end,
			},
			"don't add up to its sum: 1 is missing",
		},
		"another sum, which is made anew": {[]string{"UPDATE sums SET own = 1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			sums := dora.Sums{Position: 2, State: dora.State{}, Bounds: dora.BoundsOf(dora.Families())}
			for n, subject := range []string{"a", "b", "c"} {
				f := fact(subject)
				f.At = time.UnixMilli(int64(n))
				err := s.Update(t.Context(), func(tx dora.Tx) error {
					_, err := tx.Facts().Add(f)
					return err
				})
				if n < 2 {
					err = errors.Join(err, sums.State.Add(dora.FamiliesByName(), f))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := s.SaveSums(t.Context(), sums); err != nil {
				t.Fatal(err)
			}
			for _, statement := range test.damage {
				tamper(t, s.path, statement)
			}
			r, err := newReader(s.path)
			if err != nil {
				t.Fatal(err)
			}
			all, err := r.SeriesHistory(t.Context(), dora.SeriesQuery{Family: dora.FamiliesByName()[dora.DeploymentsTotal], MaxFacts: 1, MaxValue: math.MaxInt64, MaxSeries: -1})
			if test.want == "" && err == nil && len(all) == 1 && all[0].Own == 3 {
				return
			}
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || test.want == "" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v, error %v, want %q", all, err, test.want)
			}
		})
	}
}
