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
			list, values := listOf(chunk)
			where := "WHERE facts.family = " + textID + " AND stem = " + textID + " AND rest IN " + list
			err := r.facts(ctx, where, append([]any{family, stem}, values...), func(f dora.Fact) error {
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

// listOf returns a parenthesized list of placeholders and its values. The last value is repeated up to a power of two: lists of many lengths
// would make queries with many texts, of which a connection keeps only some prepared.
func listOf[T any](all []T) (list string, values []any) {
	values = toAny(all)
	for n := len(values); n&(n-1) != 0; n++ {
		values = append(values, values[len(all)-1])
	}
	return "(" + placeholders(len(values)) + ")", values
}

func toAny[T any](values []T) []any {
	all := make([]any, len(values))
	for i, value := range values {
		all[i] = value
	}
	return all
}
