package integration

import (
	"os/exec"
	"path/filepath"
	"testing"

	"dora-exporter/integration/pgserver"
)

// A dump of the running database is restored into another one. Its replicas count what was sent since, and everything that is sent again, once.
func TestReplicasRestored(t *testing.T) {
	t.Parallel()
	r, server := onServer(t, 3)
	r.load()
	r.goesOn(t, 100)
	dump := filepath.Join(t.TempDir(), "dump")
	program := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), pgserver.Program(name), args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
	}
	program("pg_dump", "-n", "dora_exporter", "-f", dump, server.URL("postgres", "postgres"))
	r.goesOn(t, 50)
	r.stopLoad()
	for _, e := range r.all {
		e.kill()
	}
	server.Psql("postgres", "CREATE DATABASE restored")
	program("psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", dump, server.URL("postgres", "restored"))
	restored := newReplicas(t, 3, func(int) string { return server.URL("postgres", "restored") }, "")
	restored.start(t)
	copy(restored.sent, r.sent)
	restored.sendAgain(t)
	restored.load()
	restored.goesOn(t, 50)
	restored.check(t)
}
