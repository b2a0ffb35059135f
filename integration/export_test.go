package integration

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
)

// liveStatuses is how many deployments happen after the installation.
const liveStatuses = 40

// The exported blocks and the samples that are scraped after the installation are one series each, in which every query gives what the
// events say: at any time before, and across the installation.
func TestExportToPrometheus(t *testing.T) {
	t.Parallel()
	e := newExporter(t, github(t))
	end := storeHistory(t, e)
	e.start(t) // the export works beside a running server
	e.startStaging(t)
	file, data := filepath.Join(e.folder, "history.om"), t.TempDir()
	e.export(t, append(e.scrapeLabels(), "-o", "openmetrics", file)...)
	if out, err := exec.Command("promtool", "tsdb", "create-blocks-from", "--max-block-duration=1458h", "openmetrics", file, data).CombinedOutput(); err != nil {
		t.Fatalf("make the blocks: %v: %s", err, out)
	}
	p := runPrometheus(t, withRules(t)+e.scrapeConfig(), data)
	p.checkExported(t, end, p.tolerance(t), p.rules(t))
	e.sendLive(t, p)
	e.checkInstallation(t, p, end)
}

// A Prometheus that takes old samples, and a VictoriaMetrics, get the same by remote write.
func TestExportByRemoteWrite(t *testing.T) {
	t.Parallel()
	e := newExporter(t, github(t))
	end := storeHistory(t, e)
	e.start(t)
	e.startStaging(t)

	p := runPrometheus(t, withRules(t)+e.scrapeConfig()+"storage: {tsdb: {out_of_order_time_window: 1000d}}\n", t.TempDir(), "--web.enable-remote-write-receiver")
	options := e.scrapeLabels()
	if p.isVersion3(t) {
		options = append(options, "-float-le")
	}
	e.export(t, append(options, "-o", "remote-write", p.url+"/api/v1/write")...)
	p.checkExported(t, end, p.tolerance(t), p.rules(t))
	e.sendLive(t, p)
	e.checkInstallation(t, p, end)

	scrape := filepath.Join(e.folder, "scrape.yml")
	if err := os.WriteFile(scrape, []byte(e.scrapeConfig()), 0o600); err != nil {
		t.Fatal(err)
	}
	v := startVictoria(t, "-retentionPeriod=100y", "-search.minStalenessInterval=6h", "-promscrape.config="+scrape)
	e.export(t, append(e.scrapeLabels(), "-o", "remote-write", v.url+"/api/v1/write")...)
	if _, err := get(v.url + "/internal/force_flush"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the samples of all months can be searched", func() error {
		results, err := v.ask("sum(increase(dora_changes_total[90d]))", end.AddDate(0, 0, -asked))
		if err == nil && (len(results) != 1 || results[0].Value.value != 360) {
			err = fmt.Errorf("it answers %v", results)
		}
		return err
	})
	v.checkExported(t, end, 0.001, p.rules(t))
	e.checkInstallation(t, v.prometheus, end)
}

// A Prometheus that takes no old samples says so, and the command says what to do.
func TestExportToPrometheusWithoutWindow(t *testing.T) {
	t.Parallel()
	e := newExporter(t, github(t))
	storeHistory(t, e)
	e.start(t)
	p := runPrometheus(t, e.scrapeConfig(), t.TempDir(), "--web.enable-remote-write-receiver")
	p.wait(t, "sum(up)", 1)
	out, err := e.command(t, "export", "-o", "remote-write", p.url+"/api/v1/write")
	if err == nil || !strings.Contains(out, "out_of_order_time_window") {
		t.Errorf("%v: %s", err, out)
	}
}

// The same records in PostgreSQL give the same file.
func TestExportFromPostgres(t *testing.T) {
	t.Parallel()
	e := newExporter(t, github(t))
	storeHistory(t, e)
	fromSQLite, fromPostgres := filepath.Join(e.folder, "sqlite.om"), filepath.Join(e.folder, "postgres.om")
	e.export(t, fromSQLite)
	server := pgserver.Start(t)
	e.copy(t, "-to", server.URL("postgres", "postgres"))
	e.setDatabase(t, e.config(t), server.URL("postgres", "postgres"))
	e.export(t, fromPostgres)
	want, err := os.ReadFile(fromSQLite)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(fromPostgres)
	if err != nil || !bytes.Equal(want, got) {
		t.Errorf("%v; %d bytes from SQLite, %d from PostgreSQL", err, len(want), len(got))
	}
}

// export runs the command.
func (e *exporter) export(t *testing.T, arguments ...string) {
	t.Helper()
	out, err := e.command(t, append([]string{"export"}, arguments...)...)
	if err != nil || !strings.Contains(out, "samples: ") {
		t.Fatalf("export: %v: %s", err, out)
	}
}

// scrapeLabels are the labels that Prometheus adds to what it scrapes.
func (e *exporter) scrapeLabels() []string {
	return []string{"-label", "job=dora-exporter", "-label", "instance=" + e.address}
}

func (e *exporter) scrapeConfig() string {
	return fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: dora-exporter\n  static_configs: [{targets: [%q]}]\n", e.address)
}

// startStaging counts five deployments to staging before the first scrape: more than History has of them.
func (e *exporter) startStaging(t *testing.T) {
	t.Helper()
	for n := range 5 {
		e.send(t, "deployment_status", strings.ReplaceAll(status(1000+n, 1000+n, "success"), "production", "staging"))
	}
	eventually(t, "they are counted", func() error {
		metrics, err := get("http://" + e.address + "/metrics")
		if err == nil && !strings.Contains(metrics, `dora_deployments_total{environment="staging",outcome="success",owner="acme",repo="web",team="Platform"} 5`) {
			err = fmt.Errorf("not in\n%s", metrics)
		}
		return err
	})
}

// isVersion3 reports whether it is a Prometheus 3, in whose ranges the sample at their beginning is not.
func (p prometheus) isVersion3(t *testing.T) bool {
	t.Helper()
	results, err := p.ask("count_over_time(vector(1)[1m:30s])", time.Unix(3600, 0))
	if err != nil || len(results) != 1 {
		t.Fatalf("%v, %v", results, err)
	}
	return results[0].Value.value == 2
}

// tolerance is by which part values may be off at a time with samples. Prometheus 3 extrapolates from the second sample of a range, which is up to
// six hours of seven days later.
func (p prometheus) tolerance(t *testing.T) float64 {
	t.Helper()
	if p.isVersion3(t) {
		return 0.02
	}
	return 0.001
}

// checkExported asks every query at a midnight, when a day of History has just ended, and in the middle of a day. By the second time
// values may be off by what PromQL extrapolates.
func (p prometheus) checkExported(t *testing.T, end time.Time, exactly float64, rules map[string]string) {
	t.Helper()
	for part, at := range map[float64]time.Time{exactly: end.AddDate(0, 0, -asked), 0.04: end.AddDate(0, 0, -asked).Add(13*time.Hour + 17*time.Minute)} {
		wanted := exportedPanels(at)
		maps.Copy(wanted, exportedRules())
		for name, q := range panelQueries(t, ".*") {
			if strings.HasPrefix(name, "dora: $") && part != exactly {
				delete(wanted, name) // Grafana asks for the values of labels over a range, not at a moment
			} else if strings.HasPrefix(name, "dora: ") {
				p.checkOwn(t, name, q.soFar(), at, wanted, part)
			}
		}
		for name, query := range rules {
			if _, ok := wanted[name]; ok {
				p.checkOwn(t, name, query, at, wanted, part)
			} else if !strings.HasPrefix(name, "Dora") && !strings.Contains(name, "_bucket:") {
				t.Errorf("%s: nothing is expected of it", name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(wanted)) {
			t.Errorf("%s is expected and not there", name)
		}
		wanted = exportedPublished()
		for _, query := range slices.Collect(maps.Keys(wanted)) {
			p.checkOwn(t, query, query, at, wanted, part)
		}
	}
}

// checkOwn asks a query as checkWithin does, and takes it from what is wanted. Labels of Prometheus don't count.
func (p prometheus) checkOwn(t *testing.T, name, query string, at time.Time, wanted map[string]answer, part float64) {
	t.Helper()
	want, ok := wanted[name]
	if !ok {
		t.Errorf("%s: nothing is expected of it", name)
	}
	delete(wanted, name)
	results, err := p.ask(query, at)
	if err != nil {
		t.Errorf("%s: %s: %v", name, query, err)
	}
	got := answer{}
	for _, r := range results {
		labels := r.own()
		if strings.HasPrefix(name, "changes(") {
			labels = ""
		}
		got[labels] = r.Value.value
	}
	if !got.near(want, part) {
		t.Errorf("%s at %s: %s\nanswers %v,\nwant    %v", name, at, query, got, want)
	}
}

const (
	inProduction = `dora_deployments_total{environment="production",outcome="success"}`
	leadTimes    = `last_over_time(dora_change_lead_time_seconds_bucket[28d])`
	inStaging    = `dora_deployments_total{environment="staging",outcome="success"}`
)

// sendLive sends what happens after the installation, while a Prometheus scrapes.
func (e *exporter) sendLive(t *testing.T, p prometheus) {
	t.Helper()
	p.wait(t, inStaging, 5)
	e.send(t, "deployment", deployment(1))
	p.wait(t, inProduction, 0)
	for n := range liveStatuses {
		e.send(t, "deployment_status", status(1+n, 1+n, "success"))
	}
}

// checkInstallation sees that the scraped series continue the exported ones: what happened before and after adds up, and no rate is
// negative.
func (e *exporter) checkInstallation(t *testing.T, p prometheus, end time.Time) {
	t.Helper()
	p.wait(t, inStaging, 5)
	p.wait(t, inProduction, liveStatuses)
	now := time.Now().UTC()
	before := 0
	for day := range exportedDays {
		for _, hour := range []time.Duration{9, 15} {
			if end.AddDate(0, 0, -1-day).Add(hour * time.Hour).After(now.Add(-28 * dora.Day)) {
				before++
			}
		}
	}
	for query, want := range map[string]answer{
		`sum(increase(` + inProduction + `[28d]))`:                                      one(float64(before + liveStatuses)),
		`sum(increase(` + inStaging + `[28d]))`:                                         one(2 + 5),
		`sum(resets(` + inProduction + `[28d]))`:                                        one(1),
		`count(min_over_time(rate(dora_deployments_total[6h])[28d:1h]) < 0)`:            {},
		`count(min_over_time(rate(dora_change_lead_time_seconds_sum[6h])[28d:1h]) < 0)`: {},
		// No bucket has two spellings of its bound, such as 600 and 600.0.
		`count(count by (le) (` + leadTimes + `)) - count(count by (le) (label_replace(` + leadTimes + `, "le", "$1", "le", "(.*)[.]0")))`: one(0),
		`count(count by (team, owner, repo, environment) (dora_deployments_total)) > 0`:                                                    one(2),
		`count(count_over_time(dora_deployments_total{environment="production"}[28d]))`:                                                    one(2), // by outcome: the scraped series are the exported ones
	} {
		p.checkWithin(t, "across the installation", query, now, want, 0.03)
	}
}
