package story

import (
	bigendian "encoding/binary"
	"encoding/json"
	"hash/crc64"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dora-exporter/persistence/teststore"
)

// deliverySum is the checksum of a delivery's row: CRC-64 over the texts, each behind its length, and the time.
func deliverySum(source, key, event string, received uint64) int64 {
	var b []byte
	for _, text := range []string{source, key, event} {
		b = append(bigendian.BigEndian.AppendUint64(b, uint64(len(text))), text...)
	}
	return int64(crc64.Checksum(bigendian.BigEndian.AppendUint64(b, received), crc64.MakeTable(crc64.ECMA)))
}

// A delivery that nothing can be made of is set aside after its fifth attempt, the others go on, and it can be seen and tried again
// beside the running server.
func TestDeliveriesListAndRetry(t *testing.T) {
	t.Parallel() // it waits most of the time
	api := newGitHubAPI(t)
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	api.addCommit("web", "c0ffee", commit{message: "change", date: first})
	e := newExporter(t, api.server.URL)
	e.start()
	e.terminate()
	const cut = `{"deployment_st`
	e.tamper("INSERT INTO texts (id, text) VALUES (?, ?)", 99, "h/deployment_status/")
	e.tamper("INSERT INTO deliveries (source, stem, rest, about, event, received, due, attempts, checksum) VALUES (?, ?, ?, ?, ?, 0, 0, 4, ?)",
		"github", 99, "9", "", []byte(cut), deliverySum("github", "h/deployment_status/9", cut, 0))
	e.start()
	d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
	e.mustPost(d.status(1, "success", first.Add(time.Minute)))
	success := deploymentSeries("github_deployments_total", "production", "web", "success", "Platform")
	sum := deploymentSeries("github_deployments_duration_sum", "production", "web", "success", "Platform")
	last := deploymentSeries("github_deployments_duration", "production", "web", "success", "Platform")
	e.becomes(numbers{success: 1, sum: 60, last: 60})
	e.eventually("the delivery is set aside", func() error { return e.hasMetric("dora_exporter_dead_letters 1") })
	status, out, errOut := e.runOnce("deliveries", "list")
	if status != 0 || !strings.Contains(out, "h/deployment_status/9") || !strings.Contains(out, "unexpected end of JSON input") {
		t.Errorf("deliveries list: status %d, %s%s", status, out, errOut)
	}
	if status, out, errOut := e.runOnce("deliveries", "retry", "7"); status != 1 || !strings.Contains(errOut, "delivery 7 is not a dead letter") {
		t.Errorf("deliveries retry 7: status %d, %s%s", status, out, errOut)
	}
	e.terminate()
	event := e.newestEvent()
	event.Status.ID = 9
	repaired, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	e.tamper("UPDATE deliveries SET event = ?, checksum = ? WHERE state = 2", repaired, deliverySum("github", "h/deployment_status/9", string(repaired), 0))
	e.start()
	if status, out, errOut := e.runOnce("deliveries", "retry"); status != 0 || !strings.HasPrefix(out, "deliveries pending again: 1;") {
		t.Errorf("deliveries retry: status %d, %s%s", status, out, errOut)
	}
	e.becomes(numbers{success: 2, sum: 120, last: 60})
	if status, out, _ := e.runOnce("deliveries", "list"); status != 0 || out != "no dead letters\n" {
		t.Errorf("deliveries list: status %d, %s", status, out)
	}
}

// backUp makes a backup of the database, and returns its path.
func (e *exporter) backUp() string {
	e.Helper()
	path := filepath.Join(e.folder, "backup.db")
	status, out, errOut := e.runOnce("backup", "backup.db")
	if teststore.InPostgres() { // the backups are the server's
		if status != 1 || !strings.Contains(errOut, "back it up with pg_dump") {
			e.Errorf("backup: status %d, %s%s", status, out, errOut)
		}
		e.terminate()
		teststore.Copy(e.T, e.database(), path)
		e.start()
		return path
	}
	if status != 0 {
		e.Fatalf("backup: status %d, %s%s", status, out, errOut)
	}
	if status, _, errOut := e.runOnce("backup", "backup.db"); status != 1 || !strings.Contains(errOut, "already") {
		e.Errorf("backup over a file: status %d, %s", status, errOut)
	}
	return path
}

// A backup made beside the running server, put in the place of the lost database, gives its values; what came later is
// counted when it is sent again, and what the backup has is not.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	api := newGitHubAPI(t)
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	api.addCommit("web", "c0ffee", commit{message: "change", date: first})
	e := newExporter(t, api.server.URL)
	e.start()
	d := deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}
	var events []webhook
	for i := range 20 {
		events = append(events, d.status(i+1, "success", first.Add(time.Minute)))
	}
	truth := func(n float64) numbers {
		return numbers{
			deploymentSeries("github_deployments_total", "production", "web", "success", "Platform"):        n,
			deploymentSeries("github_deployments_duration_sum", "production", "web", "success", "Platform"): 60 * n,
			deploymentSeries("github_deployments_duration", "production", "web", "success", "Platform"):     60,
		}
	}
	e.postAll(events[:10])
	e.becomes(truth(10))
	backup := e.backUp()
	e.postAll(events[10:])
	e.becomes(truth(20))
	e.terminate() // which writes the checkpoint
	teststore.Copy(t, backup, e.database())
	if status, _, errOut := e.runOnce(); status != 1 || !strings.Contains(errOut, "-accept-store") {
		t.Errorf("a database that is older than the checkpoint: status %d, %s", status, errOut)
	}
	e.start("-accept-store")
	e.becomes(truth(10))
	e.postAll(events)
	e.becomes(truth(20))
	e.kill()
	e.start()
	e.becomes(truth(20))
}
