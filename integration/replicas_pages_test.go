package integration

import (
	"fmt"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What people read is the same whichever replica they ask: the page, explanations and the report.
func TestPagesOfReplicas(t *testing.T) {
	t.Parallel()
	r, _ := onServer(t, 3)
	r.load()
	r.goesOn(t, 300)
	r.all[1].kill()
	r.goesOn(t, 60)
	r.all[1].run(t, binary)
	r.all[1].waitUntilReady(t)
	r.check(t)
	deployment, incident := r.named()
	const series = `github_deployments_total{team="Team 0"}`
	for _, path := range []string{
		"/", "/explain/deployment/" + strings.Replace(deployment, "#", "/", 1), "/explain/incident/" + incident, "/explain/metric?series=" + url.QueryEscape(series),
	} {
		r.showTheSame(t, path, func(e *exporter) (string, error) {
			text, err := get("http://" + e.address + path)
			return ownParts.ReplaceAllString(text, ""), err
		})
	}
	for _, args := range [][]string{
		{"report", "-since", "3650d", "-o", "json"},
		{"report", "-since", "3650d", "-by", "repo"},
		{"explain", "deployment", "-o", "json", deployment},
		{"explain", "incident", incident},
		{"explain", "metric", "-n", "0", series},
	} {
		r.showTheSame(t, strings.Join(args, " "), func(e *exporter) (string, error) {
			c := exec.CommandContext(t.Context(), binary, append([]string{"-config.file", "config.yml"}, args...)...)
			c.Dir, c.Env = e.folder, []string{"HOME=" + e.folder}
			out, err := c.CombinedOutput()
			return moments.ReplaceAllString(string(out), "now"), err
		})
	}
}

// ownParts are the parts of the page at / that are about the process that shows it, or about the moment.
var ownParts = regexp.MustCompile(`(?s)<div><dt>Running since</dt>.*?</div>|all events until <time.*?</time>|Not stored, since the start:[^.]*\.|` +
	`<li>received [^<]*</li>|<h2 id="refused">.*?</section>`)

// moments are the times of a report.
var moments = regexp.MustCompile(`"(from|to)": ?"[^"]*"`)

// named returns a deployment of production and an incident that were sent.
func (f *traffic) named() (deployment, incident string) {
	for _, e := range f.events[0][:f.sent[0]] {
		body := string(e.Body)
		if id := regexp.MustCompile(`"key":"(OPS[0-9]-[0-9]+)"`).FindStringSubmatch(body); id != nil {
			incident = id[1]
		}
		name := regexp.MustCompile(`"full_name":"([^"]+)"`).FindStringSubmatch(body)
		if e.succeeded > 0 && name != nil && strings.Contains(body, `"environment":"production"`) {
			deployment = fmt.Sprintf("%s#%d", name[1], e.succeeded)
		}
	}
	return deployment, incident
}

// showTheSame checks that all replicas show the same text, which has more than a line.
func (r *replicas) showTheSame(t *testing.T, what string, show func(*exporter) (string, error)) {
	t.Helper()
	eventually(t, "all replicas show the same: "+what, func() error {
		var texts []string
		for _, e := range r.all {
			text, err := show(e)
			if err != nil {
				return fmt.Errorf("%w: %s", err, text)
			}
			texts = append(texts, text)
		}
		for n, text := range texts {
			if text != texts[0] {
				return fmt.Errorf("replica %d and replica 0 differ:\n%s", n, differentLines(text, texts[0]))
			}
		}
		if strings.Count(texts[0], "\n") < 3 {
			return fmt.Errorf("they show %q", texts[0])
		}
		return nil
	})
}
