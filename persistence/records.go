package persistence

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"dora-exporter/dora"
)

// Records returns all deployments and incidents, and calls each for every fact of the families, in their order. All of it is
// as of one moment.
func (r *Reader) Records(ctx context.Context, each func(dora.Fact), families ...string) (all dora.Records, err error) {
	err = r.Still(ctx, func(r *Reader) (err error) {
		if all.Deployments, err = r.tracked(ctx, "ORDER BY key"); err != nil {
			return err
		}
		if all.Incidents, err = r.incidents(ctx, "ORDER BY key"); err != nil {
			return err
		}
		if all.Unsettled, err = r.Unsettled(ctx); err != nil {
			return err
		}
		if len(families) == 0 {
			return nil
		}
		return r.factsOf(ctx, each, families)
	})
	return all, err
}

// factsOf calls each for every fact of the families.
func (r *Reader) factsOf(ctx context.Context, each func(dora.Fact), families []string) error {
	args := make([]any, len(families))
	for n, family := range families {
		args[n] = family
	}
	in := strings.TrimSuffix(strings.Repeat("?, ", len(families)), ", ")
	err := r.query(ctx, "SELECT "+factColumns+" FROM facts WHERE family IN ("+in+") ORDER BY position", args, func(rows *sql.Rows) error {
		f, _, err := r.scanFact(rows)
		if err == nil {
			each(f)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the facts of %s: %w", strings.Join(families, ", "), err)
	}
	return nil
}
