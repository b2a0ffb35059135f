package storetest

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Facts are only added, each once by family and subject, at positions 1, 2, 3 and so on without gaps.
func factRules() rules {
	return rules{
		"content": factsKeepTheirContent,
		"once":    factsOnce,
		"similar": factsWithSimilarSubjects,
		"undone":  undoneFactsAreAddedAgain,
		"gapless": positionsWithoutGaps,
		"pages":   factsByPages,
	}
}

func factsKeepTheirContent(t *testing.T, s Store) {
	want := []dora.Fact{
		{Family: "a", Subject: "year 1"},
		{Family: "a", Subject: "year 9999", Labels: dora.Labels{}, At: time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC), ID: math.MaxInt64},
		{Family: "b", Subject: "year 1", Labels: dora.Labels{"b": "<&\"\\\n\x00é🙂", "a": ""}, Value: math.MinInt64, At: time.UnixMilli(-1).UTC(), ID: -1},
		{Family: "b", Subject: "a\x00b", Labels: dora.Labels{"a": "1"}, Value: math.MaxInt64},
	}
	addFacts(t, s, want...)
	for i := range want {
		want[i].Position = int64(i + 1)
	}
	got := must[[]dora.Fact](t)(s.Facts(t.Context(), 0, limit))
	same(t, "facts", want, got)
	if !got[0].At.IsZero() {
		t.Errorf("the zero time is read as %v", got[0].At)
	}
}

func factsOnce(t *testing.T, s Store) {
	names := oddNames()
	for _, name := range names {
		addFacts(t, s, fact(name))
	}
	update(t, s, func(tx dora.Tx) error {
		for _, name := range names {
			again := fact(name)
			again.Value, again.Labels = 2, dora.Labels{"team": "Mobile"}
			if added, err := tx.Facts().Add(again); err != nil || added {
				t.Errorf("Add(%q) again = %t, %v; want false", name, added, err)
			}
			if known, err := tx.Facts().Has(again.Family, name); err != nil || !known {
				t.Errorf("Has(%q) = %t, %v; want true", name, known, err)
			}
		}
		for _, absent := range [][2]string{{dora.Incidents, "a"}, {dora.DeploymentsTotal, "b"}, {dora.DeploymentsTotal, ""}} {
			if known, err := tx.Facts().Has(absent[0], absent[1]); err != nil || known {
				t.Errorf("Has(%q) = %t, %v; want false", absent, known, err)
			}
		}
		other := fact("a")
		other.Family = dora.Incidents
		added, err := tx.Facts().Add(other)
		if !added {
			t.Error("a subject was taken for that of another family")
		}
		return err
	})
	all := must[[]dora.Fact](t)(s.Facts(t.Context(), 0, limit))
	if len(all) != len(names)+1 {
		t.Fatalf("there are %d facts, want %d", len(all), len(names)+1)
	}
	for i, name := range names {
		if all[i].Subject != name || all[i].Value != 1 || all[i].Labels["team"] != "Platform" {
			t.Errorf("fact %d is %+v, want the first one about %q", i+1, all[i], name)
		}
	}
}

// Facts about the same thing and about others with similar names are told apart, also if there are many.
func factsWithSimilarSubjects(t *testing.T, s Store) {
	const repository = "change:api.github.com/acme/web/"
	subjects := []string{"4", "45", "45/a", "45/a/b", "45@x", "45#", "45-a", "45.1", "450", "450/a"}
	for n := range 150 {
		subjects = append(subjects, fmt.Sprintf("46/%d", n))
	}
	add := func(want bool, family string, subjects ...string) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			for _, subject := range subjects {
				f := fact(repository + subject)
				f.Family = family
				if added, err := tx.Facts().Add(f); err != nil || added != want {
					t.Errorf("Add(%s, %q) = %t, %v; want %t", family, subject, added, err, want)
				}
			}
			for _, subject := range subjects {
				if known, err := tx.Facts().Has(family, repository+subject); err != nil || !known {
					t.Errorf("Has(%s, %q) = %t, %v; want true", family, subject, known, err)
				}
			}
			return nil
		})
	}
	add(true, dora.Changes, subjects...)
	add(false, dora.Changes, subjects...)
	add(true, dora.Changes, "45/b", "46/150", "46", "451", "45/")
	add(false, dora.Changes, "45/b", "46/150", "46", "451", "45/")
	add(true, dora.LeadTime, "45", "45/a", "46/3")
	add(false, dora.Changes, subjects...)
}

// A fact whose transaction is undone is not there, whatever was known of facts about the same thing before.
func undoneFactsAreAddedAgain(t *testing.T, s Store) {
	const thing = "change:api.github.com/acme/web/45"
	addFacts(t, s, fact(thing))
	for _, subject := range []string{thing + "/a", thing + "/b"} {
		for range 2 {
			err := s.Update(t.Context(), func(tx dora.Tx) error {
				added, err := tx.Facts().Add(fact(subject))
				if !added {
					t.Errorf("Add(%q) = false after it was undone", subject)
				}
				return errors.Join(err, errRule)
			})
			permanentError(t, "Update", err)
		}
		addFacts(t, s, fact(subject))
		update(t, s, func(tx dora.Tx) error {
			for _, known := range []string{thing, thing + "/a", subject} {
				if added, err := tx.Facts().Add(fact(known)); err != nil || added {
					t.Errorf("Add(%q) again = %t, %v; want false", known, added, err)
				}
			}
			return nil
		})
	}
	inOrder(t, s, thing, thing+"/a", thing+"/b")
}

// Neither a fact that is there already nor a transaction that is undone takes a position.
func positionsWithoutGaps(t *testing.T, s Store) {
	addFacts(t, s, fact("a"))
	update(t, s, func(tx dora.Tx) error {
		for _, subject := range []string{"a", "b", "a", "b", "c"} {
			if _, err := tx.Facts().Add(fact(subject)); err != nil {
				return err
			}
		}
		return nil
	})
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		_, err := tx.Facts().Add(fact("undone"))
		return errors.Join(err, errRule)
	})
	if !errors.Is(err, errRule) {
		t.Fatalf("Update = %v", err)
	}
	addFacts(t, s, fact("d"))
	inOrder(t, s, "a", "b", "c", "d")
	same(t, "LastPosition", int64(4), must[int64](t)(s.LastPosition(t.Context())))
}

func factsByPages(t *testing.T, s Store) {
	same(t, "LastPosition of an empty store", int64(0), must[int64](t)(s.LastPosition(t.Context())))
	same(t, "facts of an empty store", 0, len(must[[]dora.Fact](t)(s.Facts(t.Context(), 0, limit))))
	for i := range 5 {
		addFacts(t, s, fact(string(rune('e'-i)))) // the subjects' order is not that of the positions
	}
	for after, want := range [][]int64{{1, 2}, {2, 3}, {3, 4}, {4, 5}, {5}, nil, nil} {
		var got []int64
		for _, f := range must[[]dora.Fact](t)(s.Facts(t.Context(), int64(after), 2)) {
			got = append(got, f.Position)
		}
		if len(want) != len(got) || (len(got) > 0 && (got[0] != want[0] || got[len(got)-1] != want[len(want)-1])) {
			t.Errorf("Facts after %d are %v, want %v", after, got, want)
		}
	}
}
