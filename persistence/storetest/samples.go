package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"dora-exporter/dora"
)

// errRule is the error of a function that has its transaction undone.
var errRule = errors.New("a rule failed")

// limit is more than any test stores.
const limit = 10_000

// minute returns a time that is n minutes after the beginning of the tests' time, which is not that of the machine.
func minute(n int) time.Time {
	return time.Date(2026, 3, 2, 9, 0, 0, 5e6, time.UTC).Add(time.Duration(n) * time.Minute)
}

// oddNames are names that an engine could mistake for one another, or for patterns. No two are equal.
func oddNames() []string {
	return []string{
		"a", "A", "á", "a\u0301", "a ", " a", "a!", "a/", "a0", "a/b", "a%", "%", "a_", "_", "a*", "?", "a.b", `a\`, `a"b`, "a'b", "a;--", "a\x00", "a\x00b",
		"Zürich", "zürich", "İ", "ß", "SS", "名前", "🙂", "<&>", "\u2028",
	}
}

// delivery is about a status of a deployment.
func delivery(key string) dora.Delivery {
	return dora.Delivery{
		Source: dora.GitHub, Key: key, Received: minute(0),
		Event: dora.Event{Status: &dora.Status{ID: 7, State: "success", CreatedAt: minute(-1)}},
	}
}

// success is a deployment to production by its number and the minute of its success.
func success(id, at int) dora.DeploymentRecord {
	return dora.DeploymentRecord{
		Deployment: dora.Deployment{
			Host: "api.github.com", ID: int64(id), Owner: "acme", Repository: "web", Environment: "production",
			SHA: fmt.Sprintf("%040x", id), CreatedAt: minute(at - 1),
		},
		Team: "Platform", InProduction: true,
		Outcomes: []dora.Outcome{{ID: int64(id), State: "success", At: minute(at)}},
	}
}

// scope is that of the deployments that success returns.
func scope() string { return success(1, 0).Scope() }

// evaluation is that of a deployment.
func evaluation(d dora.DeploymentRecord, due time.Time) dora.Evaluation {
	return dora.Evaluation{
		Kind: dora.DeploymentEvaluation, Key: d.Key(), Scope: d.Scope(), At: d.Succeeded(), ID: d.ID, Due: due, Ripe: due.Add(time.Minute),
	}
}

func fact(subject string) dora.Fact {
	return dora.Fact{Family: dora.DeploymentsTotal, Labels: dora.Labels{"team": "Platform"}, Value: 1, At: minute(0), Subject: subject}
}

func commit(sha string) dora.Commit {
	return dora.Commit{Host: "api.github.com", Owner: "acme", Repository: "web", SHA: sha}
}

func update(t *testing.T, c dora.Transactor, f func(dora.Tx) error) {
	t.Helper()
	if err := c.Update(t.Context(), f); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func accept(t *testing.T, s Store, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if duplicate, err := s.Accept(t.Context(), delivery(key)); duplicate || err != nil {
			t.Fatalf("Accept(%q) = %t, %v", key, duplicate, err)
		}
	}
}

func addFacts(t *testing.T, s Store, facts ...dora.Fact) {
	t.Helper()
	update(t, s, func(tx dora.Tx) error {
		for _, f := range facts {
			if added, err := tx.Facts().Add(f); err != nil || !added {
				return fmt.Errorf("Facts().Add(%q) = %t, %w", f.Subject, added, err)
			}
		}
		return nil
	})
}

// save stores deployments, and that their repositories are called by the name that each has.
func save(t *testing.T, s Store, all ...dora.DeploymentRecord) {
	t.Helper()
	update(t, s, func(tx dora.Tx) error {
		for _, d := range all {
			if err := tx.Deployments().Save(d); err != nil {
				return err
			}
			if err := tx.Repositories().AddName(d.RepositoryKey(), d.RepositoryName(), d.CreatedAt); err != nil {
				return err
			}
		}
		return nil
	})
}

// pending claims and releases the deliveries that are due, and returns their keys.
func pending(t *testing.T, s Store, now time.Time) []string {
	t.Helper()
	var keys []string
	for _, d := range peek(t, s.DeliveryQueue(), now) {
		keys = append(keys, d.Key)
	}
	return keys
}

// peek claims and releases all items that are due.
func peek[T any](t *testing.T, q dora.Queue[T], now time.Time) []T {
	t.Helper()
	items, err := q.Claim(t.Context(), now, time.Minute, limit)
	if err == nil {
		err = q.Release(t.Context(), items...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// idsOf are the numbers of deployments.
func idsOf(all []dora.DeploymentRecord) []int64 {
	var ids []int64
	for _, d := range all {
		ids = append(ids, d.ID)
	}
	return ids
}
