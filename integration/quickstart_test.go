package integration

import (
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"dora-exporter/internal/markdown"
)

// TestQuickStart runs the commands of the README word for word and expects the answers that it shows.
func TestQuickStart(t *testing.T) {
	t.Parallel()
	readme := markdown.Read(t, "README.md").Text
	e := newExporter(t, "http://127.0.0.1:1")
	_, key, _ := strings.Cut(block(t, readme, "GITHUB_WEBHOOK_SECRET="), "=")
	key, _, _ = strings.Cut(key, " ")
	e.run(t, "sh", "-c", "sed -i 's/webhook_secret: "+secret+"/webhook_secret: "+key+"/' config.yml && exec "+binary)
	e.waitUntilReady(t)
	here := strings.NewReplacer("localhost:8090", e.address)
	run := func(command string) string {
		out, err := exec.Command("sh", "-c", here.Replace(command)).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v, %s", command, err, out)
		}
		return string(out)
	}
	if out := run(block(t, readme, "BODY=")); !strings.Contains(out, "202 Accepted") {
		t.Errorf("the request is answered with %s", out)
	}
	want := block(t, readme, "github_deployments_total{")
	eventually(t, "the deployment is counted", func() error {
		out, err := exec.Command("sh", "-c", here.Replace(block(t, readme, "curl -s localhost:8090/metrics"))).CombinedOutput()
		if err != nil || string(out) != want { // grep fails while there is no line
			return errors.New(string(out))
		}
		return nil
	})
	if line := block(t, readme, "level=info endpoint=github"); !strings.Contains(e.output.String(), strings.TrimSpace(line)) {
		t.Errorf("the log has no line %s", line)
	}
	run(block(t, readme, "BODY="))
	if out := run(block(t, readme, "curl -s localhost:8090/metrics")); out != want {
		t.Errorf("after the same request again: %s", out)
	}
}

// block returns the text of the fenced block that begins with a word.
func block(t *testing.T, document, begin string) string {
	t.Helper()
	found := regexp.MustCompile("(?ms)^```\\w*\n(" + regexp.QuoteMeta(begin) + ".*?)^```$").FindStringSubmatch(document)
	if found == nil {
		t.Fatalf("no block begins with %s", begin)
	}
	return found[1]
}
