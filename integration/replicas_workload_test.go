package integration

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
	"dora-exporter/internal/process"
	"dora-exporter/internal/testexporter"
	"dora-exporter/internal/workload"
)

// measuredReplicas are replicas on a server of their own, to which an organization's history is sent.
type measuredReplicas struct {
	server *pgserver.Server
	github *httptest.Server
	all    []*exporter
	sender *workload.Sender
}

// newMeasured prepares replicas with a stand-in for GitHub; database returns the URL that leads to their server.
func newMeasured(b *testing.B, replicas int, database func(*pgserver.Server) string) *measuredReplicas {
	b.Helper()
	history := workload.NewHistory(100_000, time.Now().AddDate(0, 0, -1).Truncate(time.Second))
	r := &measuredReplicas{server: pgserver.Start(b), github: httptest.NewServer(workload.NewGitHub(history)), sender: &workload.Sender{History: history}}
	b.Cleanup(r.stop)
	url := database(r.server)
	for range replicas {
		e := &exporter{folder: b.TempDir(), address: testexporter.FreeAddress(b)}
		_, port, _ := net.SplitHostPort(e.address)
		e.setConfig(b, fmt.Sprintf("server: {host: 127.0.0.1, port: %s}\ngithub: {base_url: %q, token: bench, webhook_secret: %s}\n"+
			"storage: {database: %q}\ndeployments: {settle: 1s}\n", port, r.github.URL+"/", workload.Secret, url)+workload.TeamsConfig())
		r.all, r.sender.Addresses = append(r.all, e), append(r.sender.Addresses, e.address)
	}
	return r
}

// withoutWork leaves accepted webhooks and their counts: nothing is looked up or evaluated.
func (r *measuredReplicas) withoutWork(b *testing.B) {
	b.Helper()
	for _, e := range r.all {
		e.setConfig(b, strings.NewReplacer(r.github.URL, "http://127.0.0.1:1", "settle: 1s", "settle: 1h").Replace(e.config(b)))
	}
}

func (r *measuredReplicas) start(b *testing.B) {
	b.Helper()
	for _, e := range r.all {
		e.run(b, binary, "-log", "warn")
	}
	for _, e := range r.all {
		e.waitUntilReady(b)
	}
}

// stop ends all processes.
func (r *measuredReplicas) stop() {
	for _, e := range r.all {
		e.kill()
	}
	r.server.Kill()
	r.github.Close()
}

// send sends deployments up to one with a number of connections, or until ctx ends, and returns how many webhooks were accepted in a second.
func (r *measuredReplicas) send(ctx context.Context, b *testing.B, connections, until int) float64 {
	b.Helper()
	before, began := r.sender.Sent(), time.Now()
	r.sender.Connections = connections
	if err := r.sender.Send(ctx, until); err != nil {
		b.Fatal(err)
	}
	return float64(3*(r.sender.Sent()-before)) / time.Since(began).Seconds()
}

// waitUntil waits until a family's samples add up to a number on all replicas. It polls ever less often: scrapes are a load.
func (r *measuredReplicas) waitUntil(b *testing.B, family string, sum float64) {
	b.Helper()
	for began, n := time.Now(), 0; n < len(r.all); {
		got, err := r.all[n].sum(family)
		if err != nil {
			b.Fatal(err)
		}
		if got == sum {
			n++
			continue
		}
		if time.Since(began) > testexporter.Patience {
			b.Fatalf("replica %d has %s %v, want %v", n, family, got, sum)
		}
		time.Sleep(max(50*time.Millisecond, time.Since(began)/20))
	}
}

// waitUntilDone waits until all that was sent is evaluated, and all replicas show it.
func (r *measuredReplicas) waitUntilDone(b *testing.B) {
	b.Helper()
	r.waitUntil(b, "github_deployments_total", float64(2*r.sender.Sent())) // each has two statuses
	r.waitUntil(b, "dora_deployments_total", float64(r.sender.Sent()))
	for _, gauge := range []string{"dora_exporter_backlog", "dora_exporter_github_lookups_waiting", "dora_exporter_evaluations_waiting"} {
		r.waitUntil(b, gauge, 0)
	}
}

// sum returns the sum of the samples of a family, which is scraped alone.
func (e *exporter) sum(family string) (sum float64, err error) {
	text, err := get("http://" + e.address + "/metrics?name[]=" + family)
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, family) {
			continue
		}
		fields := strings.Fields(line)
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			return 0, fmt.Errorf("%q: %w", line, err)
		}
		sum += value
	}
	return sum, err
}

// wholeWay is what the whole way of deployments took.
type wholeWay struct {
	// accepted is webhooks in a second, evaluated deployments in a second until all replicas showed all of them.
	accepted, evaluated float64
	// replicas and server are milliseconds of the processors' time for a deployment.
	replicas, server float64
	// commits and wal are transactions, and bytes of the write-ahead log, for a deployment.
	commits, wal float64
}

// startWarm starts the replicas and warms them up, so that the server's statistics are those of tables in use.
func (r *measuredReplicas) startWarm(b *testing.B) {
	b.Helper()
	r.start(b)
	r.send(b.Context(), b, 32, benchWarmup)
	r.waitUntilDone(b)
	r.server.Psql("postgres", "VACUUM ANALYZE")
}

// measure measures the whole way of benchDeployments.
func (r *measuredReplicas) measure(b *testing.B) (w wholeWay) {
	b.Helper()
	before, began := r.usage(b), time.Now()
	w.accepted = r.send(b.Context(), b, 32, r.sender.Sent()+benchDeployments)
	r.waitUntilDone(b)
	w.evaluated = benchDeployments / time.Since(began).Seconds()
	after := r.usage(b)
	w.replicas = (after.replicas - before.replicas).Seconds() * 1000 / benchDeployments
	w.server = (after.server - before.server).Seconds() * 1000 / benchDeployments
	w.commits, w.wal = (after.commits-before.commits)/benchDeployments, (after.wal-before.wal)/benchDeployments
	return w
}

// usage is what replicas and their server have used so far.
type usage struct {
	replicas, server time.Duration
	commits, wal     float64
}

func (r *measuredReplicas) usage(b *testing.B) (u usage) {
	b.Helper()
	for _, e := range r.all {
		used, err := process.CPUTime(e.process.Process.Pid)
		if err != nil {
			b.Fatal(err)
		}
		u.replicas += used
	}
	u.server = r.server.CPUTime()
	counts := r.server.Psql("postgres", "SELECT xact_commit || ' ' || pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') FROM pg_stat_database WHERE datname = 'postgres'")
	if _, err := fmt.Sscan(counts, &u.commits, &u.wal); err != nil {
		b.Fatal(err)
	}
	return u
}
