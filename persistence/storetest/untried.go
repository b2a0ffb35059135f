package storetest

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// Evaluations wait for the deliveries that had arrived when they became due, until somebody has tried to process these.
func untriedRules() rules {
	return rules{
		"processed": untriedUntil(func(tx dora.Tx, id int64) error { return tx.Deliveries().Done(id) }),
		"failed":    untriedUntil(func(tx dora.Tx, id int64) error { return tx.Deliveries().Retry(id, 1, 0, "why", minute(99)) }),
		"postponed": untriedUntil(func(tx dora.Tx, id int64) error { return tx.Deliveries().Postpone(id, minute(6), minute(99)) }),
		"set aside": untriedUntil(func(tx dora.Tx, id int64) error { return tx.Deliveries().SetAside(id, 1, "why") }),
		"oldest":    theOldestUntriedDecides,
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

// untriedUntil checks that evaluations wait until a delivery is tried, whether it is leased or not, by whatever clock.
func untriedUntil(try func(tx dora.Tx, id int64) error) func(t *testing.T, s Store) {
	return func(t *testing.T, s Store) {
		accept(t, s, "untried") // at minute 0, by the clock of the wall
		addDue(t, s, minute(5))
		for _, c := range []struct {
			what    string
			reading int // that the store's clock had at minute 0 of the wall's
			want    int
		}{
			{"arrived before it was due", 4, 0}, {"arrived when it was due", 5, 2}, {"arrived afterwards", 6, 2}, {"arrived long before", -9999, 0},
		} {
			setClock(t, s, minute(c.reading+7), minute(7))
			same(t, c.what, c.want, evaluationsDue(t, s, minute(9)))
		}
		claimed := must[[]dora.Delivery](t)(s.Client("killed").DeliveryQueue().Claim(t.Context(), minute(0), time.Minute, 9))
		same(t, "while it is leased", 0, evaluationsDue(t, s, minute(9)))
		update(t, s.Client("killed"), func(tx dora.Tx) error { return try(tx, claimed[0].ID) })
		same(t, "when it was tried, before they are due", 0, evaluationsDue(t, s, minute(4)))
		same(t, "when it was tried", 2, evaluationsDue(t, s, minute(5)))
	}
}

func theOldestUntriedDecides(t *testing.T, s Store) {
	for i, key := range []string{"1", "2"} {
		d := delivery(key)
		d.Received = minute(3 + 3*i)
		if _, err := s.Accept(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	addDue(t, s, minute(5))
	same(t, "while both are untried", 0, evaluationsDue(t, s, minute(9)))
	for _, d := range peek(t, s.DeliveryQueue(), minute(0)) {
		if d.Key == "1" {
			update(t, s, func(tx dora.Tx) error { return tx.Deliveries().Done(d.ID) })
		}
	}
	same(t, "while the newer one is", 2, evaluationsDue(t, s, minute(9)))
}
