package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"dora-exporter/integration/pgserver"
	"dora-exporter/internal/testexporter"
)

// A replica that starts while the database is down waits for it. One that is told to stop meanwhile does so in order.
func TestReplicaBeforeTheDatabase(t *testing.T) {
	t.Parallel()
	server := pgserver.Start(t)
	r := newReplicas(t, 2, func(int) string { return server.URL("postgres", "postgres") }, "")
	server.Stop()
	for _, e := range r.all {
		e.run(t, binary)
		e.waitUntilItSays(t, "the database is not available, waiting for it")
	}
	r.all[1].terminate(t)
	time.Sleep(5 * time.Second)
	server.Boot()
	r.all[0].waitUntilReady(t)
	r.all[0].send(t, "deployment_status", status(1, 1, "success"))
	for _, series := range []string{"taken_over_total", "lost_total", "unclaimed_seconds"} {
		if value, err := r.all[0].sample("dora_exporter_leases_" + series + `{queue="deliveries"} `); err != nil || value != "0" {
			t.Errorf("%s: %q, %v, want 0", series, value, err)
		}
	}
}

// The database crashes while a replica starts: the replica goes on when it is back. Each time, a lock on a table stops the start at another step.
func TestReplicaStartsWhileTheDatabaseCrashes(t *testing.T) {
	t.Parallel()
	r, server := onServer(t, 1)
	e := r.all[0]
	e.send(t, "deployment_status", status(1, 1, "success"))
	e.terminate(t)
	for _, step := range []struct{ name, table, after string }{
		{name: "counting the backlog", table: "lookups"},
		{name: "starting the clock", table: "clock"},
		{name: "reading inaccessible repositories", table: "evaluations"},
		{name: "opening the database for the pages", table: "meta", after: "evaluations"}, // which is read before, too
		{name: "restoring the values", table: "baselines"},
		{name: "forgetting what was pushed", table: "pushed"},
	} {
		t.Run(step.name, func(t *testing.T) {
			e.output = testexporter.Buffer{}
			first := step.table
			if step.after != "" {
				first = step.after
			}
			lock := lockTable(t, server, first)
			e.run(t, binary)
			waitsFor(t, server, first)
			if step.after != "" {
				next := lockTable(t, server, step.table)
				if err := lock.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				lock = next
				waitsFor(t, server, step.table)
			}
			server.Kill()
			e.waitUntilItSays(t, "the database is not available, waiting for it")
			server.Boot()
			e.waitUntilReady(t)
			if counted, err := e.counted(); err != nil || counted != 1 {
				t.Errorf("%d are counted, %v, want 1", counted, err)
			}
			e.terminate(t)
			_ = lock.Close(t.Context()) // it broke with the database
		})
	}
}

// lockTable locks a table until the connection is closed.
func lockTable(t *testing.T, server *pgserver.Server, table string) *pgx.Conn {
	t.Helper()
	lock, err := pgx.Connect(t.Context(), server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), "BEGIN; LOCK TABLE dora_exporter."+table); err != nil {
		t.Fatal(err)
	}
	return lock
}

// waitsFor waits until somebody waits for the lock on a table.
func waitsFor(t *testing.T, server *pgserver.Server, table string) {
	t.Helper()
	eventually(t, "the replica waits for the lock", func() error {
		if server.Psql("postgres", "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'dora_exporter."+table+"'::regclass)") != "t" {
			return errors.New("it does not")
		}
		return nil
	})
}

// waitUntilItSays waits until the log has a text.
func (e *exporter) waitUntilItSays(t *testing.T, text string) {
	t.Helper()
	eventually(t, text, func() error {
		if !strings.Contains(e.output.String(), text) {
			return errors.New("it has not said so")
		}
		return nil
	})
}
