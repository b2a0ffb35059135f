package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// maxQueryValues limits how many values one query has.
const maxQueryValues = 500

// FactsBySubject returns the facts of a family with one of the subjects.
func (r *Reader) FactsBySubject(ctx context.Context, family string, subjects []string) (map[string]dora.Fact, error) {
	byStem := map[string][]string{}
	for _, subject := range subjects {
		stem, rest := cutStem(subject)
		byStem[stem] = append(byStem[stem], rest)
	}
	found := map[string]dora.Fact{}
	for stem, rests := range byStem {
		for chunk := range slices.Chunk(rests, maxQueryValues) {
			where := "WHERE facts.family = " + textID + " AND stem = " + textID + " AND rest IN (" + placeholders(len(chunk)) + ")"
			err := r.facts(ctx, where, append([]any{family, stem}, toAny(chunk)...), func(f dora.Fact) error {
				found[f.Subject] = f
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("read the facts of %s: %w", family, err)
			}
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
