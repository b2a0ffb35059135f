package postgres

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"dora-exporter/internal/lazyregexp"
	"dora-exporter/persistence/sqlstore"
)

// dialect translates the statements of sqlstore, which are SQLite's, and keeps the translations. The columns of texts are BYTEA: they
// may have any bytes, and are compared byte by byte.
type dialect struct {
	schema  string
	byQuery sync.Map // of string to string
	// constants has what constant has returned.
	constants sync.Map // of string to string
}

var (
	// hint matches what SQLite's planner is told.
	hint = lazyregexp.New(`\s+INDEXED BY \w+`)
	// ownTable matches the tables and views of the schema where a statement names them.
	ownTable = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b(FROM|JOIN|INTO|UPDATE|TABLE|VIEW|INDEX\s+\w+\s+ON)(\s+)(` + strings.Join(ownTables(), "|") + `)\b`)
	})
	// parameter matches a parameter of SQLite.
	parameter = lazyregexp.New(`\?\d*`)
)

// ownTables returns the names of all tables and views.
func ownTables() (names []string) {
	created := regexp.MustCompile(`CREATE (?:TABLE|VIEW) (\w+)`)
	for _, migration := range append(sqlstore.Migrations[:], ownMigrations[:]...) {
		for _, match := range created.FindAllStringSubmatch(migration, -1) {
			names = append(names, match[1])
		}
	}
	return names
}

// translate returns the text and the parameters of a statement for PostgreSQL.
func (d *dialect) translate(query string, args []any) (string, []any) {
	text, known := d.byQuery.Load(query)
	if !known {
		text = d.text(query)
		d.byQuery.Store(query, text)
	}
	return text.(string), parameters(args)
}

func (d *dialect) text(query string) string {
	query = hint.ReplaceAllString(query, "")
	query = strings.ReplaceAll(query, "CROSS JOIN", "JOIN")
	query = d.qualify(query)
	n := 0
	return parameter.ReplaceAllStringFunc(query, func(p string) string {
		if p != "?" {
			return "$" + p[1:]
		}
		n++
		return "$" + strconv.Itoa(n)
	})
}

// qualify names the schema of each table: a transaction pooler keeps no search_path.
func (d *dialect) qualify(query string) string {
	return ownTable().ReplaceAllString(query, "${1}${2}"+d.schema+".${3}")
}

// constant is qualify for statements of PostgreSQL whose text is the same each time. It keeps the result.
func (d *dialect) constant(query string) string {
	text, known := d.constants.Load(query)
	if !known {
		text = d.qualify(query)
		d.constants.Store(query, text)
	}
	return text.(string)
}

// parameters converts parameters to the types of the columns: texts to bytes, booleans to numbers.
func parameters(args []any) []any {
	converted := make([]any, len(args))
	for i, arg := range args {
		converted[i] = column(arg)
	}
	return converted
}

func column(arg any) any {
	switch a := arg.(type) {
	case string:
		return []byte(a)
	case bool:
		if a {
			return int64(1)
		}
		return int64(0)
	case int:
		return int64(a)
	case nil, int64, []byte, float64:
		return a
	}
	if v := reflect.ValueOf(arg); v.Kind() == reflect.String {
		return []byte(v.String())
	}
	return arg
}

// quoted returns an identifier for SQL.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// bytea returns a text as a literal of type BYTEA, with standard_conforming_strings.
func bytea(text string) string { return fmt.Sprintf(`'\x%x'`, text) }
