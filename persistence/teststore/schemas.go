package teststore

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"dora-exporter/persistence/sqlstore"
)

// InPostgres reports whether stores are in PostgreSQL.
func InPostgres() bool { return database() != "" }

func database() string { return os.Getenv("TEST_POSTGRES") } //nolint:forbidigo // of tests alone

// schemas are the schemas of this process in PostgreSQL. To create the two hundred tables and indexes of one takes longer than most tests,
// so that tests pass them on.
var schemas struct {
	sync.Mutex
	ofPath map[string]string
	free   []string
	number int
}

// Schema returns the URL of the database and the schema that has the store of a path. From the first call for a path to the end of its test,
// the path has the schema to itself.
func Schema(tb testing.TB, path string) (url, schema string) {
	tb.Helper()
	schemas.Lock()
	defer schemas.Unlock()
	schema, found := schemas.ofPath[path]
	if !found {
		schema = takeSchema()
		if schemas.ofPath == nil {
			schemas.ofPath = map[string]string{}
		}
		schemas.ofPath[path] = schema
		tb.Cleanup(func() { giveBack(tb, path) })
	}
	return urlOf(schema), schema
}

func takeSchema() string {
	if last := len(schemas.free) - 1; last >= 0 {
		schema := schemas.free[last]
		schemas.free = schemas.free[:last]
		return schema
	}
	schemas.number++
	return fmt.Sprintf("test_%d_%d", os.Getpid(), schemas.number)
}

// urlOf returns the URL of the database, by which the sessions of a schema have its name.
func urlOf(schema string) string {
	separator := "?"
	if strings.Contains(database(), "?") {
		separator = "&"
	}
	return database() + separator + "application_name=" + schema
}

// giveBack empties the schema of a path for another test.
func giveBack(tb testing.TB, path string) {
	tb.Helper()
	schemas.Lock()
	defer schemas.Unlock()
	schema := schemas.ofPath[path]
	delete(schemas.ofPath, path)
	if err := empty(schema); err != nil {
		tb.Errorf("empty schema %s: %v", schema, err)
		return
	}
	schemas.free = append(schemas.free, schema)
}

// emptySchema removes what the store of the schema in application_name has.
const emptySchema = `DO $$
DECLARE
	relation record;
BEGIN
	FOR relation IN SELECT oid::regclass AS name, relname, relkind FROM pg_class WHERE relkind IN ('r', 'S')
			AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_setting('application_name')) AND pg_relation_size(oid) > 0 LOOP
		IF relation.relkind = 'S' THEN
			PERFORM setval(relation.name, 1, false);
		ELSIF relation.relname = 'meta' THEN
			EXECUTE format('DELETE FROM %s WHERE convert_from(key, ''UTF8'') <> ''schema_version''', relation.name);
		ELSE
			EXECUTE format('DELETE FROM %s', relation.name);
		END IF;
	END LOOP;
END $$`

// empty ends the sessions of a schema, those of killed processes, and makes its store a new one.
func empty(schema string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, urlOf(schema))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := endSessions(ctx, conn, schema); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, emptySchema); err != nil {
		return err
	}
	return fillMeta(ctx, conn, schema)
}

// fillMeta stores what a new store has, if the schema has tables.
func fillMeta(ctx context.Context, conn *pgx.Conn, schema string) error {
	meta := pgx.Identifier{schema, "meta"}.Sanitize()
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", meta).Scan(&exists); err != nil || !exists {
		return err
	}
	for key, value := range sqlstore.FirstMeta(uuid.NewString(), time.Now()) {
		row := sqlstore.MetaRow(key, value)
		if _, err := conn.Exec(ctx, "INSERT INTO "+meta+" (key, value, checksum) VALUES ($1, $2, $3)", []byte(key), []byte(value), row[2]); err != nil {
			return err
		}
	}
	return nil
}

// endSessions ends the other sessions of a schema, and waits until they have ended.
func endSessions(ctx context.Context, conn *pgx.Conn, schema string) error {
	for others := 1; others > 0; {
		err := conn.QueryRow(ctx, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()", schema).
			Scan(&others)
		if err != nil {
			return err
		}
	}
	return nil
}
