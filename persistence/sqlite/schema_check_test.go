package sqlite

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
)

// A schema whose text is damaged is refused, also where SQLite would go on with another meaning. What a person has added is not.
func TestDamagedSchema(t *testing.T) {
	replace := func(object, old, now string) string {
		return fmt.Sprintf("PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, '%s', '%s') WHERE name = '%s'", old, now, object)
	}
	for name, test := range map[string]struct {
		damage string
		ok     bool
	}{
		"none":              {damage: "SELECT 1", ok: true},
		"an index is added": {damage: "CREATE INDEX mine ON deliveries (received); ANALYZE", ok: true},
		"a default":         {damage: replace("deliveries", "NOT NULL DEFAULT 0", "NOT NULL DEFAULT 1")},
		"a column":          {damage: replace("deployments", "details", "detailr")},
		"a condition":       {damage: replace("deliveries_dead", "state = 2", "state = 3")},
		"an index is gone":  {damage: "DROP INDEX deliveries_about"},
		"a table":           {damage: "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET name = 'lookupz', tbl_name = 'lookupz' WHERE name = 'lookups'"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			accept(t, s, "a")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tamper(t, s.path, test.damage)
			r, readErr := OpenReader(t.Context(), s.path)
			if readErr == nil {
				readErr = r.Close()
			}
			reopened, err := Open(t.Context(), s.path, slog.New(slog.DiscardHandler))
			if err == nil {
				err = reopened.Close()
			}
			for what, err := range map[string]error{"a server": err, "a command": readErr} {
				if corrupt := new(CorruptError); test.ok && err != nil || !test.ok && !errors.As(err, &corrupt) {
					t.Errorf("%s gets %v", what, err)
				}
			}
		})
	}
}
