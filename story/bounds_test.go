package story

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// more is how much memory hostile input may take in addition, in MiB.
const more = 300

// takesAtMost compares the most memory that the process has had with what it needs without hostile input.
func (e *exporter) takesAtMost(before int) {
	e.Helper()
	peak := e.peak()
	e.Logf("%d MiB before, %d MiB at most", before, peak)
	if peak > before+more {
		e.Errorf("it took %d MiB, and %d before", peak, before)
	}
}

// zeros is a JSON list of n zeros, or what else is repeated, behind a beginning.
func zeros(begin, element string, n int) io.Reader {
	return io.MultiReader(strings.NewReader(begin), &repeating{text: element, left: n * len(element)})
}

type repeating struct {
	text     string
	at, left int
}

func (r *repeating) Read(p []byte) (n int, err error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	for n < len(p) && r.left > 0 {
		copied := copy(p[n:], r.text[r.at:])
		r.at = (r.at + copied) % len(r.text)
		r.left -= copied
		n += copied
	}
	return n, nil
}

// zipped answers with a few KiB that become many MiB.
func zipped(t *testing.T, status int, begin, element string, n int, end string) http.HandlerFunc {
	const times = 1 << 16
	many := gzipped(t, strings.Repeat(element, times)) // members one after the other are a gzip file, too
	body := slices.Concat(gzipped(t, begin), bytes.Repeat(many, n/times), gzipped(t, end))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Answers of GitHub that are small and make much are refused, eight at once, too, and the look-ups are made when it answers.
func TestLargeGitHubAnswers(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http.HandlerFunc{
		"list":         zipped(t, 200, "[", "0,", 15<<20, "0]"),
		"objects":      zipped(t, 200, "[", "{},", 10<<20, "{}]"),
		"nested":       zipped(t, 200, "", "[", 30<<20, ""),
		"text":         zipped(t, 200, `[{"number":1,"body":"`, "aaaaaaaa", 3<<20, `"}]`),
		"an error":     zipped(t, 422, `{"message":"x","errors":[`, "{},", 10<<20, "{}]}"),
		"an accepted":  zipped(t, 202, "[", "0,", 15<<20, "0]"),
		"server error": zipped(t, 500, `{"errors":[`, "0,", 15<<20, "0]}"),
		"no end":       zipped(t, 200, "[", "          ", 30<<20, "]"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newGitHubAPI(t)
			e := newExporter(t, api.server.URL)
			for i := range 16 {
				api.addCommit("web", fmt.Sprintf("%040x", i), commit{message: "change", date: newYear})
			}
			e.start()
			before := e.peak()
			defer e.takesAtMost(before)
			api.setFault(fault)
			for i := range 16 {
				d := deployed{id: i + 1, repo: "web", env: "production", sha: fmt.Sprintf("%040x", i)}
				e.mustPost(d.status(i+1, "success", newYear.Add(time.Minute)))
			}
			e.eventually("GitHub was asked", func() error {
				if n := api.called(); n < 2 {
					return fmt.Errorf("%d calls", n)
				}
				return nil
			})
			api.setFault(nil)
			sum := deploymentSeries("github_deployments_duration_sum", "production", "web", "success", "Platform")
			if name != "an error" { // which says that a commit is not there, for an hour
				e.eventually("the durations are there", func() error {
					n, err := e.scrape()
					if err == nil && n[sum] != 16*60 {
						err = fmt.Errorf("%v of %d", n[sum], 16*60)
					}
					return err
				})
			}
			if (name == "list" || name == "nested" || name == "no end") && !strings.Contains(e.log.String(), "answer of the GitHub API exceeds a limit") {
				t.Error("the log has no line about it")
			}
		})
	}
}

// Answers of Backstage likewise.
func TestLargeBackstageAnswers(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http.HandlerFunc{
		"list":   zipped(t, 200, "[", "{},", 5<<19, "{}]"),
		"owner":  zipped(t, 200, `[{"spec":{"owner":[`, "0,", 3<<20, "0]}}]"),
		"nested": zipped(t, 200, `[{"spec":{"owner":`, `{"a":`, 1<<20, ""),
		"error":  zipped(t, 503, "[", "0,", 15<<20, "0]"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backstage := httptest.NewServer(fault)
			defer backstage.Close()
			e := newExporter(t, "http://127.0.0.1:1")
			config, _, _ := strings.Cut(e.read("config.yml"), "teams:")
			e.write("config.yml", config+fmt.Sprintf("catalog: {mode: backstage, endpoint: %s, max_wait: 8s}\n", backstage.URL))
			e.start()
			before := e.peak()
			for i := range 20 {
				d := deployed{id: i + 1, repo: fmt.Sprintf("web%d", i), env: "production"}
				e.mustPost(d.status(i+1, "success", newYear))
			}
			e.eventually("they count for nobody", func() error {
				n, err := e.scrape()
				if err == nil && n[deploymentSeries("github_deployments_total", "production", "web1", "success", "Unknown")] != 1 {
					err = fmt.Errorf("not counted")
				}
				return err
			})
			e.takesAtMost(before)
		})
	}
}

// Bodies of webhooks that make much are refused with 400, many at once, too.
func TestDenseBodies(t *testing.T) {
	t.Parallel() // it waits most of the time
	text := func(begin, element string, size int, end string) string {
		return begin + strings.Repeat(element, (size-len(begin)-len(end))/len(element)) + end
	}
	const issue = `{"webhookEvent":"jira:issue_updated","issue":{"id":"1","key":"INC-1","fields":{`
	const largest = 25 << 20
	for name, test := range map[string]struct {
		body    func(size int) string
		answers string
	}{
		"lists":    {func(n int) string { return text("", "[", n, "") }, "400"},
		"objects":  {func(n int) string { return text("", `{"a":`, n, "") }, "400"},
		"labels":   {func(n int) string { return text(issue+`"labels":[`, `"",`, n, `""]}}}`) }, "400"},
		"items":    {func(n int) string { return text(issue+`"x":0}},"changelog":{"items":[`, `{},`, n, `{}]}}`) }, "400"},
		"links":    {func(n int) string { return text(issue+`"issuelinks":[`, `[],`, n, `[]]}}}`) }, "400"},
		"keys":     {func(n int) string { return text(issue, `"a":0,`, n, `"a":0}}}`) }, "400"},
		"one text": {func(n int) string { return text(issue+`"description":"`, "lorem ", n, `"}}}`) }, "202"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newExporter(t, "http://127.0.0.1:1")
			e.start()
			before := e.peak()
			small, large := test.body(900<<10), test.body(largest)
			var sending sync.WaitGroup
			for range scaled(12, 100) {
				sending.Go(func() {
					if status, body := e.post(jira(small)); fmt.Sprint(status) != test.answers && status != 503 && name != "keys" { // which are few then
						t.Errorf("900 KiB: status %d: %s", status, body)
					}
					if status, body := e.post(gitHub("deployment_status", small)); status != 400 && status != 503 {
						t.Errorf("900 KiB to GitHub: status %d: %s", status, body)
					}
				})
			}
			sending.Wait()
			for range scaled(1, 8) {
				sending.Go(func() {
					if status, body := e.post(jira(large)); fmt.Sprint(status) != test.answers && status != 503 && status != 0 {
						t.Errorf("25 MiB: status %d: %s", status, body)
					}
					_, _ = e.post(jira(large).with("X-Hub-Signature", "sha256=00"))
				})
			}
			sending.Wait()
			e.takesAtMost(before)
			if status, _ := e.get("/healthz"); status != 200 {
				t.Errorf("/healthz: status %d", status)
			}
		})
	}
}

// Reading another program's file takes memory for the series that are taken, not for its text.
func TestLargeForeignFiles(t *testing.T) {
	t.Parallel()
	plain := newExporter(t, "http://127.0.0.1:1")
	plain.start()
	before := plain.peak()
	plain.terminate()
	for name, test := range map[string]struct {
		begin, element string
		// size is that of the file and additional the most memory for it, in MiB. A structure of each sample takes about 500 bytes:
		// 150 MiB for 16 MiB of text.
		size, additional int
		ready            bool
	}{
		"other families": {"", "go_memstats_alloc_bytes{instance=\"a.example.com:9090\",job=\"x\"} 1.5e+09\n", 16, 100, true},
		"comments":       {"", "# HELP go_memstats_alloc_bytes Number of bytes allocated and still in use.\n", 16, 100, true},
		"one comment":    {"# ", "lorem ipsum ", 48, more, true},
		"one sample":     {"go_memstats{a=\"", "lorem ipsum ", 48, more, false},
		"of ours":        {"# TYPE jira_incidents counter\n", "jira_incidents{project=\"INC\",team=\"Platform\"} 1\n", 16, 100, false},
		"buckets":        {"# TYPE dora_failed_deployment_recovery_seconds histogram\n", "dora_failed_deployment_recovery_seconds_bucket{le=\"1\"} 1\n", 48, more, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newExporter(t, "http://127.0.0.1:1")
			file, err := os.Create(filepath.Join(e.folder, "dora-exporter.prom"))
			if err != nil {
				t.Fatal(err)
			}
			size := scaled(test.size, 184) << 20
			_, err = io.Copy(file, io.MultiReader(zeros(test.begin, test.element, size/len(test.element)), strings.NewReader("\n# EOF\n")))
			if err := errorsOf(err, file.Close()); err != nil {
				t.Fatal(err)
			}
			e.launch()
			// The kernel's figure for a process that has ended includes the memory of this one, from which it was started. So it is
			// read while the process runs; it never shrinks.
			most := before
			e.eventually("it is read", func() error {
				if peak, ok := e.peakIfRunning(); ok {
					most = max(most, peak)
				}
				select {
				case <-e.exited:
					if test.ready || !strings.Contains(e.log.String(), "can't be imported") {
						t.Errorf("it has exited")
					}
					return nil
				default:
				}
				if status, body := e.get("/readyz"); status != 200 {
					return fmt.Errorf("status %d: %s", status, body)
				}
				if !test.ready {
					t.Error("it is ready")
				}
				most = max(most, e.peak())
				return nil
			})
			t.Logf("%d MiB before, %d MiB at most", before, most)
			if most > before+scaled(test.additional, more) {
				t.Errorf("it took %d MiB, and %d before", most, before)
			}
		})
	}
}

func errorsOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// What is no file, or makes too much, ends the start at once with one message.
func TestFilesThatEndTheStart(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	if err := syscall.Mkfifo(filepath.Join(e.folder, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.write("two-lines", "canary\nof two lines\n")
	e.write("mark", "\ufeffcanary")
	good := e.read("config.yml")
	for config, message := range map[string]string{
		"storage: {file: {path: fifo}}":                            "it is a FIFO, not a regular file; move it away",
		"storage: {file: {path: /dev/zero}, database: x.db}":       "",
		"storage: {database: fifo}":                                "set storage.database to another path",
		"catalog: {token_file: fifo}":                              "catalog.token_file can't be used: file fifo: it is a FIFO",
		"catalog: {token_file: /dev/zero}":                         "it is a device",
		"catalog: {token_file: two-lines}":                         "catalog.token_file can't be used: file two-lines: has more than one line",
		"catalog: {token_file: mark}":                              "file mark: begins with a byte order mark",
		"catalog: {token: [" + strings.Repeat("a,", 1<<20) + "]}":  "more than 250000 lines",
		"catalog: " + strings.Repeat("[", 3<<20):                   "more than 250000 lines",
		"catalog: {token: " + strings.Repeat("a", 5<<20) + "}":     "more than 4194304 bytes",
		"x: &a [a,a]\ny: &b [*a,*a]\nz: &c [*b,*b]\ncatalog: *c\n": "unknown key",
	} {
		e.write("bad.yml", good+config+"\n")
		status, _, stderr := e.runOnce("-config.file=bad.yml")
		if status != 1 || !strings.Contains(stderr, message) || strings.Contains(stderr, "canary") {
			t.Errorf("%.60s: status %d, %.400s; want %q", config, status, stderr, message)
		}
	}
	for _, path := range []string{"fifo", "/dev/zero"} {
		if status, _, stderr := e.runOnce("-config.file=" + path); status != 1 || !strings.Contains(stderr, "not a regular file") {
			t.Errorf("-config.file=%s: status %d, %s", path, status, stderr)
		}
		if status, _, stderr := e.runOnce("-web.config.file=" + path); status != 1 || !strings.Contains(stderr, "not a regular file") {
			t.Errorf("-web.config.file=%s: status %d, %s", path, status, stderr)
		}
	}
}
