package postgres

import "testing"

func TestDialect(t *testing.T) {
	d := dialect{schema: `"s"`}
	for query, want := range map[string]string{
		"SELECT 1 FROM deliveries INDEXED BY deliveries_due WHERE id = ? AND due <= ?": `SELECT 1 FROM "s".deliveries WHERE id = $1 AND due <= $2`,
		"SELECT count(*) FROM evaluations INDEXED BY evaluations_scope":                `SELECT count(*) FROM "s".evaluations`,
		"SELECT count(*) FROM evaluations INDEXED BY evaluations_scope\nWHERE at < ?2": "SELECT count(*) FROM \"s\".evaluations\nWHERE at < $2",
		"UPDATE evaluations INDEXED BY evaluations_one_first SET first = 0":            `UPDATE "s".evaluations SET first = 0`,
		"SELECT 1 FROM shipped CROSS JOIN deployments ON id = deployment":              `SELECT 1 FROM "s".shipped JOIN "s".deployments ON id = deployment`,
	} {
		if got := d.text(query); got != want {
			t.Errorf("%q becomes %q, want %q", query, got, want)
		}
	}
}

func TestConstant(t *testing.T) {
	d := dialect{schema: `"s"`}
	for range 2 {
		if got, want := d.constant("SELECT $1 = '?' FROM texts"), `SELECT $1 = '?' FROM "s".texts`; got != want {
			t.Errorf("it becomes %q, want %q", got, want)
		}
	}
}
