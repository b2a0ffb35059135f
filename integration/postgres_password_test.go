package integration

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"dora-exporter/integration/pgserver"
)

// The password of the database is in no log, page, metric or message, neither as it is nor as it is written in the URL.
func TestDatabasePassword(t *testing.T) {
	const password = "canary@/%40:?#"
	server := pgserver.Start(t)
	server.Psql("postgres", "CREATE ROLE dora LOGIN PASSWORD '"+password+"'; GRANT CREATE ON DATABASE postgres TO dora")
	server.Access("host all dora 127.0.0.1/32 scram-sha-256")
	address := func(user, host string) string {
		return fmt.Sprintf("postgres://%s@%s:%d/postgres?sslmode=disable", user, host, server.Port)
	}
	encoded := "dora:" + url.QueryEscape(password)
	for name, test := range map[string]struct{ url, variable string }{
		"in the URL":      {address(encoded, "127.0.0.1"), ""},
		"in the settings": {address("dora", "127.0.0.1") + "&password=" + url.QueryEscape(password), ""},
		"in a variable":   {"postgres://", password},
	} {
		t.Run(name, func(t *testing.T) {
			if test.variable != "" {
				for variable, value := range map[string]string{
					"PGHOST": "127.0.0.1", "PGPORT": fmt.Sprint(server.Port), "PGUSER": "dora", "PGDATABASE": "postgres", "PGSSLMODE": "disable", "PGPASSWORD": test.variable,
				} {
					t.Setenv(variable, value)
				}
			}
			e := newReplicas(t, 1, func(int) string { return test.url }, "").all[0]
			e.run(t, binary, "-log=debug")
			e.waitUntilReady(t)
			e.send(t, "deployment_status", status(1, 1, "success"))
			shown := e.everything(t)
			server.Stop()
			eventually(t, "the exporter says that the database is away", func() error {
				if _, err := get("http://" + e.address + "/readyz"); err == nil {
					return errors.New("it is ready")
				}
				return nil
			})
			shown += e.everything(t)
			e.kill()
			server.Boot()
			shown += e.output.String()
			if !strings.Contains(shown, "dora_exporter_build_info") || !strings.Contains(shown, "not ready") || !strings.Contains(shown, "level=debug") {
				t.Errorf("too little is shown: %s", shown)
			}
			if strings.Contains(shown, "canary") {
				t.Errorf("the password is shown:\n%s", shown)
			}
		})
	}
	for name, database := range map[string]string{
		"wrong password": address("dora:canary", "127.0.0.1"), "wrong host": address(encoded, "nowhere.invalid"), "wrong port": address(encoded, "127.0.0.1:1"),
		"an @": address("dora:1@canary", "127.0.0.1"), "a slash": address("dora:1/canary", "127.0.0.1"), "a wrong setting": address(encoded, "127.0.0.1") + "&sslmode=x",
	} {
		t.Run(name, func(t *testing.T) {
			e := newReplicas(t, 1, func(int) string { return database }, "").all[0]
			for _, command := range [][]string{{"report"}, {"check", "-online"}, {"copy", "-to", database}, {"deliveries", "list"}, {"backup", "x"}} {
				c := exec.Command(binary, command...)
				c.Dir = e.folder
				out, err := c.CombinedOutput()
				if err == nil || len(out) == 0 || strings.Contains(string(out), "canary") {
					t.Errorf("%v: %v, %s", command, err, out)
				}
			}
		})
	}
}

// everything returns all that the exporter serves to people and Prometheus, with what commands print.
func (e *exporter) everything(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"/", "/metrics", "/readyz", "/explain/deployment/acme/web/1"} {
		answer, err := http.Get("http://" + e.address + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&all, answer.Body); err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	for _, command := range [][]string{{"report"}, {"check", "-online"}, {"deliveries", "list"}} {
		c := exec.Command(binary, command...)
		c.Dir = e.folder
		out, _ := c.CombinedOutput() // while the database is away, they fail
		all.Write(out)
	}
	return all.String()
}
