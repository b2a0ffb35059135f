package sqlite

import (
	"slices"
	"strings"
	"testing"

	"dora-exporter/persistence/sqlstore"
)

// otherwiseChecked are the columns in which a flipped bit is found in another way, and unchecked those in which it is not found, because no number
// depends on them: by table, or table and column, and why.
var (
	otherwiseChecked = map[string]string{
		"facts.id":     "the checksum of the fact covers it",
		"commits":      "the checksum covers the key that is made of them",
		"removed_keys": "removal has their number and sum",
	}
	unchecked = map[string]string{
		"arrivals":  "a removal keeps all values, whatever it removes",
		"aged":      "what may be removed stays, which changes no value",
		"unshipped": "an origin goes earlier or later, and is asked for again",
	}
)

// A flipped bit is found in each column of each table: by a checksum of the row, or since an index has the column, too, and is compared with the
// rows. Of a column in the condition of an index, it is found if it changes whether the row is in the index, which is its only effect.
func TestEachColumnIsChecked(t *testing.T) {
	s := openStore(t)
	schema, err := migratedSchema(len(sqlstore.Migrations))
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range sqlstore.Tables() {
		indexes, err := s.reader.indexes(t.Context(), table.Name, schema)
		if err != nil {
			t.Fatal(err)
		}
		found := append(sqlstore.CheckedColumns(table.Name), "checksum")
		for _, x := range indexes {
			found = slices.Concat(found, x.columns, x.key)
			if x.key[0] == "rowid" {
				found = append(found, table.Columns[0].Name)
			}
			for _, column := range table.Columns {
				if slices.Contains(strings.Fields(x.where), column.Name) {
					found = append(found, column.Name)
				}
			}
		}
		for _, column := range table.Columns {
			name := table.Name + "." + column.Name
			excused := otherwiseChecked[name] + otherwiseChecked[table.Name] + unchecked[name] + unchecked[table.Name]
			switch is := slices.Contains(found, column.Name); {
			case !is && excused == "":
				t.Errorf("nothing finds a flipped bit in the column %s", name)
			case is && unchecked[name] != "":
				t.Errorf("the column %s is checked", name)
			}
		}
	}
}
