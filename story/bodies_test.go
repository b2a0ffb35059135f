package story

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Bodies of another kind, signed as they are, are refused and not counted.
func TestOddBodies(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	id := 0
	event := func() string {
		id++
		return deployed{id: id, repo: "web", env: "production"}.status(id, "success", newYear).body
	}
	zipped := func() string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(event())); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	sent := func(body string) webhook { return gitHub("deployment_status", body) }
	for name, test := range map[string]struct {
		webhook
		want int
	}{
		"gzip":                {sent(zipped()).with("Content-Encoding", "gzip"), 415},
		"gzip that is none":   {sent(event()).with("Content-Encoding", "gzip"), 415},
		"deflate, then gzip":  {sent(event()).with("Content-Encoding", "deflate, gzip"), 415},
		"Brotli":              {sent(event()).with("Content-Encoding", "br"), 415},
		"gzip that says JSON": {sent(zipped()), 400},
		"plain, and says so":  {sent(event()).with("Content-Encoding", "identity"), 202},
		"empty":               {sent(""), 400},
		"blank":               {sent("  \n"), 400},
		"null":                {sent("null"), 400},
		"text":                {sent(event()).with("Content-Type", "text/plain"), 415},
		"no type":             {sent(event()).with("Content-Type", ""), 415},
		"parts":               {sent(event()).with("Content-Type", "multipart/form-data; boundary=x"), 415},
		"a type like JSON's":  {sent(event()).with("Content-Type", "application/jsonp"), 415},
		"JSON in capitals":    {sent(event()).with("Content-Type", "APPLICATION/JSON; Charset=UTF-8"), 202},
		"two documents":       {sent(event() + event()), 400},
		"cut off":             {sent(event()[:100]), 400},
		"a byte-order mark":   {sent("\ufeff" + event()), 400},
		"UTF-16":              {sent("\xff\xfe{\x00}\x00"), 400},
		"invalid UTF-8":       {sent(strings.Replace(event(), "web", "w\xffb", 1)), 400},
		"26 MiB":              {sent(event() + strings.Repeat(" ", 26<<20)), 413},
		"25 MiB":              {sent(pad(event())), 202},
		"Jira, gzip":          {jira(zipped()).with("Content-Encoding", "gzip"), 415},
		"Jira, empty":         {jira(""), 400},
		"Jira, 26 MiB":        {jira(strings.Repeat(" ", 26<<20)), 413},
	} {
		if status, body := e.post(test.webhook); status != test.want {
			t.Errorf("%s: status %d, want %d: %s", name, status, test.want, body)
		}
	}
	e.becomes(numbers{
		deploymentSeries("github_deployments_total", "production", "web", "success", "Platform"): 3,
		unavailable("production", "no_commit", "web", "success", "Platform"):                     3,
	})
	e.terminate()
	e.start()
	e.becomes(numbers{
		deploymentSeries("github_deployments_total", "production", "web", "success", "Platform"): 3,
		unavailable("production", "no_commit", "web", "success", "Platform"):                     3,
	})
}

// pad makes a body as long as it may be.
func pad(body string) string { return body + strings.Repeat(" ", 25<<20-len(body)) }

// A body without end is cut off at the limit with 413, and many large ones at once don't fill the memory before anybody has
// looked at their signatures.
func TestLargeBodies(t *testing.T) {
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	const senders = 40
	answers := make(chan int, senders)
	for range senders {
		go func() { answers <- e.endless() }()
	}
	for range senders {
		// 503 says that it could not be read in time: send it again.
		if status := <-answers; status != http.StatusRequestEntityTooLarge && status != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 413", status)
		}
	}
	if peak := e.peak(); peak > 400 { // all of them are 1000 MiB
		t.Errorf("it took %d MiB", peak)
	}
	d := deployed{id: 1, repo: "web", env: "production"}
	e.mustPost(d.status(1, "success", newYear))
}

// endless sends a body without end and returns the status of the answer, 0 when there was none.
func (e *exporter) endless() int {
	c, err := net.Dial("tcp", e.address)
	if err != nil {
		return 0
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	go func() {
		chunk := []byte("100000\r\n" + strings.Repeat("[", 1<<20) + "\r\n")
		_, err := fmt.Fprint(c, "POST /api/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
		for err == nil {
			_, err = c.Write(chunk)
		}
	}()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	return answer.StatusCode
}
