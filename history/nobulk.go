package history

import (
	"context"
	"errors"

	"dora-exporter/dora"
)

// readAllPages reads what was not read yet of the lists of a repository, by REST if queries can't be used or an interrupted backfill had begun so.
func (b *Backfill) readAllPages(ctx context.Context, p *part) error {
	if p.DeploymentsPage == 0 || p.DeploymentsRead {
		if err := b.readPages(ctx, p); !errors.Is(err, dora.ErrNoBulk) {
			return err
		}
	}
	return b.readWithoutBulk(ctx, p)
}

// readWithoutBulk reads the deployments of a repository by REST, with a call for the statuses of each, and nothing of what they shipped:
// that is asked for when they are evaluated. Each page is stored at once. An interrupted one goes on with the page that it read last, in which
// some are new if others were removed meanwhile; stored drops those that are there twice.
func (b *Backfill) readWithoutBulk(ctx context.Context, p *part) error {
	b.Logger.Info("GraphQL can't be used, reading deployments one by one", "repository", p.Owner+"/"+p.Name)
	for number := max(p.DeploymentsPage, 1); number != 0; {
		page, next, err := b.deploymentsPage(ctx, p, number)
		if err != nil {
			return err
		}
		p.DeploymentsPage = number
		if number, err = b.addDeployments(ctx, p, page, next); err != nil {
			return err
		}
	}
	return nil
}

// addDeployments stores those of a page that are asked for, and returns the number of the next page; 0 if that was the last one.
func (b *Backfill) addDeployments(ctx context.Context, p *part, page []document, next int) (int, error) {
	var read dora.ArchivePage
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
			return 0, err
		}
		read.Deployments = append(read.Deployments, a)
	}
	if next == 0 {
		p.DeploymentsRead, p.PullsRead, p.HistoryRead = true, true, true
	}
	p.Spent = b.spentOn(p)
	return next, b.Store.Update(ctx, func(tx dora.Tx) error {
		if err := tx.Backfill().AddPage(p.deploymentsPart(), read); err != nil {
			return err
		}
		return tx.Backfill().SavePart(p.part(), p)
	})
}
