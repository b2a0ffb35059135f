package integration

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// startTraced starts the exporter under strace with more arguments for strace.
func (e *exporter) startTraced(t *testing.T, arguments ...string) {
	t.Helper()
	e.run(t, "strace", append(append([]string{"-f", "-qq"}, arguments...), binary)...)
}

// call is a system call as strace writes it: the lines where it began and ended, its name, and its arguments and result.
type call struct {
	began, ended int
	name, text   string
}

var (
	whole   = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	resumed = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
)

// readTrace reads what strace -f wrote.
func readTrace(t *testing.T, path string) []*call {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var calls []*call
	unfinished := map[string]*call{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if m := resumed.FindStringSubmatch(lines.Text()); m != nil {
			if c := unfinished[m[1]]; c != nil {
				c.ended, c.text = n, c.text+m[3]
			}
			continue
		}
		m := whole.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		c := &call{began: n, ended: n, name: m[2], text: m[3]}
		if strings.HasSuffix(c.text, "<unfinished ...>") {
			unfinished[m[1]] = c
		}
		calls = append(calls, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return calls
}

var (
	connection = regexp.MustCompile(`^\d+<(TCP:\[[^\]]*\])>`)
	statusID   = regexp.MustCompile(`deployment_status\\":\{\\"id\\":(7\d{8})`)
)

// No answer leaves before the fdatasync that covers its delivery: the delivery's bytes are written to the log, a later
// fdatasync of the log succeeds, and only then 202 is written to the connection.
func TestDurableBeforeTheAnswer(t *testing.T) {
	e := newExporter(t, "http://127.0.0.1:1")
	trace := filepath.Join(t.TempDir(), "trace")
	e.startTraced(t, "-yy", "-s", "16384", "-e", "trace=read,write,pwrite64,fdatasync,fsync", "-o", trace)
	e.waitUntilReady(t)
	const alone, together = 20, 60
	http.DefaultTransport.(*http.Transport).DisableKeepAlives = true // a connection tells which answer is whose
	defer func() { http.DefaultTransport.(*http.Transport).DisableKeepAlives = false }()
	for i := range alone {
		e.send(t, "deployment_status", status(700_000_000+i, 1, "success"))
	}
	var senders sync.WaitGroup
	for i := range together {
		senders.Go(func() { e.send(t, "deployment_status", status(700_000_000+alone+i, 1, "success")) })
	}
	senders.Wait()
	e.kill()

	deliveryOf := map[string]string{} // of a connection
	written := map[string]int{}       // the line where the delivery was in the log
	var syncs []*call
	answers := 0
	for _, c := range readTrace(t, trace) {
		switch {
		case c.name == "read" && connection.MatchString(c.text):
			if m := statusID.FindStringSubmatch(c.text); m != nil {
				deliveryOf[connection.FindStringSubmatch(c.text)[1]] = m[1]
			}
		case c.name == "pwrite64" && strings.Contains(c.text, "dora-exporter.db-wal>"):
			for _, m := range regexp.MustCompile(`7000000\d\d`).FindAllString(c.text, -1) {
				if written[m] == 0 {
					written[m] = c.ended
				}
			}
		case (c.name == "fdatasync" || c.name == "fsync") && strings.Contains(c.text, "dora-exporter.db-wal>") && strings.HasSuffix(c.text, "= 0"):
			syncs = append(syncs, c)
		case c.name == "write" && strings.Contains(c.text, `"HTTP/1.1 202 `):
			answers++
			delivery := deliveryOf[connection.FindStringSubmatch(c.text)[1]]
			if delivery == "" || written[delivery] == 0 {
				t.Fatalf("line %d: a 202 for delivery %q, which is not in the log", c.began, delivery)
			}
			if !covered(syncs, written[delivery], c.began) {
				t.Errorf("line %d: the 202 for %s, written to the log in line %d, left before an fdatasync", c.began, delivery, written[delivery])
			}
		}
	}
	if answers != alone+together {
		t.Errorf("%d answers in the trace, want %d", answers, alone+together)
	}
	if len(syncs) == 0 || len(syncs) >= 2*(alone+together) {
		t.Errorf("%d fdatasyncs of the log for %d deliveries", len(syncs), alone+together)
	}
	t.Logf("%d answers, %d fdatasyncs of the log", answers, len(syncs))
}

// covered says whether a sync began after one line and ended before another.
func covered(syncs []*call, after, before int) bool {
	for _, s := range syncs {
		if s.began > after && s.ended < before {
			return true
		}
	}
	return false
}
