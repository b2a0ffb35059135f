package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A rolling update to a version with a newer schema: the first replica of the new version migrates it, while the others go on. A replica of
// the old version that is started again meanwhile refuses the newer schema.
func TestReplicasMigrated(t *testing.T) {
	t.Parallel()
	newer := withMigration(t, "ALTER TABLE deliveries ADD COLUMN note TEXT NOT NULL DEFAULT '';\n\tCREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;")
	r, server := onServer(t, 3)
	version := func() string {
		return server.Psql("postgres", "SELECT convert_from(value, 'UTF8') FROM dora_exporter.meta WHERE key = 'schema_version'")
	}
	before := version()
	r.load()
	for n, e := range r.all {
		r.goesOn(t, 30)
		e.terminate(t)
		e.run(t, newer)
		e.waitUntilReady(t)
		if n > 0 {
			continue
		}
		if now := version(); now == before {
			t.Fatalf("the schema still has version %s", now)
		}
		r.goesOn(t, 60)
		for _, old := range r.all[1:] {
			old.waitUntilReady(t)
			if !r.post(old, r.events[0][0]) {
				t.Error("a replica of the old version does not take an event again")
			}
		}
		old := r.all[2]
		old.kill()
		old.run(t, binary)
		if err := old.process.Wait(); err == nil {
			t.Error("a replica of the old version starts with the newer schema")
		}
		if want := fmt.Sprintf("this program knows versions up to %s", before); !strings.Contains(old.output.String(), want) {
			t.Errorf("it does not say %q", want)
		}
		old.run(t, newer)
		old.waitUntilReady(t)
	}
	r.goesOn(t, 30)
	r.check(t)
}

// A migration may take longer than a replica waits for its database and than it waits for locks. A second replica that starts meanwhile waits
// for the first one, and one of the old version goes on.
func TestReplicasMigratedSlowly(t *testing.T) {
	t.Parallel()
	slow := withMigration(t, "SELECT pg_sleep(65);\n\tALTER TABLE deliveries ADD COLUMN note TEXT NOT NULL DEFAULT '';")
	r, _ := onServer(t, 3)
	r.load()
	r.goesOn(t, 30)
	for i, e := range r.all[:2] {
		e.terminate(t)
		e.run(t, slow)
		e.waitUntilItSays(t, []string{"migrating the database", "waiting for another replica"}[i])
	}
	r.goesOn(t, 60)
	for _, e := range r.all[:2] {
		e.waitUntilReady(t)
		if strings.Contains(e.output.String(), "level=ERROR") {
			t.Error("a replica has failed meanwhile")
		}
	}
	r.goesOn(t, 30)
	r.check(t)
}

// withMigration builds the exporter with another migration.
func withMigration(t *testing.T, migration string) (binary string) {
	t.Helper()
	const path = "persistence/sqlstore/migrations.go"
	source, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	const end = "dayTables}\n"
	if !strings.HasSuffix(string(source), end) {
		t.Fatalf("%s does not end with the last migration", path)
	}
	changed := filepath.Join(t.TempDir(), "migrations.go")
	if err := os.WriteFile(changed, []byte(strings.TrimSuffix(string(source), "}\n")+", `\n\t"+migration+"\n`}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return buildWith(t, map[string]string{path: changed}, "-ldflags=-s -w")
}
