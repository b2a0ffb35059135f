package integration

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"dora-exporter/integration/pgserver"
	"dora-exporter/internal/testexporter"
)

// replicas are exporters that share a PostgreSQL database, with what was sent to them.
type replicas struct {
	*traffic

	all []*exporter
	// stopLoad ends load.
	stopLoad func()
}

// newReplicas prepares replicas; database returns the URL for each of them, otlp is the address of a receiver, or empty.
func newReplicas(t testing.TB, n int, database func(replica int) string, otlp string) *replicas {
	t.Helper()
	r := &replicas{traffic: newTraffic(t), stopLoad: func() {}}
	for i := range n {
		e := &exporter{folder: t.TempDir(), address: testexporter.FreeAddress(t)}
		_, port, _ := net.SplitHostPort(e.address)
		push := ""
		if otlp != "" {
			push = fmt.Sprintf("otlp: {enabled: true, endpoint: %q, interval: 1s}\n", otlp)
		}
		e.setConfig(t, fmt.Sprintf(`server: {host: 127.0.0.1, port: %s}
github: {base_url: %q, webhook_secret: %s}
jira: {webhook_secret: %s}
storage: {database: %q}
deployments: {settle: 1s}
failures: {incident_window: 2h, hotfix: {branches: ["hotfix/*"]}}
teams:
  - {name: Platform, github_repositories: [acme/*]}
%s%s`, port, r.github.URL, secret, secret, database(i), ownership(), push))
		t.Cleanup(func() {
			e.kill()
			if t.Failed() {
				t.Logf("replica %d said:\n%s", i, tail(e.output.String()))
			}
		})
		r.all = append(r.all, e)
	}
	t.Cleanup(func() { r.stopLoad() })
	return r
}

// tail returns the end of a log without the lines about single events.
func tail(log string) string {
	const bytes = 4000
	lines := slices.DeleteFunc(strings.SplitAfter(log, "\n"), func(line string) bool { return strings.Contains(line, " endpoint=github environment=") })
	log = strings.Join(lines, "")
	return log[max(0, len(log)-bytes):]
}

// onServer returns replicas on a server that the test alone uses.
func onServer(t *testing.T, n int) (*replicas, *pgserver.Server) {
	t.Helper()
	server := pgserver.Start(t)
	r := newReplicas(t, n, func(int) string { return server.URL("postgres", "postgres") }, "")
	r.start(t)
	return r, server
}

// start starts all replicas at once.
func (r *replicas) start(t testing.TB) {
	t.Helper()
	for _, e := range r.all {
		e.run(t, binary)
	}
	for _, e := range r.all {
		e.waitUntilReady(t)
	}
}

// facts returns the families of facts on /metrics of a replica.
func (e *exporter) facts() (string, error) {
	text, err := get("http://" + e.address + "/metrics")
	var kept []string
	for line := range strings.Lines(text) {
		name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE ")
		if strings.HasPrefix(name, "github_") || strings.HasPrefix(name, "jira_") || strings.HasPrefix(name, "dora_") && !strings.HasPrefix(name, "dora_exporter_") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, ""), err
}

// terminate stops a replica in order.
func (e *exporter) terminate(t *testing.T) {
	t.Helper()
	if err := e.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := e.process.Wait(); err != nil {
		t.Errorf("a replica did not stop in order: %v", err)
	}
}

// sample returns the value of a series on /metrics, whose name with its labels and a space is given; empty if it is not there.
func (e *exporter) sample(series string) (string, error) {
	text, err := get("http://" + e.address + "/metrics")
	_, after, _ := strings.Cut(text, "\n"+series)
	value, _, _ := strings.Cut(after, "\n")
	return value, err
}
