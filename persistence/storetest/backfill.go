package storetest

import (
	"testing"

	"dora-exporter/dora"
)

// What is read of histories is kept in parts, and becomes deliveries.
func backfillRules() rules {
	return rules{
		"parts": backfillParts, "pages": backfillPages, "archive": archivedRepositories, "deliveries": addedDeliveries, "statuses": statusNumbers,
		"removed statuses": removedStatuses,
	}
}

type partState struct{ Cursor string }

func backfillParts(t *testing.T, s Store) {
	names := []string{"github/a", "github/b", "github0", "jira/x"}
	for _, name := range names {
		update(t, s, func(tx dora.Tx) error { return tx.Backfill().SavePart(name, partState{"of " + name}) })
	}
	update(t, s, func(tx dora.Tx) error { return tx.Backfill().SavePart("github/b", partState{"next"}) })
	s = s.Reopen(t)
	update(t, s, func(tx dora.Tx) error {
		for name, want := range map[string]string{"github/a": "of github/a", "github/b": "next"} {
			var got partState
			known, err := tx.Backfill().Part(name, &got)
			same(t, "Part "+name, partState{want}, got)
			if err != nil || !known {
				t.Errorf("Part(%q) = %t, %v", name, known, err)
			}
		}
		if known, err := tx.Backfill().Part("github/", &partState{}); known || err != nil {
			t.Errorf("Part of another name = %t, %v", known, err)
		}
		found, err := tx.Backfill().Parts("github/")
		same(t, "Parts", []string{"github/a", "github/b"}, found)
		return err
	})
}

func backfillPages(t *testing.T, s Store) {
	page := func(n int) dora.ArchivePage {
		return dora.ArchivePage{Pulls: []dora.ArchivedPull{{Number: n, Body: "é \x00"}}}
	}
	update(t, s, func(tx dora.Tx) error {
		for n := range 12 {
			if err := tx.Backfill().AddPage("a", page(n)); err != nil {
				return err
			}
		}
		return tx.Backfill().AddPage("b", page(99))
	})
	update(t, s, func(tx dora.Tx) error {
		found, err := tx.Backfill().Pages("a")
		var numbers []int
		for _, p := range found {
			numbers = append(numbers, p.Pulls[0].Number)
		}
		same(t, "Pages", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, numbers)
		if err != nil {
			return err
		}
		return tx.Backfill().RemovePages("a")
	})
	update(t, s, func(tx dora.Tx) error {
		found, err := tx.Backfill().Pages("a")
		same(t, "Pages after RemovePages", 0, len(found))
		if err != nil {
			return err
		}
		found, err = tx.Backfill().Pages("b")
		same(t, "Pages of another part", []dora.ArchivePage{page(99)}, found)
		return err
	})
}

func archivedRepositories(t *testing.T, s Store) {
	want := dora.ArchivedRepository{
		ID: 7, DefaultBranch: "main", Newest: "c", PullsSince: minute(0),
		Pulls:   []dora.ArchivedPull{{Number: 2, MergeCommit: dora.ArchivedCommit{SHA: "c", Parents: []string{"b"}}}, {Number: 1}},
		Commits: []dora.ArchivedCommit{{SHA: "b", Message: "Begin", CommitDates: dora.CommitDates{Authored: minute(1), Committed: minute(2)}}},
	}
	part := dora.ArchivePart("api.github.com", "Acme", "Web")
	update(t, s, func(tx dora.Tx) error {
		if err := tx.Backfill().SavePart(part, want); err != nil {
			return err
		}
		if err := tx.Backfill().AddPage(part, dora.ArchivePage{Pulls: want.Pulls[:1]}); err != nil {
			return err
		}
		return tx.Backfill().AddPage(part, dora.ArchivePage{Pulls: want.Pulls[1:], Commits: want.Commits})
	})
	c := dora.Commit{Host: "api.github.com", Owner: "acme", Repository: "web", SHA: "c"}
	same(t, "ArchivedPages", 2, must[int](t)(s.ArchivedPages(t.Context(), c)))
	same(t, "Archived", &want, must[*dora.ArchivedRepository](t)(s.Archived(t.Context(), c)))
	c.Repository = "app"
	same(t, "ArchivedPages of another repository", 0, must[int](t)(s.ArchivedPages(t.Context(), c)))
	if got := must[*dora.ArchivedRepository](t)(s.Archived(t.Context(), c)); got != nil {
		t.Errorf("Archived of another repository = %+v", got)
	}
}

func addedDeliveries(t *testing.T, s Store) {
	if err := s.LimitBacklog(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	add := func(key string, want bool) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			added, err := tx.Deliveries().Add(delivery(key))
			same(t, "Add "+key, want, added)
			return err
		})
	}
	accept(t, s, "a")
	add("a", false)
	add("b", true)
	add("b", false)
	add("c", true)
	if duplicate, err := s.Accept(t.Context(), delivery("c")); err != nil || !duplicate {
		t.Errorf("Accept of what was added = %t, %v", duplicate, err)
	}
	same(t, "pending", 3, must[dora.Backlog](t)(s.Backlog(t.Context())).Deliveries)
}

func statusNumbers(t *testing.T, s Store) {
	at := func(deployment, state string, m int, want ...int64) {
		t.Helper()
		update(t, s, func(tx dora.Tx) error {
			ids, err := tx.Deployments().StatusesAt(deployment, state, minute(m))
			same(t, "StatusesAt", want, ids)
			return err
		})
	}
	update(t, s, func(tx dora.Tx) error {
		d := tx.Deployments()
		for _, id := range []int64{7, -3, 5, 5} {
			if err := d.AddStatus("api.github.com/1", "success", minute(1), id); err != nil {
				return err
			}
		}
		return d.AddStatus("api.github.com/12", "success", minute(1), 8)
	})
	at("api.github.com/1", "success", 1, -3, 5, 7)
	at("api.github.com/12", "success", 1, 8)
	at("api.github.com/1", "success", 2)
	at("api.github.com/1", "failure", 1)
	at("ghe.example.com/1", "success", 1)
	update(t, s, func(tx dora.Tx) error {
		return tx.Deployments().RemoveStatus("api.github.com/1", "success", minute(1), 5)
	})
	at("api.github.com/1", "success", 1, -3, 7)
}

// The statuses of a deployment are those of all environments, and go with the last of them.
func removedStatuses(t *testing.T, s Store) {
	gone, stays := success(1, 1), success(2, 1)
	promoted := gone
	promoted.Promoted, promoted.Environment = true, "live"
	save(t, s, gone, promoted, stays)
	update(t, s, func(tx dora.Tx) error {
		for _, d := range []dora.DeploymentRecord{gone, stays} {
			if err := tx.Deployments().AddStatus(dora.DeploymentKey(d.Host, d.ID), "success", minute(1), d.ID); err != nil {
				return err
			}
		}
		return nil
	})
	again := success(4, 1)
	again.Promoted, again.Environment = true, "live"
	save(t, s, again)
	update(t, s, func(tx dora.Tx) error {
		if err := tx.Removal().RemoveDeployment(again, minute(9)); err != nil {
			return err
		}
		removed, err := tx.Removal().IsRemoved(dora.SubjectDeployment, dora.DeploymentKey(again.Host, 4))
		whether(t, "IsRemoved without the environment", true, removed, err)
		return nil
	})
	for _, step := range []struct {
		remove dora.DeploymentRecord
		want   []int64
	}{{gone, []int64{1}}, {promoted, nil}} {
		update(t, s, func(tx dora.Tx) error { return tx.Removal().RemoveDeployment(step.remove, minute(9)) })
		update(t, s, func(tx dora.Tx) error {
			for id, want := range map[int64][]int64{1: step.want, 2: {2}} {
				ids, err := tx.Deployments().StatusesAt(dora.DeploymentKey(gone.Host, id), "success", minute(1))
				same(t, "StatusesAt", want, ids)
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
}
