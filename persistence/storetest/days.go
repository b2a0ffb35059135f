package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"dora-exporter/dora"
)

// Days are kept with what they add up to, and what changes makes them stale in its transaction.
func dayRules() rules {
	return rules{"stale": changesMakeStale, "saved": daysAreKept, "window": deploymentsInTheirTime, "restart": daysBeginAnew, "evidence": evidenceOfDays, "series sums": sumsOfSeries}
}

// updateDays runs f in a transaction.
func updateDays(t *testing.T, s Store, f func(dora.DayTx) error) {
	t.Helper()
	update(t, s, func(tx dora.Tx) error { return f(tx.Days()) })
}

func wantStale(t *testing.T, s Store, what string, want map[string]time.Time) {
	t.Helper()
	updateDays(t, s, func(tx dora.DayTx) error {
		got, err := tx.Stale()
		same(t, what, want, got)
		for _, scope := range []string{scope(), dora.StaleIncidents, "none"} {
			since, isStale, sinceErr := tx.StaleSince(scope)
			same(t, what+": "+scope, want[scope], since)
			if _, want := want[scope]; isStale != want || sinceErr != nil {
				t.Errorf("%s: StaleSince(%s) = %t, %v; want %t", what, scope, isStale, sinceErr, want)
			}
		}
		return err
	})
}

func changesMakeStale(t *testing.T, s Store) {
	d := success(5, 5)
	save(t, s, d)
	wantStale(t, s, "a deployment", map[string]time.Time{scope(): minute(5), dora.StaleIncidents: minute(5)})
	made := dora.DayChanges{Stale: map[string]time.Time{scope(): {}, dora.StaleIncidents: {}}}
	updateDays(t, s, func(tx dora.DayTx) error { return tx.Save(made) })
	wantStale(t, s, "nothing", map[string]time.Time{})
	d.Outcomes[0].At = minute(7)
	save(t, s, d)
	wantStale(t, s, "a deployment of a later time than before", map[string]time.Time{scope(): minute(5), dora.StaleIncidents: minute(5)})
	d.Outcomes[0].At = minute(3)
	save(t, s, d, success(9, 9))
	wantStale(t, s, "a deployment of an earlier time", map[string]time.Time{scope(): minute(3), dora.StaleIncidents: minute(3)})
	updateDays(t, s, func(tx dora.DayTx) error {
		return tx.Save(dora.DayChanges{Stale: map[string]time.Time{scope(): minute(4), dora.StaleIncidents: {}}})
	})
	wantStale(t, s, "the rest of a scope", map[string]time.Time{scope(): minute(4)})
	incident := dora.Incident{Key: "h/1", Created: minute(8)}
	saveIncidents(t, s, incident)
	wantStale(t, s, "an issue that is no incident", map[string]time.Time{scope(): minute(4)})
	incident.IsIncident = true
	saveIncidents(t, s, incident)
	wantStale(t, s, "an incident", map[string]time.Time{scope(): minute(4), dora.StaleIncident("h/1"): minute(8)})
	incident.IsIncident = false
	made = dora.DayChanges{
		Stale:    map[string]time.Time{dora.StaleIncident("h/1"): {}},
		Evidence: map[string][]dora.Evidence{"h/1": {piece(d.Key(), dora.CauseIncident, "h/1", 8)}},
	}
	updateDays(t, s, func(tx dora.DayTx) error { return tx.Save(made) })
	saveIncidents(t, s, incident)
	wantStale(t, s, "an issue that is an incident no more", map[string]time.Time{scope(): minute(4), dora.StaleIncident("h/1"): minute(8)})
	made.Evidence["h/1"] = nil
	updateDays(t, s, func(tx dora.DayTx) error { return tx.Save(made) })
	saveIncidents(t, s, incident)
	wantStale(t, s, "an issue that shows nothing any more", map[string]time.Time{scope(): minute(4)})
	const key = "api.github.com/acme/other"
	update(t, s, func(tx dora.Tx) error { return tx.Repositories().AddName(key, "acme/first", minute(1)) })
	update(t, s, func(tx dora.Tx) error { return tx.Repositories().AddName(key, "acme/first", minute(2)) })
	wantStale(t, s, "the first name of a repository", map[string]time.Time{scope(): minute(4)})
	update(t, s, func(tx dora.Tx) error { return tx.Repositories().AddName(key, "acme/second", minute(1)) })
	wantStale(t, s, "another name of a repository", map[string]time.Time{scope(): minute(4), dora.StaleIncidents: {}})
}

// What series add up to is the same whether some of their facts are in the sums of the store, all or none.
func sumsOfSeries(t *testing.T, s Store) {
	of := func(family, subject string, value int64) dora.Fact {
		return dora.Fact{Family: family, Labels: dora.Labels{"team": "Platform"}, Value: value, At: minute(0), Subject: subject}
	}
	addFacts(t, s, of(dora.Changes, "1", 1), of(dora.LeadTime, "1", 60_000), of(dora.LeadTime, "zero:a", 0), of(dora.Changes, "2", 1),
		of(dora.LeadTime, "2", 30_000), of(dora.Incidents, "3", 1))
	facts := must[[]dora.Fact](t)(s.Facts(t.Context(), 0, limit))
	for upTo := range len(facts) + 1 {
		if upTo > 0 {
			sums := dora.Sums{Position: int64(upTo), State: dora.State{}, Bounds: map[string][]int64{}}
			if err := errors.Join(sums.State.Add(dora.FamiliesByName(), facts[:upTo]...), s.SaveSums(t.Context(), sums)); err != nil {
				t.Fatal(err)
			}
		}
		got := map[string]dora.SeriesSum{}
		err := s.StoredDays(t.Context(), func(stored dora.StoredDays) error {
			return stored.SeriesSums(func(sum dora.SeriesSum) { got[sum.Family] = sum }, dora.Changes, dora.LeadTime)
		})
		if err != nil {
			t.Fatal(err)
		}
		labels := dora.Labels{"team": "Platform"}
		same(t, fmt.Sprintf("series with sums up to %d", upTo), map[string]dora.SeriesSum{
			dora.Changes:  {Family: dora.Changes, Labels: labels, Sum: 2},
			dora.LeadTime: {Family: dora.LeadTime, Labels: labels, Count: 2, Sum: 90_000},
		}, got)
	}
}

// measured is a deployment of a minute with a lead time.
func measured(id int, ms int64) dora.Measured {
	return dora.Measured{ID: int64(id), At: minute(id), First: minute(id), Succeeded: true, LeadTimes: []int64{ms}, Recovery: dora.NoRecovery}
}

func daysAreKept(t *testing.T, s Store) {
	owned := dora.Owned{Scope: scope(), Owner: "acme", Repository: "web", Team: "Platform", Production: true}
	other := owned
	other.Production = false
	counts := func(n int64, ms ...int64) dora.Counts {
		c := dora.Counts{}
		for i, took := range ms {
			c.Add(measured(i, took), n)
		}
		return c
	}
	first := dora.MeasuredDay{DayKey: dora.DayKey{Owned: owned, Date: 100}, Deployments: []dora.Measured{measured(1, 10), measured(2, 20)}}
	second := dora.MeasuredDay{DayKey: dora.DayKey{Owned: other, Date: 101}, Deployments: []dora.Measured{measured(3, 40)}}
	updateDays(t, s, func(tx dora.DayTx) error {
		return tx.Save(dora.DayChanges{Days: []dora.MeasuredDay{first, second}, Counts: map[dora.Owned]dora.Counts{owned: counts(1, 10, 20), other: counts(1, 40)}})
	})
	read := func(from, to int64) (all []dora.MeasuredDay) {
		updateDays(t, s, func(tx dora.DayTx) (err error) {
			all, err = tx.Days(scope(), from, to)
			return err
		})
		return all
	}
	same(t, "both days", 2, len(read(100, 101)))
	same(t, "the first", []dora.MeasuredDay{first}, read(0, 100))
	same(t, "the second", []dora.MeasuredDay{second}, read(101, 200))
	stored := func(f func(dora.StoredDays)) {
		t.Helper()
		err := s.StoredDays(t.Context(), func(d dora.StoredDays) error {
			f(d)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	since := func(d dora.StoredDays, date int64, production bool) (n int) {
		if err := d.Since(date, production, func(dora.MeasuredDay) { n++ }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	stored(func(d dora.StoredDays) {
		same(t, "what days add up to", map[dora.Owned]dora.Counts{owned: counts(1, 10, 20), other: counts(1, 40)}, must[map[dora.Owned]dora.Counts](t)(d.OwnedCounts()))
		same(t, "the oldest days", map[dora.Owned]int64{owned: 100, other: 101}, must[map[dora.Owned]int64](t)(d.OldestDays()))
		same(t, "days of all and of production", []int{2, 1, 1, 0}, []int{since(d, 100, false), since(d, 100, true), since(d, 101, false), since(d, 101, true)})
	})
	second.Deployments = nil
	updateDays(t, s, func(tx dora.DayTx) error {
		return tx.Save(dora.DayChanges{Days: []dora.MeasuredDay{second}, Counts: map[dora.Owned]dora.Counts{other: counts(-1, 40)}})
	})
	stored(func(d dora.StoredDays) {
		same(t, "what is left", map[dora.Owned]dora.Counts{owned: counts(1, 10, 20)}, must[map[dora.Owned]dora.Counts](t)(d.OwnedCounts()))
		same(t, "days that are left", 1, since(d, 0, false))
	})
}

func deploymentsInTheirTime(t *testing.T, s Store) {
	again, failed := success(1, 1), success(4, 4)
	again.Outcomes = append(again.Outcomes, dora.Outcome{ID: 90, State: "success", At: minute(6)})
	failed.Outcomes[0].State = "failure"
	save(t, s, again, success(2, 2), success(3, 3), failed, success(5, 5))
	for _, test := range []struct {
		name   string
		from   int
		before time.Time
		limit  int
		want   []int64
		until  time.Time
	}{
		{"all", 0, time.Time{}, 9, []int64{1, 2, 3, 5, 4}, time.Time{}},
		{"from a time on, with one that succeeded again", 3, time.Time{}, 9, []int64{1, 3, 5, 4}, time.Time{}},
		{"some", 2, time.Time{}, 2, []int64{2, 3}, minute(4)},
		{"exactly all", 4, time.Time{}, 3, []int64{1, 5, 4}, time.Time{}},
		{"none", 7, time.Time{}, 3, nil, time.Time{}},
		{"before another time", 1, minute(4), 9, []int64{1, 2, 3}, minute(4)},
		{"some before another time", 1, minute(4), 1, []int64{1}, minute(2)},
		{"a failed one before another time", 3, minute(5), 9, []int64{3, 4}, minute(5)},
		{"all before another time", 3, minute(7), 9, []int64{1, 3, 5, 4}, minute(7)},
	} {
		updateDays(t, s, func(tx dora.DayTx) error {
			all, until, err := tx.DeploymentsFrom(scope(), minute(test.from), test.before, test.limit)
			same(t, test.name, test.want, idsOf(all))
			same(t, test.name+": until", test.until, until)
			return err
		})
	}
	saveIncidents(t, s, dora.Incident{Key: "h/0", Created: minute(0)}) // no incident
	for n := range 3 {
		saveIncidents(t, s, dora.Incident{Key: "h/" + string(rune('1'+n)), Created: minute(n / 2), IsIncident: true})
	}
	updateDays(t, s, func(tx dora.DayTx) error {
		all, until, err := tx.IncidentsFrom(minute(0), 1)
		same(t, "incidents of one time", []string{"h/1", "h/2"}, keysOf(all))
		same(t, "the others", minute(0).Add(time.Millisecond), until)
		return err
	})
}

func daysBeginAnew(t *testing.T, s Store) {
	save(t, s, success(1, 1))
	updateDays(t, s, func(tx dora.DayTx) error {
		policy, err := tx.Policy()
		same(t, "policy", "", policy)
		return err
	})
	e := dora.Evidence{Target: "t", Cause: dora.CauseStatus, By: "b", At: minute(1)}
	updateDays(t, s, func(tx dora.DayTx) error {
		return tx.Save(dora.DayChanges{Evidence: map[string][]dora.Evidence{"b": {e}}, Stale: map[string]time.Time{scope(): {}, dora.StaleIncidents: {}}})
	})
	saveIncidents(t, s, dora.Incident{Key: "h/1", Created: minute(1), IsIncident: true})
	updateDays(t, s, func(tx dora.DayTx) error { return tx.Restart("new") })
	wantStale(t, s, "all", map[string]time.Time{scope(): {}, dora.StaleIncidents: {}, dora.StaleIncident("h/1"): minute(1)})
	updateDays(t, s, func(tx dora.DayTx) error {
		policy, err := tx.Policy()
		same(t, "policy", "new", policy)
		same(t, "evidence", 0, len(must[[]dora.Evidence](t)(tx.EvidenceBy([]string{"b"}))))
		return err
	})
}

func evidenceOfDays(t *testing.T, s Store) {
	e := func(target, by string) dora.Evidence {
		return dora.Evidence{Target: target, Scope: scope(), Cause: dora.CauseRollback, By: by, At: minute(1)}
	}
	saveEvidence := func(giver string, evidence ...dora.Evidence) {
		updateDays(t, s, func(tx dora.DayTx) error {
			return tx.Save(dora.DayChanges{Evidence: map[string][]dora.Evidence{giver: evidence}})
		})
	}
	saveEvidence("a", e("t1", "a"), e("t2", "a again"))
	saveEvidence("b", e("t1", "b"))
	want := func(what string, by, about []string, n, m int) {
		updateDays(t, s, func(tx dora.DayTx) error {
			given, err := tx.EvidenceBy(by)
			same(t, what+": given", n, len(given))
			same(t, what+": about", m, len(must[[]dora.Evidence](t)(tx.EvidenceAbout(about))))
			return err
		})
	}
	want("both", []string{"a", "b"}, []string{"t1"}, 3, 2)
	saveEvidence("a", e("t3", "a"))
	want("replaced", []string{"a"}, []string{"t1", "t3"}, 1, 2)
	saveEvidence("a")
	want("removed", []string{"a"}, []string{"t3"}, 0, 0)
}
