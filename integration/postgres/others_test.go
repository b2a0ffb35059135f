package postgres

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"dora-exporter/integration/pgserver"
)

// ofSQLite are tests of the story that are about SQLite's files, or about a server that has its store to itself. Tests of replicas have the
// same for PostgreSQL.
var ofSQLite = []string{
	"TestBackupAndRestore", "TestDamagedFiles", "TestFilesThatAreMoved", // PostgreSQL's files are its own
	"TestDemo",                                     // it has a SQLite database of its own
	"TestTwoServers", "TestASecondServerIsRefused", // as it is not with PostgreSQL
	"TestLockedByAnotherProcess",  // the lock of the file; PostgreSQL ends who holds its lock for too long
	"TestPausedReport",            // the write-ahead log grows while it is read
	"TestPush", "TestDeltasAddUp", // metrics of the process are of the resource of its facts
	"TestStory", // the line of each log: which event comes first depends on how fast the store is
}

// story also runs the story on PostgreSQL: ten minutes, on a machine that does nothing else.
var story = flag.Bool("story", false, "also run the story on PostgreSQL")

// TestOthers runs the tests of other packages with their stores in PostgreSQL: the story, the rules with their random histories, and what
// people read.
func TestOthers(t *testing.T) {
	server := pgserver.Start(t, "fsync=off", "max_connections=300")
	for _, test := range []struct {
		name string
		args []string
	}{
		{"story", []string{"./story", "-skip", "^(" + strings.Join(ofSQLite, "|") + ")$"}},
		{"rules", []string{"./dora/pipeline", "-skip", "^TestRetentionOverTenYears$"}}, // ten years are half an hour of round trips
		{"what people read", []string{"./explain", "./page", "./report"}},
	} {
		if test.name == "story" && !*story {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1", "-timeout=20m"}, test.args...)...)
			command.Dir = "../.."
			command.Env = append(os.Environ(), "TEST_POSTGRES="+server.URL("postgres", "postgres"))
			if out, err := command.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
