package history

import (
	"context"

	"dora-exporter/dora"
)

// readWithoutBulk reads the deployments of a repository by REST, with a call for the statuses of each, and nothing of what they shipped:
// that is asked for when they are evaluated.
func (b *Backfill) readWithoutBulk(ctx context.Context, p *part) error {
	b.Logger.Info("GraphQL can't be used, reading deployments one by one", "repository", p.Owner+"/"+p.Name)
	var read dora.ArchivePage
	for number := 1; number != 0; {
		page, next, err := b.deploymentsPage(ctx, p, number)
		if err != nil {
			return err
		}
		for _, d := range page {
			if d.CreatedAt.Before(later(p.Since, p.Newer)) {
				next = 0
				break
			}
			if p.excludes(d.CreatedAt) {
				continue
			}
			a, err := d.archived()
			if err != nil {
				return err
			}
			read.Deployments = append(read.Deployments, a)
		}
		number = next
	}
	p.DeploymentsRead, p.PullsRead, p.HistoryRead = true, true, true
	p.Deployments += len(read.Deployments)
	p.Spent = b.spentOn(p)
	return b.Store.Update(ctx, func(tx dora.Tx) error {
		if err := tx.Backfill().AddPage(p.deploymentsPart(), read); err != nil {
			return err
		}
		return tx.Backfill().SavePart(p.part(), p)
	})
}
