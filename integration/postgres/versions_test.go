package postgres

import (
	"os"
	"os/exec"
	"testing"
)

// TestVersions runs the contract, and tests of several processes, on the oldest and the newest PostgreSQL that are supported, which
// integration/install has put there. All other tests use Debian's.
func TestVersions(t *testing.T) {
	for _, version := range []string{"13", "18"} {
		t.Run(version, func(t *testing.T) {
			folder := "/opt/dora-exporter/postgresql-" + version + "/bin"
			if _, err := os.Stat(folder + "/postgres"); err != nil {
				t.Fatalf("%v; run integration/install", err)
			}
			const tests = "^(TestStore|TestShared|TestReplicasCreateTheSchemaTogether|TestDiskFull|TestFailover|TestDatabaseClockIsSet|TestPausedReader)$"
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run", tests, "-test.timeout", "10m")
			command.Env = append(os.Environ(), "POSTGRES_BIN="+folder)
			if out, err := command.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
