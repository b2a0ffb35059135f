package storetest

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// Counted reads what was counted of the successes in production since a time: of the first teams by name, and no more deployments
// than the limit, the newest.
func countedRules() rules { return rules{"select": countedOfATime, "content": countedWithTheirFacts} }

func countedOfATime(t *testing.T, s Store) {
	of := func(id, at int, team, environment string) dora.DeploymentRecord {
		d := success(id, at)
		d.Team, d.Environment, d.InProduction = team, environment, environment == "production"
		return d
	}
	failed, never := of(8, 4, "A", "production"), of(9, 4, "A team without a success", "production")
	failed.Outcomes[0].State, never.Outcomes[0].State = "failure", "failure"
	save(t, s, of(1, 1, "A", "production"), of(2, 2, "B", "production"), of(3, 3, "A", "production"), of(4, 4, "A", "staging"), of(5, 5, "B", "production"),
		of(6, 6, "C", "production"), of(7, 1, "D", "staging"), failed, never)
	for name, test := range map[string]struct {
		since        time.Time
		teams, limit int
		want         []int64
		from         time.Time
	}{
		"all":         {minute(0), 10, 10, []int64{1, 2, 3, 5, 6}, minute(0)},
		"exactly all": {minute(0), 3, 5, []int64{1, 2, 3, 5, 6}, minute(0)},
		"a time":      {minute(3), 10, 10, []int64{3, 5, 6}, minute(3)},
		"some teams":  {minute(0), 2, 10, []int64{1, 2, 3, 5}, minute(0)},
		"the newest":  {minute(0), 10, 2, []int64{5, 6}, minute(3).Add(time.Millisecond)}, // a time that is told in part is left out
		"none":        {minute(7), 10, 10, nil, minute(7)},
	} {
		c, err := s.Counted(t.Context(), test.since, test.teams, test.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, d := range c.Deployments {
			got = append(got, d.ID)
		}
		same(t, name, test.want, got)
		if !c.From.Equal(test.from) || !c.First.Equal(minute(1)) || c.Teams != 3 {
			t.Errorf("%s: from %v, first %v, %d teams; want from %v, first %v, 3 teams", name, c.From, c.First, c.Teams, test.from, minute(1))
		}
	}
}

// A change counts with the deployment that its fact names, a failed change and rework with theirs.
func countedWithTheirFacts(t *testing.T, s Store) {
	first, second := success(1, 1), success(2, 2)
	first.Shipment = &dora.Shipment{Changes: []dora.Change{{SHA: "a"}, {SHA: "b"}}}
	second.Shipment = &dora.Shipment{Changes: []dora.Change{{SHA: "b"}, {Origin: dora.Origin{PullRequest: 7}, SHA: "c"}, {SHA: "unknown"}}}
	save(t, s, first, second)
	change := func(name string, by dora.DeploymentRecord) dora.Fact {
		return dora.Fact{Family: dora.Changes, Labels: dora.Labels{}, Value: 1, ID: by.ID, Subject: dora.Subject(dora.SubjectChange, scope()+"/"+name)}
	}
	addFacts(t, s, change("a", first), change("b", first), change("#7", second), dora.Fact{
		Family: dora.ReworkDeployments, Labels: dora.Labels{"cause": "rollback"}, Value: 1, Subject: dora.Subject(dora.SubjectRework, second.Key()),
	})
	failed := dora.FailedChange{Evidence: dora.Evidence{Target: first.Key(), Scope: scope(), Cause: dora.CauseRollback, At: minute(2)}, RepairedBy: second.Key(), RepairedAt: minute(2)}
	update(t, s, func(tx dora.Tx) error { return tx.Evidence().SaveFailedChange(failed) })
	c, err := s.Counted(t.Context(), minute(0), 9, 9)
	if err != nil || len(c.Deployments) != 2 {
		t.Fatalf("Counted = %+v, %v; want two", c, err)
	}
	changes := func(d dora.CountedDeployment) (names []string) {
		for _, c := range d.Changes {
			names = append(names, c.Name())
		}
		return names
	}
	same(t, "changes of the first", []string{"a", "b"}, changes(c.Deployments[0]))
	same(t, "changes of the second", []string{"#7"}, changes(c.Deployments[1]))
	same(t, "the failed change", &failed, c.Deployments[0].Mark)
	same(t, "the other", (*dora.FailedChange)(nil), c.Deployments[1].Mark)
	same(t, "rework", []dora.Cause{"", dora.CauseRollback}, []dora.Cause{c.Deployments[0].Repaired, c.Deployments[1].Repaired})
}
