package deploy

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"dora-exporter/internal/markdown"
)

// TestAlertsAreDocumented compares the alerts with the table of docs/grafana.md, and checks that each tells a reader what
// happened, what it means and what to do.
func TestAlertsAreDocumented(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert               string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/rules/alerts.yml")), &file); err != nil {
		t.Fatal(err)
	}
	var alerts, documented []string
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			alerts = append(alerts, r.Alert)
			for _, annotation := range []string{"summary", "description", "runbook"} {
				if r.Annotations[annotation] == "" {
					t.Errorf("%s has no %s", r.Alert, annotation)
				}
			}
			if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
				t.Errorf("%s has severity %q", r.Alert, r.Labels["severity"])
			}
		}
	}
	for _, row := range markdown.Read(t, "docs/grafana.md").Rows("alert", "fires when") {
		documented = append(documented, row.Name("alert"))
	}
	slices.Sort(alerts)
	slices.Sort(documented)
	if diff := cmp.Diff(alerts, documented); diff != "" {
		t.Errorf("-alerts.yml +docs/grafana.md:\n%s", diff)
	}
}
