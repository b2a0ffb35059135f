package teststore

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// copySchema makes the store of the schema in application_name that of the schema in teststore.source.
const copySchema = `DO $$
DECLARE
	relation record;
	target text := quote_ident(current_setting('application_name'));
	source text := quote_ident(current_setting('teststore.source'));
BEGIN
	FOR relation IN SELECT quote_ident(relname) AS name, relkind AS kind FROM pg_class WHERE relkind IN ('r', 'S')
			AND relnamespace = (SELECT oid FROM pg_namespace WHERE quote_ident(nspname) = target) LOOP
		IF relation.kind = 'S' THEN
			EXECUTE format('SELECT setval(%L, last_value, is_called) FROM %s.%s', target || '.' || relation.name, source, relation.name);
		ELSE
			EXECUTE format('DELETE FROM %s.%s', target, relation.name);
			EXECUTE format('INSERT INTO %s.%s SELECT * FROM %s.%s', target, relation.name, source, relation.name);
		END IF;
	END LOOP;
END $$`

// Copy puts a copy of the store of a path in the place of another one, as a backup and a restore do. Nobody has them open.
func Copy(tb testing.TB, from, to string) {
	tb.Helper()
	if InPostgres() {
		copyInPostgres(tb, from, to)
		return
	}
	data, err := os.ReadFile(from)
	if err == nil {
		Remove(tb, to)
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func copyInPostgres(tb testing.TB, from, to string) {
	tb.Helper()
	if err := Open(tb, to).Close(); err != nil { // which creates the tables
		tb.Fatal(err)
	}
	_, source := Schema(tb, from)
	_, target := Schema(tb, to)
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, urlOf(target))
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, schema := range []string{source, target} {
		if err := endSessions(ctx, conn, schema); err != nil {
			tb.Fatal(err)
		}
	}
	_, err = conn.Exec(ctx, "SELECT set_config('teststore.source', $1, false)", source)
	if err == nil {
		_, err = conn.Exec(ctx, copySchema)
	}
	if err != nil {
		tb.Fatalf("copy schema %s to %s: %v", source, target, err)
	}
}
