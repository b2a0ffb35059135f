package storetest

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"dora-exporter/dora"
)

// With a delivery goes what its event has left, if the deployment is not stored.
func removedUnrecorded(t *testing.T, s Store) {
	stored, unrecorded := success(1, 1), success(2, 2)
	save(t, s, stored)
	addRepository(t, s, dora.Repository{Key: stored.RepositoryKey(), Host: stored.Host}, stored.RepositoryName())
	statusOf := func(d dora.DeploymentRecord, id int64) dora.Status {
		return dora.Status{Deployment: d.Deployment, ID: id, State: "waiting", CreatedAt: minute(int(id))}
	}
	later := success(3, 3).Deployment
	for n, status := range []dora.Status{statusOf(stored, 5), statusOf(unrecorded, 6), statusOf(unrecorded, 7)} {
		d := dora.Delivery{Source: dora.GitHub, Key: string(rune('a' + n)), Received: minute(0), Event: dora.Event{Status: &status}}
		if _, err := s.Accept(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		update(t, s, func(tx dora.Tx) error {
			return errors.Join(tx.Deployments().AddStatus(status.Deployment.Key(), status.State, status.CreatedAt, status.ID),
				tx.Commits().SaveOrigin(status.Deployment.Commit().Key(), dora.Origin{Title: "T"}))
		})
	}
	accepted := must[[]dora.Delivery](t)(s.DeliveryQueue().Claim(t.Context(), minute(0), time.Minute, limit))
	want := func(what string, statuses [3]int, origins [2]bool, removed bool) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			for n, d := range []dora.DeploymentRecord{stored, unrecorded, unrecorded} {
				ids, err := tx.Deployments().StatusesAt(d.Key(), "waiting", minute(5+n))
				if err != nil || len(ids) != statuses[n] {
					t.Errorf("%s: status %d is there %d times, want %d; %v", what, 5+n, len(ids), statuses[n], err)
				}
			}
			for n, d := range []dora.DeploymentRecord{stored, unrecorded} {
				if _, known, err := tx.Commits().Origin(d.Commit().Key()); err != nil || known != origins[n] {
					t.Errorf("%s: the origin of commit %d is known: %t, want %t; %v", what, n, known, origins[n], err)
				}
				got, err := tx.Removal().IsRemoved(dora.SubjectStatus, d.Key())
				if want := removed && n == 1; err != nil || got != want {
					t.Errorf("%s: statuses of %s were removed: %t, want %t; %v", what, d.Key(), got, want, err)
				}
			}
			got, err := tx.Removal().IsRemoved(dora.SubjectStatus, later.Key())
			if got {
				t.Errorf("%s: statuses of another deployment were removed", what)
			}
			return err
		})
	}
	want("at first", [3]int{1, 1, 1}, [2]bool{true, true}, false)
	for n, d := range accepted {
		update(t, s, func(tx dora.Tx) error {
			err := tx.Deliveries().Done(d.ID)
			_, err2 := tx.Removal().RemoveDeliveries(math.MaxInt64, limit)
			return errors.Join(err, err2)
		})
		switch n {
		case 0:
			want("after the delivery of a stored deployment", [3]int{1, 1, 1}, [2]bool{true, true}, false)
		case 1:
			want("after one of another", [3]int{1, 0, 1}, [2]bool{true, false}, true)
		}
	}
	s = s.Reopen(t)
	want("after all", [3]int{1, 0, 0}, [2]bool{true, false}, true)
	for number, removed := range map[int64][]string{1: nil, 2: {unrecorded.Key()}, 3: nil} {
		same(t, fmt.Sprint("removed deployments ", number), removed, must[[]string](t)(s.RemovedDeployments(t.Context(), "Acme", "WEB", number)))
	}
}
