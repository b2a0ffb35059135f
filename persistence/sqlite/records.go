package sqlite

import (
	"context"
	"database/sql"
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
		return r.factsOf(ctx, add, families)
	})
	return all, err
}

// factsOf calls add for every fact of the families.
func (r *Reader) factsOf(ctx context.Context, add func(dora.Fact), families []string) error {
	query := "SELECT " + factColumns + " FROM facts WHERE family IN (" + placeholders(len(families)) + ") ORDER BY position"
	err := r.query(ctx, query, toAny(families), func(rows *sql.Rows) error {
		f, _, err := scanFact(r.path, rows)
		if err == nil {
			add(f)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the facts of %s: %w", strings.Join(families, ", "), err)
	}
	return nil
}
