package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// Records returns all deployments and incidents, and calls add for every fact of the families in the order of positions. It reads
// everything in one snapshot.
func (r *Reader) Records(ctx context.Context, add func(dora.Fact), families ...string) (all dora.Records, err error) {
	err = r.Snapshot(ctx, func(r *Reader) (err error) {
		if all.Deployments, err = r.deployments(ctx, "ORDER BY key"); err != nil {
			return err
		}
		if all.Incidents, err = r.incidents(ctx, "ORDER BY key"); err != nil {
			return err
		}
		if all.Repositories, err = r.repositoriesByName(ctx); err != nil {
			return err
		}
		if all.Environments, err = r.Environments(ctx, -1); err != nil {
			return err
		}
		if all.Unsettled, err = r.CountEvaluations(ctx); err != nil {
			return err
		}
		if all.Removal, err = r.Removal(ctx); err != nil {
			return err
		}
		return r.factsOf(ctx, 0, families, func(f dora.Fact) error {
			add(f)
			return nil
		})
	})
	return all, err
}

// factsOf calls add for every fact of the families after a position.
func (r *Reader) factsOf(ctx context.Context, after int64, families []string, add func(dora.Fact) error) error {
	if len(families) == 0 {
		return nil
	}
	where := "WHERE facts.position > ? AND facts.family IN (SELECT id FROM texts WHERE text IN (" + placeholders(len(families)) + ")) ORDER BY facts.position"
	if err := r.facts(ctx, where, append([]any{after}, toAny(families)...), add); err != nil {
		return fmt.Errorf("read the facts of %s: %w", strings.Join(families, ", "), err)
	}
	return nil
}
