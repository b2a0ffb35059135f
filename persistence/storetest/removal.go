package storetest

import (
	"errors"
	"math"
	"testing"
	"time"

	"dora-exporter/dora"
)

// What is removed is gone, but its keys and what its facts add up to are known.
func removalRules() rules {
	return rules{
		"days":        daysStayAfterARemoval,
		"facts":       removedFacts,
		"sums":        removedFactsAreSummed,
		"undone":      removalUndone,
		"deliveries":  removedDeliveries,
		"arrivals":    arrivals,
		"clock":       arrivalsOfAWrongClock,
		"unrecorded":  removedUnrecorded,
		"unshipped":   removedUnshipped,
		"deployments": removedDeployments,
		"incidents":   removedIncidents,
		"unrepaired":  unrepairedByIncidents,
	}
}

func removeFacts(t *testing.T, s Store, upTo int64, limit, want int) {
	t.Helper()
	update(t, s, func(tx dora.Tx) error {
		n, err := tx.Removal().RemoveFacts(upTo, minute(5), limit)
		same(t, "removed facts", want, n)
		return err
	})
}

func removedFacts(t *testing.T, s Store) {
	same(t, "Removal at first", dora.Removal{}, must[dora.Removal](t)(s.Removal(t.Context())))
	names := oddNames()
	for _, name := range names {
		addFacts(t, s, fact(name))
	}
	removeFacts(t, s, 2, 1, 1)
	removeFacts(t, s, 2, 9, 1)
	removeFacts(t, s, 2, 9, 0)
	removeFacts(t, s, math.MaxInt64, 99, len(names)-3) // the newest stays
	removed := int64(len(names) - 1)
	for range 2 {
		same(t, "Removal", dora.Removal{Position: removed, Before: minute(5)}, must[dora.Removal](t)(s.Removal(t.Context())))
		same(t, "LastPosition", removed+1, must[int64](t)(s.LastPosition(t.Context())))
		var gone *dora.RemovedError
		if _, err := s.Facts(t.Context(), 0, limit); !errors.As(err, &gone) || gone.Position != removed {
			t.Errorf("Facts of removed positions = %v, want a RemovedError", err)
		}
		all := must[[]dora.Fact](t)(s.Facts(t.Context(), removed, limit))
		if len(all) != 1 || all[0].Subject != names[removed] || all[0].Position != removed+1 {
			t.Errorf("the facts that are left are %+v", all)
		}
		update(t, s, func(tx dora.Tx) error {
			for _, name := range names {
				if known, err := tx.Facts().Has(dora.DeploymentsTotal, name); err != nil || !known {
					t.Errorf("Has(%q) = %t, %v; want true", name, known, err)
				}
				if added, err := tx.Facts().Add(fact(name)); err != nil || added {
					t.Errorf("Add(%q) = %t, %v; want false", name, added, err)
				}
			}
			known, err := tx.Facts().Has(dora.Incidents, names[0])
			if known {
				t.Error("a removed fact is known in another family")
			}
			return err
		})
		s = s.Reopen(t)
	}
	addFacts(t, s, fact("next"))
	same(t, "LastPosition", removed+2, must[int64](t)(s.LastPosition(t.Context())))
}

// The sums have what was removed, whether they had it before or not, and SaveSums replaces them.
func removedFactsAreSummed(t *testing.T, s Store) {
	labels := dora.Labels{"team": "Platform"}
	last := func(n int, value int64) dora.Fact {
		return dora.Fact{Family: dora.DeploymentTimestamp, Labels: labels, Value: value, At: minute(n), ID: int64(n), Subject: string(rune('a' + n))}
	}
	took := func(n int, value int64) dora.Fact {
		return dora.Fact{Family: dora.LeadTime, Labels: labels, Value: value, At: minute(n), Subject: string(rune('a' + n))}
	}
	all := []dora.Fact{fact("a"), last(2, 20), took(3, 1), fact("b"), last(1, 10), took(4, math.MaxInt32), fact("c"), fact("d")}
	addFacts(t, s, all...)
	want := func(n int) dora.Sums {
		sums := dora.Sums{Position: int64(n), State: dora.State{}, Bounds: dora.BoundsOf(dora.Families())}
		if err := sums.State.Add(dora.FamiliesByName(), all[:n]...); err != nil {
			t.Fatal(err)
		}
		return sums
	}
	for _, step := range []struct{ upTo, removed, sums int }{{3, 3, 3}, {5, 2, 5}} {
		removeFacts(t, s, int64(step.upTo), 99, step.removed)
		same(t, "sums", want(step.sums), must[dora.Sums](t)(s.Sums(t.Context())))
	}
	if err := s.SaveSums(t.Context(), want(6)); err != nil {
		t.Fatal(err)
	}
	s = s.Reopen(t)
	removeFacts(t, s, 6, 99, 1) // the sums have it
	same(t, "sums", want(6), must[dora.Sums](t)(s.Sums(t.Context())))
	removeFacts(t, s, 7, 99, 1)
	same(t, "sums", want(7), must[dora.Sums](t)(s.Sums(t.Context())))
	total := must[[]dora.SeriesHistory](t)(s.SeriesHistory(t.Context(), dora.SeriesQuery{
		Family: dora.FamiliesByName()[dora.DeploymentsTotal], MaxFacts: -1, MaxValue: math.MaxInt64, MaxSeries: -1,
	}))
	if len(total) != 1 || total[0].Own != 4 || total[0].Folded.Own != 3 || total[0].FactCount != 1 {
		t.Errorf("the history of the series is %+v, want 4, of which 3 were removed", total)
	}
}

func removalUndone(t *testing.T, s Store) {
	addFacts(t, s, fact("a"), fact("b"))
	err := s.Update(t.Context(), func(tx dora.Tx) error {
		_, err := tx.Removal().RemoveFacts(1, minute(5), 9)
		return errors.Join(err, errRule)
	})
	if !errors.Is(err, errRule) {
		t.Fatal(err)
	}
	inOrder(t, s, "a", "b")
	same(t, "sums", dora.Sums{}, must[dora.Sums](t)(s.Sums(t.Context())))
	same(t, "Removal", dora.Removal{}, must[dora.Removal](t)(s.Removal(t.Context())))
	addFacts(t, s, fact("c"))
}

func removedDeliveries(t *testing.T, s Store) {
	names := oddNames()
	accept(t, s, names...)
	var last int64
	for n, d := range must[[]dora.Delivery](t)(s.DeliveryQueue().Claim(t.Context(), minute(0), time.Minute, limit)) {
		if n < 2 {
			continue // stays pending
		}
		last = d.ID
		update(t, s, func(tx dora.Tx) error { return tx.Deliveries().Done(d.ID) })
	}
	for _, step := range []struct {
		upTo        int64
		limit, want int
	}{{last - 1, 1, 1}, {last - 1, 99, len(names) - 4}, {last - 1, 99, 0}} {
		update(t, s, func(tx dora.Tx) error {
			n, err := tx.Removal().RemoveDeliveries(step.upTo, step.limit)
			same(t, "removed deliveries", step.want, n)
			return err
		})
	}
	limitTo(t, s, 1) // there is no room, but for duplicates
	for range 2 {
		for _, name := range names {
			if duplicate, err := s.Accept(t.Context(), delivery(name)); err != nil || !duplicate {
				t.Errorf("Accept(%q) again = %t, %v; want a duplicate", name, duplicate, err)
			}
		}
		same(t, "stored deliveries", 3, len(must[[]dora.StoredDelivery](t)(s.Recent(t.Context(), limit))))
		s = s.Reopen(t)
	}
}

func removedDeployments(t *testing.T, s Store) {
	old, kept := success(1, 1), success(2, 2)
	old.Shipment = &dora.Shipment{Changes: []dora.Change{{SHA: old.SHA, Origin: dora.Origin{Title: "T"}}}}
	save(t, s, old, kept)
	update(t, s, func(tx dora.Tx) error {
		c := old.Shipment.Changes[0]
		days := dora.DayChanges{Evidence: map[string][]dora.Evidence{"a/1": {piece(old.Key(), dora.CauseIncident, "a/1", 2)}}}
		return errors.Join(tx.Deployments().AddShipped(old, c, c.Names()), tx.Days().Save(days), tx.Commits().SaveOrigin(old.Commit().Key(), dora.Origin{Title: "T"}),
			tx.Evidence().Add(piece(old.Key(), dora.CauseRollback, kept.Key(), 2)))
	})
	update(t, s, func(tx dora.Tx) error {
		evidence, err := tx.Removal().EvidenceAgainst(old)
		same(t, "evidence against it", 2, len(evidence))
		return errors.Join(err, tx.Removal().RemoveDeployment(old, minute(2)))
	})
	s = s.Reopen(t)
	update(t, s, func(tx dora.Tx) error {
		for key, want := range map[string]bool{old.Key(): true, kept.Key(): false, old.Key() + "/x": false} {
			if removed, err := tx.Removal().IsRemoved(dora.SubjectDeployment, key); err != nil || removed != want {
				t.Errorf("IsRemoved(%s) = %t, %v; want %t", key, removed, err, want)
			}
		}
		if removed, err := tx.Removal().IsRemoved(dora.SubjectIncident, old.Key()); err != nil || removed {
			t.Errorf("IsRemoved of another kind = %t, %v", removed, err)
		}
		_, known, err := tx.History().Deployment(old.Key())
		_, follows, err2 := tx.History().Previous(scope(), kept.Moment())
		_, _, shipped, err3 := tx.History().FirstShipped(scope(), old.SHA)
		titled, err4 := tx.History().Titled(scope(), "T", kept.Moment())
		_, cached, err5 := tx.Commits().Origin(old.Commit().Key())
		evidence, err6 := tx.Evidence().Undecided(scope(), dora.FarFuture)
		if known || follows || shipped || cached || len(titled)+len(evidence) > 0 {
			t.Errorf("of the removed deployment, these are known: %t, %t, %t, %t, %v, %v", known, follows, shipped, cached, titled, evidence)
		}
		_, known, err7 := tx.History().Deployment(kept.Key())
		if !known {
			t.Error("the other one is not known")
		}
		return errors.Join(err, err2, err3, err4, err5, err6, err7)
	})
}

// Days, what they add up to, and the evidence that a removed deployment gave stay, also when all are to be made anew.
func daysStayAfterARemoval(t *testing.T, s Store) {
	old, kept := success(1, 1), success(2, 2)
	save(t, s, old, kept)
	completeFrom := func(want time.Time) {
		t.Helper()
		updateDays(t, s, func(tx dora.DayTx) error {
			from, err := tx.CompleteFrom(scope())
			same(t, "CompleteFrom", want, from)
			return err
		})
	}
	completeFrom(time.Time{})
	day := dora.MeasuredDay{DayKey: dora.DayKey{Owned: dora.OwnedBy(old), Date: 100}, Deployments: []dora.Measured{measured(1, 10)}}
	counts := dora.Counts{}
	counts.Add(day.Deployments[0], 1)
	by, against := piece(kept.Key(), dora.CauseRollback, old.Key(), 1), piece(old.Key(), dora.CauseRollback, kept.Key(), 2)
	updateDays(t, s, func(tx dora.DayTx) error {
		return tx.Save(dora.DayChanges{
			Days: []dora.MeasuredDay{day}, Counts: map[dora.Owned]dora.Counts{day.Owned: counts}, Stale: map[string]time.Time{scope(): {}, dora.StaleIncidents: {}},
			Evidence: map[string][]dora.Evidence{old.Key(): {by}, kept.Key(): {against}},
		})
	})
	update(t, s, func(tx dora.Tx) error { return tx.Removal().RemoveDeployment(old, minute(2)) })
	wantStale(t, s, "nothing", map[string]time.Time{})
	completeFrom(minute(2))
	updateDays(t, s, func(tx dora.DayTx) error { return tx.Restart("another") })
	wantStale(t, s, "all", map[string]time.Time{scope(): {}, dora.StaleIncidents: {}})
	updateDays(t, s, func(tx dora.DayTx) error {
		days, err := tx.Days(scope(), 0, 200)
		same(t, "days", []dora.MeasuredDay{day}, days)
		given, err2 := tx.EvidenceBy([]string{old.Key(), kept.Key()})
		same(t, "evidence", []dora.Evidence{by}, given)
		return errors.Join(err, err2)
	})
	removeFacts(t, s, 0, 9, 0)
	completeFrom(minute(2))
}

func removedIncidents(t *testing.T, s Store) {
	updateDays(t, s, func(tx dora.DayTx) error {
		return tx.Save(dora.DayChanges{Evidence: map[string][]dora.Evidence{"a/1": {piece(success(1, 1).Key(), dora.CauseIncident, "a/1", 1)}}})
	})
	saveIncidents(t, s, dora.Incident{Key: "a/1", Name: "INC-1"}, dora.Incident{Key: "a/2", Name: "INC-2"}, dora.Incident{Key: "a/3", Name: "INC-3"})
	update(t, s, func(tx dora.Tx) error {
		return errors.Join(tx.Removal().RemoveIncident(dora.Incident{Key: "a/1", Name: "INC-1"}, minute(5), true),
			tx.Removal().RemoveIncident(dora.Incident{Key: "a/2", Name: "INC-2"}, minute(4), false))
	})
	s = s.Reopen(t)
	for name, want := range map[string][2]bool{"INC-1": {true, true}, "INC-2": {true, false}, "INC-3": {}, "INC-4": {}} {
		if removed, counted, err := s.RemovedIssue(t.Context(), name); err != nil || removed != want[0] || counted != want[1] {
			t.Errorf("RemovedIssue(%s) = %t, %t, %v; want %v", name, removed, counted, err, want)
		}
	}
	for key, want := range map[string]bool{"a/1": true, "a/2": false, "a/3": false} {
		same(t, "the reader's IsRemoved of "+key, want, must[bool](t)(s.IsRemoved(t.Context(), dora.SubjectIncident, key)))
	}
	update(t, s, func(tx dora.Tx) error {
		for scope, want := range map[string]time.Time{scope(): minute(5), "other": {}} {
			from, err := tx.Days().CompleteFrom(scope)
			same(t, "CompleteFrom of "+scope, want, from)
			if err != nil {
				return err
			}
		}
		for key, want := range map[string]bool{"a/1": true, "a/2": false, "a/3": false} {
			if removed, err := tx.Removal().IsRemoved(dora.SubjectIncident, key); err != nil || removed != want {
				t.Errorf("IsRemoved(%s) = %t, %v; want %t", key, removed, err, want)
			}
			i, err := tx.Incidents().Get(key)
			if known := i.Key != ""; err != nil || known != (key == "a/3") {
				t.Errorf("%s is known: %t, %v", key, known, err)
			}
		}
		return nil
	})
}

// An incident is needed from when it is evidence until what it shows is repaired.
func unrepairedByIncidents(t *testing.T, s Store) {
	failed := success(1, 1)
	save(t, s, failed)
	by := func(want bool) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			for key, want := range map[string]bool{"a/1": want, "a/2": false} {
				got, err := tx.Removal().IsUnrepairedBy(key)
				whether(t, "IsUnrepairedBy "+key, want, got, err)
			}
			return nil
		})
	}
	by(false)
	e := piece(failed.Key(), dora.CauseIncident, "a/1", 2)
	addEvidence(t, s, e)
	by(true)
	change := dora.FailedChange{Evidence: e}
	update(t, s, func(tx dora.Tx) error { return tx.Evidence().SaveFailedChange(change) })
	by(true)
	change.RepairedAt, change.RepairedBy = minute(3), e.By
	update(t, s, func(tx dora.Tx) error { return tx.Evidence().SaveFailedChange(change) })
	by(false)
}
