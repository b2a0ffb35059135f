package sqlite

import (
	"database/sql"
	"strings"
	"testing"
)

// What an explanation reads is found by an index, and no table is read as a whole.
func TestExplanationsUseIndexes(t *testing.T) {
	s := openStore(t)
	for query, args := range map[string]int{
		selectFacts + "WHERE facts.position > ? ORDER BY facts.position LIMIT ?":                               2,
		selectFacts + "WHERE series = ? ORDER BY facts.at":                                                     1,
		selectFacts + "WHERE stem = " + textID + " AND rest = ? OR " + continued:                               7,
		"SELECT id FROM deliveries WHERE about = ?":                                                            1,
		"SELECT id FROM deliveries WHERE " + continued:                                                         5,
		"SELECT id FROM deliveries WHERE stem = " + textID + " AND rest = ?":                                   2,
		"SELECT cause FROM evidence WHERE target = ?":                                                          1,
		"SELECT cause FROM evidence WHERE by = ? OR by >= ? AND by < ?":                                        3,
		"SELECT target FROM failed_changes WHERE repaired_by = ? AND repaired_at IS NOT NULL":                  1,
		"SELECT key FROM deployments WHERE number = ? ORDER BY key":                                            1,
		"SELECT key FROM deployments WHERE repository = " + textID + " AND number > ? ORDER BY number LIMIT ?": 3,
		selectOrigin: 2,
	} {
		err := s.query(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, args), func(rows *sql.Rows) error {
			var id, parent, unused int
			var step string
			err := rows.Scan(&id, &parent, &unused, &step)
			if strings.HasPrefix(step, "SCAN") {
				t.Errorf("%s: %s", query, step)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}
