package story

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/internal/markdown"
)

// explain runs the subcommand and reads its answer.
func (e *exporter) explain(answer any, args ...string) {
	e.Helper()
	args = append([]string{"explain", args[0], "-o", "json"}, args[1:]...)
	status, out, complaint := e.runOnce(args...)
	if err := json.Unmarshal([]byte(out), answer); status != 0 || err != nil {
		e.Fatalf("%s: exit status %d, %v: %s%s", strings.Join(args, " "), status, err, out, complaint)
	}
}

// explains checks that the explanations say what docs/dora.md does: the facts behind each value add up to it, and each
// deployment is a failed change, or not, for the cause that stands there.
func (e *exporter) explains(want numbers) {
	e.Helper()
	e.explainsValues(want)
	causes := map[string]string{}
	for _, row := range markdown.Read(e.T, "docs/dora.md").Rows("id", "what it shows") {
		for _, m := range regexp.MustCompile(`\*\*(\d+) is a failed change: (\w+)`).FindAllStringSubmatch(row.Cell("what it shows"), -1) {
			causes[m[1]] = m[2]
		}
	}
	if len(causes) != 7 {
		e.Fatalf("docs/dora.md has failed changes %v, want 7", causes)
	}
	for repo, ids := range map[string][2]int{"api": {101, 114}, "shop": {201, 208}} {
		for id := ids[0]; id <= ids[1]; id++ {
			e.explainsDeployment(repo, fmt.Sprint(id), causes[fmt.Sprint(id)])
		}
	}
}

func (e *exporter) explainsDeployment(repo, id, cause string) {
	e.Helper()
	var told struct {
		Deployments []struct {
			TurnedBad []struct {
				Cause     string
				Counts    bool
				FoundLate bool `json:"found_late"`
			} `json:"turned_out_bad"`
			Waiting []any
		}
	}
	e.explain(&told, "deployment", "acme/"+repo+"#"+id)
	if len(told.Deployments) != 1 || len(told.Deployments[0].Waiting) != 0 {
		e.Fatalf("explain deployment acme/%s#%s: %+v", repo, id, told)
	}
	counted := ""
	for _, one := range told.Deployments[0].TurnedBad {
		if one.Counts {
			counted += one.Cause
		}
		if one.FoundLate {
			e.Errorf("explain deployment acme/%s#%s: %s was found late", repo, id, one.Cause)
		}
	}
	if counted != cause {
		e.Errorf("explain deployment acme/%s#%s: it is a failed change for %q, docs/dora.md says %q", repo, id, counted, cause)
	}
}

// explainsValues compares what explain metric says of whole families with what is wanted of /metrics.
func (e *exporter) explainsValues(want numbers) {
	e.Helper()
	families, got := map[string]bool{}, numbers{}
	for series := range want {
		name, _, _ := strings.Cut(series, "{")
		families[regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(name, "")] = true
	}
	for family := range families {
		var told struct {
			Series []struct {
				Labels  map[string]string
				Value   float64
				Count   *float64
				Sum     *float64
				FactSum float64 `json:"fact_sum"`
			}
		}
		e.explain(&told, "metric", family)
		for _, s := range told.Series {
			switch name := seriesName(family, s.Labels); {
			case s.Count != nil:
				got[seriesName(family+"_count", s.Labels)], got[seriesName(family+"_sum", s.Labels)] = *s.Count, *s.Sum
			case s.Value != 0 || want[name] != 0:
				got[name] = s.Value
			}
			if s.FactSum != s.Value && family != "dora_deployment_timestamp_seconds" {
				e.Errorf("explain metric %s %v: the facts add up to %v, and the value is %v", family, s.Labels, s.FactSum, s.Value)
			}
		}
	}
	wanted := numbers{}
	for series, value := range want.nonZero() {
		if !strings.Contains(series, "_bucket{") {
			wanted[series] = value
		}
	}
	if diff := cmp.Diff(wanted, got.nonZero()); diff != "" {
		e.Errorf("-docs/dora.md +explain metric:\n%s", diff)
	}
}

func TestDocumentedLabels(t *testing.T) {
	want := map[string]string{"team": "Shop", "repo": "shop", "owner": "acme", "environment": "staging", "outcome": "success"}
	if diff := cmp.Diff(want, documentedLabels("dora_deployments_total", "shop,staging,outcome=success")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
