package sqlstore

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"dora-exporter/dora"
)

// InaccessibleRepositories returns the repositories, as owner/name in lower case, for which look-ups or evaluations of deployments wait
// since the token may not see them, each once, in order.
func (r *Reader) InaccessibleRepositories(ctx context.Context) ([]string, error) {
	lookups, err := readAll(ctx, r, "look-ups", "SELECT details FROM lookups INDEXED BY lookups_inaccessible WHERE inaccessible = 1", nil, func(rows Rows) (c dora.Commit, err error) {
		return c, scanJSON(rows, &c)
	})
	if err != nil {
		return nil, err
	}
	deployments, err := r.deployments(ctx, `WHERE key IN
		(SELECT key FROM evaluations INDEXED BY evaluations_inaccessible WHERE inaccessible = 1 AND kind = 'deployment')`)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, c := range lookups {
		found[strings.ToLower(c.Owner+"/"+c.Repository)] = true
	}
	for _, t := range deployments {
		found[strings.ToLower(t.Owner+"/"+t.Repository)] = true
	}
	return slices.Sorted(maps.Keys(found)), nil
}

func scanJSON(rows Rows, into any) error {
	var text []byte
	if err := rows.Scan(&text); err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
