package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// maxQueryValues limits how many values one query has.
const maxQueryValues = 500

// FactsBySubject returns the facts of a family with one of the subjects.
func (r *Reader) FactsBySubject(ctx context.Context, family string, subjects []string) (map[string]dora.Fact, error) {
	found := map[string]dora.Fact{}
	for chunk := range slices.Chunk(subjects, maxQueryValues) {
		err := r.query(ctx, "SELECT "+factColumns+" FROM facts WHERE family = ? AND subject IN ("+placeholders(len(chunk))+")", append([]any{family}, toAny(chunk)...),
			func(rows *sql.Rows) error {
				f, _, err := r.scanFact(rows)
				found[f.Subject] = f
				return err
			})
		if err != nil {
			return nil, fmt.Errorf("read the facts of %s: %w", family, err)
		}
	}
	return found, nil
}

// placeholders returns n comma-separated SQL placeholders.
func placeholders(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func toAny(texts []string) []any {
	all := make([]any, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}
