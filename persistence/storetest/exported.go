package storetest

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// An export reads History series by series.
func exportRules() rules {
	return rules{"series": historySeries, "facts": historyFacts, "incidents": eachIncident, "creation": storeCreation}
}

func historical(family, subject, team string, at int) dora.Fact {
	f := counted(family, subject, team, "web", at, 1)
	f.Labels = f.Labels.OfHistory()
	return f
}

// The series of a family have their own labels and the time of their earliest fact. Live ones are not among them.
func historySeries(t *testing.T, s Store) {
	addFacts(t, s, historical(dora.Changes, "1", "b", 5), historical(dora.Changes, "2", "b", 3), historical(dora.Changes, "3", "b", 9),
		historical(dora.Changes, "4", "a", 7), historical(dora.LeadTime, "5", "c", 1), counted(dora.Changes, "6", "b", "web", 1, 1),
		counted(dora.Changes, "7", "d", "web", 1, 1))
	want := []dora.HistorySeries{
		{Labels: dora.Labels{"team": "a", "repo": "web"}, First: minute(7)}, {Labels: dora.Labels{"team": "b", "repo": "web"}, First: minute(3)},
	}
	same(t, "series", want, must[[]dora.HistorySeries](t)(s.HistorySeries(t.Context(), dora.Changes)))
	same(t, "no series", 0, len(must[[]dora.HistorySeries](t)(s.HistorySeries(t.Context(), dora.Deployments))))
}

// The facts of a series come in the order of time, then of their numbers, then of their positions.
func historyFacts(t *testing.T, s Store) {
	numbered := func(subject string, at int, id int64) dora.Fact {
		f := historical(dora.Changes, subject, "b", at)
		f.ID = id
		return f
	}
	addFacts(t, s, numbered("late", 9, 1), numbered("second", 3, 2), numbered("first", 3, 1), numbered("third", 3, 2),
		historical(dora.Changes, "other", "a", 1), historical(dora.LeadTime, "other", "b", 1), counted(dora.Changes, "live", "b", "web", 1, 1))
	read := func(labels dora.Labels) (all []dora.Fact) {
		err := s.HistoryFacts(t.Context(), dora.Changes, labels, func(f dora.Fact) error {
			all = append(all, f)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return all
	}
	same(t, "in order", []string{"first", "second", "third", "late"}, subjectsOf(read(dora.Labels{"team": "b", "repo": "web"})))
	same(t, "no series", 0, len(read(dora.Labels{"team": "c", "repo": "web"})))
}

// Each incident comes once, with its events.
func eachIncident(t *testing.T, s Store) {
	for _, key := range []string{"b", "a"} {
		i := dora.Incident{Key: key, Name: "INC-" + key, IsIncident: true, Events: []dora.IncidentEvent{{At: minute(1)}, {At: minute(2)}}}
		update(t, s, func(tx dora.Tx) error { return tx.Incidents().Save(i) })
	}
	var got []string
	err := s.EachIncident(t.Context(), func(i dora.Incident) error {
		if len(i.Events) != 2 || !i.Events[1].At.Equal(minute(2)) {
			t.Errorf("incident %s has the events %v", i.Key, i.Events)
		}
		got = append(got, i.Name)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	same(t, "incidents", []string{"INC-a", "INC-b"}, got)
}

func storeCreation(t *testing.T, s Store) {
	same(t, "created", s.Created(), must[time.Time](t)(s.StoreCreated(t.Context())))
}
