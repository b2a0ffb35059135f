package postgres

import (
	"os"
	"os/exec"
	"testing"

	"dora-exporter/integration/pgserver"
)

// TestOthers runs tests of other packages with their stores in PostgreSQL: those of random histories, whose events arrive in any order, and
// those of what people read.
func TestOthers(t *testing.T) {
	server := pgserver.Start(t, "fsync=off", "max_connections=300")
	for name, args := range map[string][]string{
		"histories": {"./dora/pipeline", "-run", "^(TestArrivalOrder|TestLateArrivals|TestStatusOrder|TestScopes|TestZeros)$"},
		"page":      {"./page", "./report"},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1"}, args...)...)
			command.Dir = "../.."
			command.Env = append(os.Environ(), "TEST_POSTGRES="+server.URL("postgres", "postgres"))
			if out, err := command.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
