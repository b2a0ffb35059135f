package story

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/persistence/teststore"
)

// site is what an exporter has left in its folder, with what was sent to it.
type site struct {
	api    *gitHubAPI
	config string
	// files are the names with what is in them; database is the path of the database if it is none of them.
	files    map[string][]byte
	database string
	// sent was answered with 202 before the end; later is what comes after it.
	sent, later []webhook
	// truth is what sent adds up to, and final all of it.
	truth, final numbers
}

var newYear = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// issue is an event of an incident that was opened at New Year; minutes is when it was resolved, 0 while it is open.
func issue(id, minutes int) webhook {
	resolved, event := "null", "created"
	if minutes > 0 {
		resolved, event = fmt.Sprintf("%q", newYear.Add(time.Duration(minutes)*time.Minute).Format("2006-01-02T15:04:05.000-0700")), "updated"
	}
	return jira(fmt.Sprintf(`{"timestamp":%d,"webhookEvent":"jira:issue_%s","issue":{"id":"%d","key":"INC-%d",
		"self":"https://jira.example.com/rest/api/2/issue/%d","fields":{"project":{"key":"INC"},"created":"2026-01-01T00:00:00.000+0000",
		"resolutiondate":%s}},"changelog":{"id":"%d"}}`, newYear.UnixMilli(), event, id, id, id, resolved, minutes))
}

const (
	incidents        = `jira_incidents{project="INC",team="Platform"}`
	incidentDuration = `jira_incidents_duration_sum{project="INC",team="Platform"}`
)

// newSite lets an exporter take deployments whose commits are known, incidents open and resolved, and then, with GitHub down,
// deployments whose durations wait. It ends it in order, or kills it and leaves a write-ahead log.
func newSite(t *testing.T, kill bool) *site {
	t.Helper()
	s := &site{api: newGitHubAPI(t), files: map[string][]byte{}}
	e := newExporter(t, s.api.server.URL)
	s.config = e.read("config.yml")
	e.start()
	all := newTruth()
	statuses := func(from, to int) (events []webhook) {
		for id := from; id <= to; id++ {
			sha := fmt.Sprintf("c0ffee%02d", id)
			s.api.addCommit("web", sha, commit{message: "change", date: newYear})
			d := deployed{id: id, repo: "web", env: []string{"production", "staging"}[id%2], sha: sha}
			at := newYear.Add(time.Duration(id) * time.Minute)
			events = append(events, d.status(id, "success", at))
			all.status(d, "Platform", id, "success", at, newYear)
		}
		return events
	}
	known := statuses(1, 12)
	for id := 1; id <= 6; id++ {
		known = append(known, issue(id, 0))
	}
	known = append(known, issue(1, 10), issue(2, 20), issue(3, 30))
	e.postAll(known)
	all.numbers[incidents], all.numbers[incidentDuration] = 3, 60*60
	e.becomes(all.numbers)
	if kill { // the checkpoint is older than the log's last part
		e.eventually("the checkpoint is written", func() error {
			if !strings.Contains(e.read("dora-exporter.prom"), incidents+" 3\n") {
				return errors.New("not yet")
			}
			return nil
		})
	}
	s.api.setFault(refuse)
	waiting := statuses(13, 18)
	e.postAll(waiting)
	counted := all.clone()
	e.eventually("all are counted", func() error {
		n, err := e.scrape()
		for _, env := range []string{"production", "staging"} {
			series := deploymentSeries("github_deployments_total", env, "web", "success", "Platform")
			if n[series] != counted[series] {
				return fmt.Errorf("%s is %v, %w", series, n[series], err)
			}
		}
		return err
	})
	if kill {
		e.kill()
	} else {
		e.terminate()
	}
	s.truth = all.clone()
	s.sent = slices.Concat(known, waiting)
	// Resolved again, ten minutes later; resolved at last; never resolved.
	s.later = append(statuses(19, 20), issue(1, 20), issue(4, 5))
	s.api.setFault(nil)
	s.final = all.clone()
	s.final[incidents], s.final[incidentDuration] = 4, 75*60
	entries, err := os.ReadDir(e.folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "config.yml" {
			s.files[name] = []byte(e.read(name))
		}
	}
	if teststore.InPostgres() {
		s.database = e.database()
	}
	return s
}

func (t *truth) clone() numbers {
	n := numbers{}
	for series, value := range t.numbers {
		n[series] = value
	}
	return n
}

// A byte of a file is flipped while the exporter is not running. The next start gives the exact values, or refuses and
// says what to do, or says what it can't read; then everything is sent again, and every number is right.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]bool{"stopped": false, "killed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kill)
			for file, data := range s.files {
				if len(data) > 0 && !strings.HasSuffix(file, "-shm") { // the -shm file is made anew from the log
					t.Run(strings.TrimPrefix(filepath.Ext(file), "."), func(t *testing.T) {
						t.Parallel()
						s.flip(t, file, data)
					})
				}
			}
		})
	}
}

// flip tries a file with a bit flipped, at places all over it.
func (s *site) flip(t *testing.T, file string, data []byte) {
	random := newRandom(t)
	e := newExporter(t, s.api.server.URL)
	outcomes := map[string]int{}
	for range scaled(2, 400) {
		at, mask := random.IntN(len(data)), byte(1)<<random.IntN(8)
		damaged := bytes.Clone(data)
		damaged[at] ^= mask
		outcome := s.trial(e, file, damaged)
		outcomes[outcome]++
		if t.Failed() {
			t.Fatalf("%s with bit %#x flipped at %d of %d: %s", file, mask, at, len(data), outcome)
		}
	}
	t.Logf("%v", outcomes)
}

// trial starts the exporter with one file changed and says what came of it.
func (s *site) trial(e *exporter, file string, damaged []byte) string {
	e.Helper()
	s.restore(e)
	e.write(file, string(damaged))
	before := len(e.log.String())
	log := func() string { return e.log.String()[before:] }
	e.launch()
	defer e.kill()
	outcome := ""
	e.eventually("it works or refuses", func() error {
		select {
		case <-e.exited:
			outcome = "refused"
			return nil
		default:
		}
		status, body := e.get("/readyz")
		if status != 200 && strings.Contains(body, "damaged") {
			outcome = "not ready"
			return nil
		}
		got, err := e.scrape()
		if err != nil {
			return err
		}
		if cmp.Equal(s.truth.nonZero(), got.nonZero()) {
			outcome = "exact"
			return nil
		}
		if strings.Contains(log(), "is set aside") {
			outcome = "set aside"
			return nil
		}
		if strings.HasSuffix(file, "-wal") {
			outcome = "the end of the log is lost"
			return nil
		}
		return fmt.Errorf("neither exact nor refused: -want +got:\n%s", cmp.Diff(s.truth.nonZero(), got.nonZero()))
	})
	switch outcome {
	case "refused", "not ready":
		if !strings.Contains(log(), "dora-exporter.") || !anyOf(log(), "backup", "move ", "-accept-store", "storage.database") {
			e.Errorf("no remedy is said:\n%s", log())
		}
		return outcome
	}
	e.postAll(s.sent)
	e.postAll(s.later)
	e.becomes(s.final)
	return outcome
}

// restore puts the files back as they were.
func (s *site) restore(e *exporter) {
	e.Helper()
	old, err := filepath.Glob(filepath.Join(e.folder, "dora-exporter.*"))
	if err != nil {
		e.Fatal(err)
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.Fatal(err)
		}
	}
	for name, data := range s.files {
		e.write(name, string(data))
	}
	if s.database != "" {
		teststore.Copy(e.T, s.database, e.database())
	}
}

func anyOf(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
