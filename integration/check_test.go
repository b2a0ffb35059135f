package integration

import (
	"fmt"
	"strings"
	"testing"

	"dora-exporter/integration/pgserver"
)

// What `check -online` says of a database in PostgreSQL, before and after the first start. It never says the password.
func TestCheckOfThePostgreSQLDatabase(t *testing.T) {
	t.Parallel()
	server := pgserver.Start(t, "fsync=off")
	server.Psql("postgres", "CREATE SCHEMA others; CREATE TABLE others.t (a int)")
	address := fmt.Sprintf("127.0.0.1:%d/postgres", server.Port)
	e := newExporter(t, "http://127.0.0.1:1/")
	config := e.config(t)
	check := func(schema, at, want string) {
		t.Helper()
		e.setConfig(t, fmt.Sprintf("%sstorage: {database: \"postgres://postgres:canary@%s?sslmode=disable\", schema: %s}\n", config, at, schema))
		out, _ := e.command(t, "check", "-online") // GitHub can't be reached
		if !strings.Contains(out, want) {
			t.Errorf("schema %s: %q is missing in\n%s", schema, want, out)
		}
		if strings.Contains(out, "canary") {
			t.Errorf("the password is in\n%s", out)
		}
	}
	name := "✓ database: postgres://" + address
	check("mine", address, name+" has no tables yet, the server creates them\n")
	check("others", address, "set storage.schema to another name\n")
	check("mine", "127.0.0.1:1/postgres", "check that the server runs")
	check("mine", address, name+" has no tables yet")
	e.start(t)
	check("mine", address, name+" can be read\n")
}
