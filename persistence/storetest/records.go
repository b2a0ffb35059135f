package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"dora-exporter/dora"
)

// Records reads everything for a report, as of one moment, and Snapshot does so for any reads.
func recordRules() rules {
	return rules{"moment": recordsOfOneMoment, "whole": recordsOfWholeTransactions, "order": recordsInOrder}
}

// remember adds a deployment, an incident, an evaluation and a fact of each of two families.
func remember(t *testing.T, s Store, n int) {
	t.Helper()
	d := success(n, n)
	update(t, s, func(tx dora.Tx) error {
		_, err := tx.Facts().Add(dora.Fact{Family: dora.Changes, Labels: dora.Labels{"team": "Platform"}, Value: 1, At: minute(n), Subject: fmt.Sprintf("change:%d", n)})
		_, otherErr := tx.Facts().Add(dora.Fact{Family: dora.DeploymentsTotal, Value: 1, Subject: fmt.Sprint(n)})
		return errors.Join(err, otherErr, tx.Deployments().Save(d), tx.Incidents().Save(dora.Incident{Key: fmt.Sprintf("h/%d", n), Name: "INC-7", Created: minute(n)}),
			tx.Evaluations().Add(dora.Evaluation{Kind: dora.OutcomeEvaluation, Key: d.Key()}))
	})
}

// What is committed while the records are read is not in them.
func recordsOfOneMoment(t *testing.T, s Store) {
	remember(t, s, 1)
	n := 0
	records := must[dora.Records](t)(s.Records(t.Context(), func(f dora.Fact) {
		n++
		same(t, "the fact", "change:1", f.Subject)
		remember(t, s, n+1)
	}, dora.Changes, dora.LeadTime))
	if n != 1 || len(records.Deployments) != 1 || len(records.Incidents) != 1 {
		t.Errorf("%d facts and %+v, want one of each", n, records)
	}
	same(t, "evaluations", 1, waitingIn(records))
	records = must[dora.Records](t)(s.Records(t.Context(), func(dora.Fact) { n++ }, dora.Changes))
	if n != 3 || len(records.Deployments) != 2 || len(records.Incidents) != 2 || waitingIn(records) != 2 {
		t.Errorf("%d facts and %+v afterwards, want all", n, records)
	}
}

// A transaction is in the records as a whole or not at all, though others commit all the time.
func recordsOfWholeTransactions(t *testing.T, s Store) {
	written := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		defer close(written)
		for n := range 60 {
			remember(t, s, n+1)
		}
	})
	for reading := true; reading && !t.Failed(); {
		select {
		case <-written:
			reading = false
		default:
		}
		facts := 0
		records, err := s.Records(t.Context(), func(dora.Fact) { facts++ }, dora.Changes)
		if err != nil {
			t.Error(err)
			break
		}
		same(t, "facts, incidents and evaluations of so many deployments", []int{len(records.Deployments), len(records.Deployments), len(records.Deployments)},
			[]int{facts, len(records.Incidents), waitingIn(records)})
	}
	wait.Wait()
}

func recordsInOrder(t *testing.T, s Store) {
	for _, n := range []int{3, 1, 2} {
		remember(t, s, n)
	}
	var subjects []string
	records := must[dora.Records](t)(s.Records(t.Context(), func(f dora.Fact) { subjects = append(subjects, f.Subject) }, dora.DeploymentsTotal, dora.Changes))
	same(t, "facts by position", []string{"change:3", "3", "change:1", "1", "change:2", "2"}, subjects)
	same(t, "deployments by key", []int64{1, 2, 3}, idsOf(records.Deployments))
	same(t, "incidents by key", []string{"h/1", "h/2", "h/3"}, keysOf(records.Incidents))
	same(t, "without families", 3, len(must[dora.Records](t)(s.Records(t.Context(), func(f dora.Fact) { t.Errorf("fact %+v", f) })).Deployments))
}

// waitingIn is how many evaluations waited.
func waitingIn(r dora.Records) int { return r.Unsettled }

func snapshotRules() rules {
	return rules{"still": snapshotsStandStill, "error": snapshotsReturnErrors}
}

func snapshotsStandStill(t *testing.T, s Store) {
	remember(t, s, 1)
	err := s.Snapshot(t.Context(), func(r Reader) error {
		for n := range 2 {
			last, err := r.LastPosition(t.Context())
			waiting, otherErr := r.CountEvaluations(t.Context())
			_, known, thirdErr := r.Deployment(t.Context(), success(2, 2).Key())
			if err := errors.Join(err, otherErr, thirdErr); err != nil {
				return err
			}
			if last != 2 || waiting != 1 || known {
				t.Errorf("read %d: the last position is %d, %d evaluations wait, a later deployment is known: %t", n, last, waiting, known)
			}
			same(t, "deployments that Records returns", 1, len(must[dora.Records](t)(r.Records(t.Context(), func(dora.Fact) {})).Deployments))
			remember(t, s, n+2)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "LastPosition afterwards", int64(6), must[int64](t)(s.LastPosition(t.Context())))
}

func snapshotsReturnErrors(t *testing.T, s Store) {
	if err := s.Snapshot(t.Context(), func(Reader) error { return errRule }); !errors.Is(err, errRule) {
		t.Errorf("Snapshot = %v, want the function's error", err)
	}
	remember(t, s, 1)
}
