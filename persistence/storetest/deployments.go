package storetest

import (
	"errors"
	"slices"
	"testing"

	"dora-exporter/dora"
)

// People name a deployment owner/repository#number, whatever the case of the repository and whichever server it is of.
func deploymentRules() rules {
	return rules{"name": deploymentsByName, "nearest": nearestDeployments, "content": deploymentsKeepTheirContent, "copies": deploymentsAreCopies}
}

func deploymentsByName(t *testing.T, s Store) {
	in := func(host, owner, repository string, id int) dora.DeploymentRecord {
		d := success(id, id)
		d.Host, d.Owner, d.Repository = host, owner, repository
		return d
	}
	save(t, s, in("b", "Acme", "Web", 7), in("a", "acme", "web", 7), in("a", "acme", "web2", 77), in("c", "acme", "web", 77), in("d", "acme", "app", 7), in("e", "acme/web", "", 7), in("f", "a%", "web", 7))
	keys := func(owner, repository string, number int64) []string {
		var all []string
		for _, d := range must[[]dora.DeploymentRecord](t)(s.Deployments(t.Context(), owner, repository, number)) {
			all = append(all, d.Key())
		}
		return all
	}
	same(t, "by key", []string{"a/7", "b/7"}, keys("ACME", "wEB", 7))
	same(t, "another number", []string{"c/77"}, keys("acme", "web", 77))
	same(t, "a slash", []string{"e/7"}, keys("acme/web", "", 7))
	same(t, "a pattern", []string{"f/7"}, keys("a%", "web", 7))
	for _, owner := range []string{"", "acm", "acme ", "a_", "äcme"} {
		same(t, "owner "+owner, 0, len(keys(owner, "web", 7)))
	}
}

func nearestDeployments(t *testing.T, s Store) {
	other := success(51, 1)
	other.Repository = "app"
	save(t, s, success(10, 1), success(40, 2), success(60, 3), success(100, 4), other)
	for _, test := range []struct {
		number int64
		limit  int
		want   []int64
	}{
		{50, 1, []int64{40}}, {50, 2, []int64{40, 60}}, {51, 1, []int64{60}}, {51, 9, []int64{60, 40, 10, 100}}, {1 << 62, 2, []int64{100, 60}}, {50, 0, nil},
	} {
		same(t, "Nearest", test.want, idsOf(must[[]dora.DeploymentRecord](t)(s.Nearest(t.Context(), "Acme", "Web", test.number, test.limit))))
	}
}

// deploymentsAreCopies changes records that were saved or read: nothing is stored before they are saved.
func deploymentsAreCopies(t *testing.T, s Store) {
	want := success(1, 5)
	want.Workflows = []string{"ci"}
	saved := want
	saved.Outcomes, saved.Workflows = slices.Grow(want.Outcomes, 8), slices.Grow(want.Workflows, 8)
	change := func(d *dora.DeploymentRecord) {
		d.AddOutcome(dora.Outcome{ID: 9, State: "failure", At: minute(1)}) // before the success
		d.Workflows = append(d.Workflows, "deploy")
	}
	check := func(tx dora.Tx) error {
		for range 2 {
			got, _, err := tx.History().Deployment(want.Key())
			if err != nil {
				return err
			}
			same(t, "Deployment", want, got)
			change(&got)
		}
		return nil
	}
	update(t, s, func(tx dora.Tx) error {
		err := tx.Deployments().Save(saved)
		change(&saved)
		return errors.Join(err, check(tx))
	})
	update(t, s, check)
}

func deploymentsKeepTheirContent(t *testing.T, s Store) {
	want := success(1, 1)
	want.Environment, want.Team, want.Ref, want.Late = "Zürich <&> \x00 \"a\"/🙂", "é", "refs/heads/a b", true
	want.Outcomes = []dora.Outcome{{ID: 1, State: "failure", At: minute(0), Late: true}, {ID: 2, State: "success", At: minute(1)}}
	want.Shipment = &dora.Shipment{
		Relation: dora.Ahead, Base: "b", Calls: 3,
		Changes: []dora.Change{{Origin: dora.Origin{PullRequest: 7, FirstCommit: minute(-9)}, SHA: "c", Commits: []string{"d", "c"}}},
	}
	save(t, s, want)
	got, known, err := s.Deployment(t.Context(), want.Key())
	if err != nil || !known {
		t.Fatalf("Deployment = %t, %v", known, err)
	}
	same(t, "Deployment", want, got)
	if _, known, err := s.Deployment(t.Context(), "API.github.com/1"); known || err != nil {
		t.Errorf("Deployment of another key = %t, %v", known, err)
	}
}
