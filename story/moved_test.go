package story

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A file of the database is moved away, or another one is put in its place, under the running exporter: what it would take
// would be lost with the process, so it takes nothing, says why, and goes on when the file is back.
func TestFilesThatAreMoved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		file    string
		instead bool
	}{
		"the database": {"dora-exporter.db", false}, "the log": {"dora-exporter.db-wal", false}, "another database": {"dora-exporter.db", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits most of the time
			e := newExporter(t, "http://127.0.0.1:1")
			e.start()
			d := deployed{id: 1, repo: "web", env: "production"}
			truth := func(n float64) numbers {
				return numbers{
					deploymentSeries("github_deployments_total", "production", "web", "success", "Platform"): n,
					unavailable("production", "no_commit", "web", "success", "Platform"):                     n,
				}
			}
			e.mustPost(d.status(1, "success", newYear))
			e.becomes(truth(1))
			path := filepath.Join(e.folder, test.file)
			move := func(from, to string) {
				t.Helper()
				if err := os.Rename(from, to); err != nil {
					t.Fatal(err)
				}
			}
			move(path, path+".away")
			if test.instead {
				e.write(test.file, e.read(test.file+".away"))
			}
			e.eventually("it is not ready", func() error {
				if status, body := e.get("/readyz"); status != 503 || !regexp.MustCompile(`dora-exporter\.db(-wal)? was moved`).MatchString(body) {
					return fmt.Errorf("status %d: %s", status, body)
				}
				return nil
			})
			if status, _ := e.post(d.status(2, "success", newYear)); status != 503 {
				t.Errorf("a webhook: status %d, want 503", status)
			}
			if status, _ := e.get("/metrics"); status != 200 {
				t.Errorf("/metrics: status %d", status)
			}
			move(path+".away", path)
			e.eventually("it is ready again", func() error {
				if status, body := e.get("/readyz"); status != 200 {
					return fmt.Errorf("status %d: %s", status, body)
				}
				return nil
			})
			e.mustPost(d.status(2, "success", newYear))
			e.becomes(truth(2))
			if n := strings.Count(e.log.String(), "writing to the store failed"); n != 1 {
				t.Errorf("the log says %d times that it can't write", n)
			}
			e.kill()
			e.stores(truth(2))
			e.start()
			e.becomes(truth(2))
		})
	}
}
