package sqlstore

import "strings"

// upsert returns a statement that stores a row in a table, or replaces the row with the same key. Its parameters are the values of the
// columns of the key, and those of the other columns.
func upsert(table, key, others string) string {
	columns := key + ", " + others
	var set []string
	for column := range strings.SplitSeq(others, ", ") {
		set = append(set, column+" = excluded."+column)
	}
	return "INSERT INTO " + table + " (" + columns + ") VALUES (" + placeholders(strings.Count(columns, ",")+1) +
		") ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(set, ", ")
}
