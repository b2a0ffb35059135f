package storetest

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// attempt ends the processing of a delivery in some way.
type attempt func(tx dora.Tx, id int64) error

func done(tx dora.Tx, id int64) error   { return tx.Deliveries().Done(id) }
func failed(tx dora.Tx, id int64) error { return tx.Deliveries().Retry(id, 1, 0, "why", minute(99)) }

func noTeam(tx dora.Tx, id int64) error { return tx.Deliveries().Postpone(id, minute(6), minute(99)) }
func leave(tx dora.Tx, id int64) error  { return tx.Deliveries().SetAside(id, 5, "why") }

// Evaluations wait for the deliveries that had arrived when they became due, until each is processed, set aside or waits for its team.
func settledRules() rules {
	return rules{
		"processed":                      settledBy(done),
		"postponed":                      settledBy(noTeam),
		"set aside":                      settledBy(leave),
		"failed, then processed":         settledBy(failed, done),
		"failed, then postponed":         settledBy(failed, failed, noTeam),
		"failed, then set aside":         settledBy(failed, leave),
		"oldest of those that are tried": oldestDecides(failed),
		"oldest":                         oldestDecides(),
		"failed while it was postponed":  failsWhilePostponed,
	}
}

// evaluationsDue returns how many evaluations of both queues can be claimed.
func evaluationsDue(t *testing.T, s Store, now time.Time) int {
	t.Helper()
	return len(peek(t, s.ComparisonQueue(), now)) + len(peek(t, s.EvaluationQueue(), now))
}

// addDue adds an evaluation to each queue.
func addDue(t *testing.T, s Store, due time.Time) {
	t.Helper()
	addEvaluation(t, s, evaluation(success(1, 1), due),
		dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: "outcome", Scope: scope(), At: minute(1), Due: due, Ripe: due})
}

// settledBy checks that evaluations wait until the last attempt at a delivery, whether it is leased or not, by whatever clock.
func settledBy(attempts ...attempt) func(t *testing.T, s Store) {
	return func(t *testing.T, s Store) {
		accept(t, s, "delivery") // at minute 0, by the clock of the wall
		addDue(t, s, minute(5))
		arrivesBeforeDue(t, s)
		claimed := must[[]dora.Delivery](t)(s.Client("killed").DeliveryQueue().Claim(t.Context(), minute(0), time.Minute, 9))
		same(t, "while it is leased", 0, evaluationsDue(t, s, minute(9)))
		for _, try := range attempts {
			same(t, "before the last attempt", 0, evaluationsDue(t, s, minute(9)))
			update(t, s.Client("killed"), func(tx dora.Tx) error { return try(tx, claimed[0].ID) })
		}
		same(t, "after the last attempt, before they are due", 0, evaluationsDue(t, s, minute(4)))
		same(t, "after the last attempt", 2, evaluationsDue(t, s, minute(5)))
	}
}

// arrivesBeforeDue checks that evaluations which are due at minute 5 wait for a delivery of minute 0 by the wall's clock only if they were due by
// then, and leaves the clock so.
func arrivesBeforeDue(t *testing.T, s Store) {
	t.Helper()
	for _, c := range []struct {
		what    string
		reading int // that the store's clock had at minute 0 of the wall's
		want    int
	}{
		{"arrived before they were due", 4, 0}, {"arrived when they were due", 5, 2}, {"arrived afterwards", 6, 2}, {"arrived long before", -9999, 0},
	} {
		setClock(t, s, minute(c.reading+7), minute(7))
		same(t, c.what, c.want, evaluationsDue(t, s, minute(9)))
	}
}

// oldestDecides checks that evaluations wait for the older of two deliveries, after these attempts at both, and not for the newer one.
func oldestDecides(attempts ...attempt) func(t *testing.T, s Store) {
	return func(t *testing.T, s Store) {
		for i, key := range []string{"older", "newer"} {
			d := delivery(key)
			d.Received = minute(3 + 3*i)
			if _, err := s.Accept(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		addDue(t, s, minute(5))
		both := peek(t, s.DeliveryQueue(), minute(0))
		for _, try := range attempts {
			for _, d := range both {
				update(t, s, func(tx dora.Tx) error { return try(tx, d.ID) })
			}
		}
		same(t, "before the older one is processed", 0, evaluationsDue(t, s, minute(9)))
		for _, d := range both {
			if d.Key == "older" {
				update(t, s, func(tx dora.Tx) error { return done(tx, d.ID) })
			}
		}
		same(t, "afterwards", 2, evaluationsDue(t, s, minute(9)))
	}
}

func failsWhilePostponed(t *testing.T, s Store) {
	accept(t, s, "delivery")
	addDue(t, s, minute(5))
	id := peek(t, s.DeliveryQueue(), minute(0))[0].ID
	for _, c := range []struct {
		what string
		try  attempt
		want int
	}{{"postponed", noTeam, 2}, {"then failed", failed, 0}, {"postponed again", noTeam, 2}} {
		update(t, s, func(tx dora.Tx) error { return c.try(tx, id) })
		same(t, c.what, c.want, evaluationsDue(t, s, minute(9)))
	}
}
