package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// What was counted is read of a time alone, of some teams, and of no more deployments than asked for.
func TestCounted(t *testing.T) {
	store := openStore(t)
	begin := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Hour) }
	deployment := func(n int, team, environment string) dora.DeploymentRecord {
		return dora.DeploymentRecord{
			Deployment: dora.Deployment{Host: "h", ID: int64(n), Owner: "acme", Repository: "web", Environment: environment, SHA: fmt.Sprint(n)},
			Team:       team, InProduction: environment == "production", Outcomes: []dora.Outcome{{ID: int64(n), State: "success", At: at(n)}},
			Shipment: &dora.Shipment{Changes: []dora.Change{{SHA: fmt.Sprint(n)}, {SHA: "again"}}},
		}
	}
	all := []dora.DeploymentRecord{
		deployment(1, "A", "production"), deployment(2, "B", "production"), deployment(3, "A", "production"), deployment(4, "A", "staging"),
		deployment(5, "B", "production"), deployment(6, "C", "production"),
	}
	err := store.Update(t.Context(), func(tx dora.Tx) error {
		for _, d := range all {
			if err := tx.Deployments().Save(d); err != nil {
				return err
			}
			for _, c := range d.Shipment.Changes { // "again" with the first alone
				_, err := tx.Facts().Add(dora.Fact{Family: dora.Changes, Labels: dora.Labels{}, Value: 1, At: at(0), ID: d.ID, Subject: dora.ChangeSubject(d.Deployment, c)})
				if err != nil {
					return err
				}
			}
		}
		if err := tx.Evidence().SaveFailedChange(dora.FailedChange{Evidence: dora.Evidence{Target: "h/3", Cause: dora.CauseRollback, At: at(5)}, RepairedBy: "h/5", RepairedAt: at(5)}); err != nil {
			return err
		}
		_, err := tx.Facts().Add(dora.Fact{Family: dora.ReworkDeployments, Labels: dora.Labels{"cause": "rollback"}, Value: 1, At: at(5), Subject: "rework:h/5"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		since        time.Time
		teams, limit int
		want         []int64
		from, first  time.Time
	}{
		"all":         {at(0), 10, 10, []int64{1, 2, 3, 5, 6}, at(0), at(1)},
		"exactly all": {at(0), 3, 5, []int64{1, 2, 3, 5, 6}, at(0), at(1)},
		"a time":      {at(3), 10, 10, []int64{3, 5, 6}, at(3), at(1)},
		"some teams":  {at(0), 2, 10, []int64{1, 2, 3, 5}, at(0), at(1)},
		"the newest":  {at(0), 10, 2, []int64{5, 6}, at(3).Add(time.Millisecond), at(1)},
		"none":        {at(7), 10, 10, nil, at(7), at(1)},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := store.Counted(t.Context(), test.since, test.teams, test.limit)
			if err != nil {
				t.Fatal(err)
			}
			var got []int64
			for _, d := range c.Deployments {
				got = append(got, d.ID)
				changes := 1
				if d.ID == 1 {
					changes = 2
				}
				if len(d.Changes) != changes || (d.Mark != nil) != (d.ID == 3) || (d.Repaired == dora.CauseRollback) != (d.ID == 5) {
					t.Errorf("%+v", d)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !c.From.Equal(test.from) || !c.First.Equal(test.first) || c.Teams != 3 {
				t.Errorf("from %s, first %s, %d teams", c.From, c.First, c.Teams)
			}
		})
	}
}
