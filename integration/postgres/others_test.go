package postgres

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"dora-exporter/integration/pgserver"
)

// ofSQLite are tests of the story that have no meaning with PostgreSQL.
var ofSQLite = []string{
	"TestFilesThatAreMoved", // files of the database are moved under the running server: PostgreSQL's are its own
	"TestDemo",              // the demonstration has a SQLite database of its own, whatever the test's is
	"TestPausedReport",      // a reader keeps SQLite's write-ahead log from being reset
}

// TestOthers runs the tests of other packages with their stores in PostgreSQL: the story, the rules with their random histories, the
// reading of histories, and what people read.
func TestOthers(t *testing.T) {
	server := pgserver.Start(t, "fsync=off", "max_connections=300")
	for _, test := range []struct {
		name string
		args []string
	}{
		{"story", []string{"./story", "-skip", "^(" + strings.Join(ofSQLite, "|") + ")$"}},
		{"rules", []string{"./dora/pipeline", "-skip", "^TestRetentionOverTenYears$"}}, // ten years are half an hour of round trips
		{"history", []string{"./history"}},
		{"what people read", []string{"./explain", "./page", "./report"}},
	} {
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
