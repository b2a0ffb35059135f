package pgserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Standby starts an asynchronous standby of a server, which has all that the server has.
//
// It copies the files between the two functions of a base backup, since not every package of PostgreSQL has pg_basebackup, and that of an older
// version refuses a newer server. https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
func (s *Server) Standby() *Server {
	s.tb.Helper()
	standby := newServer(s.tb, s.settings)
	begin, end := "pg_backup_start('standby', true)", "pg_backup_stop(false)"
	if s.Psql("postgres", "SELECT current_setting('server_version_num')::int < 150000") == "t" {
		begin, end = "pg_start_backup('standby', true, false)", "pg_stop_backup(false, false)"
	}
	label := filepath.Join(standby.Folder, "backup_label")
	script := strings.Join([]string{
		"SELECT " + begin + ";",
		fmt.Sprintf(`\! cp -a '%s' '%s'`, s.data(), standby.data()),
		`\o '` + label + `'`,
		"SELECT labelfile FROM " + end + ";",
	}, "\n")
	// One session, which must last until the end. cp warns of temporary files that are removed meanwhile, and psql goes on.
	psql := exec.Command(Program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", s.URL("postgres", "postgres")) //nolint:noctx // it ends by itself
	psql.Stdin = strings.NewReader(script)
	if out, err := psql.CombinedOutput(); err != nil {
		s.tb.Fatalf("psql: %v\n%s", err, out)
	}
	connection := fmt.Sprintf("primary_conninfo = 'host=127.0.0.1 port=%d user=postgres sslmode=disable'\n", s.Port)
	if err := os.WriteFile(standby.Folder+"/standby.conf", []byte(connection), 0o600); err != nil {
		s.tb.Fatal(err)
	}
	for _, command := range []string{
		"rm -f postmaster.pid postmaster.opts && find pg_wal -type f -delete", // which come from the server
		"cp ../backup_label backup_label && touch standby.signal && cat ../standby.conf >>postgresql.auto.conf && chown --reference=PG_VERSION backup_label standby.signal",
	} {
		shell := exec.Command("sh", "-c", command) //nolint:noctx // it ends at once
		shell.Dir = standby.data()
		if out, err := shell.CombinedOutput(); err != nil {
			s.tb.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	standby.Boot()
	return standby
}
