package history

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"dora-exporter/dora"
)

// numberAll adds the numbers of statuses that GitHub may still deliver again: those that are stored already, and by a call of REST for each of the other
// deployments. What it reads is stored at once.
func (b *Backfill) numberAll(ctx context.Context, p *part, all []dora.ArchivedDeployment) error {
	for some := range slices.Chunk(all, pageSize) {
		if err := b.addAllStoredNumbers(ctx, p, some); err != nil {
			return err
		}
	}
	for i := range all {
		a := &all[i]
		if !p.lacksNumbers(a) {
			continue
		}
		if err := b.numberStatuses(ctx, p, a); err != nil {
			return err
		}
		if p.lacksNumbers(a) {
			continue // it has been deleted since
		}
		numbered := dora.ArchivePage{Deployments: []dora.ArchivedDeployment{*a}}
		err := b.Store.Update(ctx, func(tx dora.Tx) error { return tx.Backfill().AddPage(p.deploymentsPart(), numbered) })
		if err != nil {
			return err
		}
	}
	return nil
}

// addAllStoredNumbers adds the numbers that are stored already to deployments that lack them, in one transaction.
func (b *Backfill) addAllStoredNumbers(ctx context.Context, p *part, some []dora.ArchivedDeployment) error {
	return b.Store.Update(ctx, func(tx dora.Tx) error {
		for i := range some {
			if a := &some[i]; p.lacksNumbers(a) && !a.Incomplete {
				if err := addStoredNumbers(tx, p, a); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// lacksNumbers reports whether the statuses of a deployment are to be read by REST: if GitHub may still deliver one of them again and their numbers are
// not known, or if there are more than were read.
func (p *part) lacksNumbers(a *dora.ArchivedDeployment) bool {
	isYoung := len(a.Statuses) > 0 && a.Statuses[len(a.Statuses)-1].At.After(p.Began.Add(-redeliveryWindow))
	return a.Incomplete || isYoung && slices.ContainsFunc(a.Statuses, func(s dora.ArchivedStatus) bool { return s.ID == 0 })
}

// addStoredNumbers adds the numbers of all statuses of a deployment if webhooks, or an earlier reading, have brought each of them.
func addStoredNumbers(tx dora.Tx, p *part, a *dora.ArchivedDeployment) error {
	type moment struct {
		state string
		at    int64
	}
	stored := map[moment][]int64{}
	numbered := slices.Clone(a.Statuses)
	for i, s := range numbered {
		at := moment{s.State, s.At.UnixMilli()}
		if _, known := stored[at]; !known {
			ids, err := tx.Deployments().StatusesAt(dora.DeploymentKey(p.Host, a.ID), s.State, s.At)
			if err != nil {
				return err
			}
			stored[at] = slices.DeleteFunc(ids, func(id int64) bool { return id <= 0 })
		}
		if len(stored[at]) == 0 {
			return nil
		}
		numbered[i].ID, stored[at] = stored[at][0], stored[at][1:]
	}
	a.Statuses = numbered
	return nil
}

// numberStatuses reads the statuses of a deployment with their numbers, if they are needed.
func (b *Backfill) numberStatuses(ctx context.Context, p *part, a *dora.ArchivedDeployment) error {
	if !p.lacksNumbers(a) {
		return nil
	}
	var statuses []dora.ArchivedStatus
	for number := 1; number != 0; {
		raw, next, err := retryPage(ctx, &b.asker, func() ([]json.RawMessage, int, error) {
			return b.GitHub.DeploymentStatuses(ctx, p.Owner, p.Name, a.ID, number)
		})
		if missing := new(dora.NotFoundError); errors.As(err, &missing) {
			return nil // it has been deleted since
		}
		if err != nil {
			return err
		}
		for _, item := range raw {
			var s struct {
				ID          int64     `json:"id"`
				State       string    `json:"state"`
				Environment string    `json:"environment"`
				CreatedAt   time.Time `json:"created_at"`
			}
			if err := json.Unmarshal(item, &s); err != nil {
				return err
			}
			statuses = append(statuses, dora.ArchivedStatus{ID: s.ID, State: strings.ToLower(s.State), Environment: s.Environment, At: s.CreatedAt.UTC()})
		}
		number = next
	}
	sortStatuses(statuses)
	a.Statuses, a.Incomplete = statuses, false
	return nil
}
