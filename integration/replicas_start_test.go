package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"dora-exporter/integration/pgserver"
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
}

// The database crashes while a replica restores the values: the replica restores them when it is back.
func TestReplicaRestoresWhileTheDatabaseCrashes(t *testing.T) {
	t.Parallel()
	r, server := onServer(t, 1)
	e := r.all[0]
	e.send(t, "deployment_status", status(1, 1, "success"))
	e.terminate(t)
	lock, err := pgx.Connect(t.Context(), server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), "BEGIN; LOCK TABLE dora_exporter.baselines"); err != nil {
		t.Fatal(err)
	}
	e.run(t, binary)
	eventually(t, "the replica waits for the lock", func() error {
		var waits bool
		if err := lock.QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'dora_exporter.baselines'::regclass)").Scan(&waits); err != nil {
			return err
		}
		if !waits {
			return errors.New("it does not")
		}
		return nil
	})
	server.Kill()
	e.waitUntilItSays(t, "the database is not available, waiting for it")
	server.Boot()
	e.waitUntilReady(t)
	if counted, err := e.counted(); err != nil || counted != 1 {
		t.Errorf("%d are counted, %v, want 1", counted, err)
	}
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
