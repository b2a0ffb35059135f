package deploy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// Replicas share the families of facts, but not the metrics of the program: the load balancer is scraped without these, and each
// replica for nothing else. Otherwise the counters of three processes would be one series.
func TestReplicasAreScrapedApart(t *testing.T) {
	type rule struct {
		Action       string
		Regex        string
		SourceLabels []string `yaml:"source_labels"`
	}
	var file struct {
		Jobs []struct {
			Name    string           `yaml:"job_name"`
			Statics []map[string]any `yaml:"static_configs"`
			Names   []map[string]any `yaml:"dns_sd_configs"`
			Metrics []rule           `yaml:"metric_relabel_configs"`
		} `yaml:"scrape_configs"`
	}
	text := read(t, "prometheus/replicas.yml")
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	const own = "(dora_exporter|go|process|promhttp)_.*"
	var got []string
	for _, job := range file.Jobs {
		if !strings.HasPrefix(job.Name, "dora-exporter") {
			continue
		}
		if len(job.Metrics) != 1 || job.Metrics[0].Regex != own || !cmp.Equal(job.Metrics[0].SourceLabels, []string{"__name__"}) {
			t.Fatalf("%s: rules %v", job.Name, job.Metrics)
		}
		for range job.Statics {
			got = append(got, "balancer: "+job.Metrics[0].Action)
		}
		for range job.Names {
			got = append(got, "replicas: "+job.Metrics[0].Action)
		}
	}
	if diff := cmp.Diff([]string{"balancer: drop", "replicas: keep"}, got); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(read(t, "../docs/postgres.md"), own); n != 2 {
		t.Errorf("docs/postgres.md has the same expression %d times", n)
	}
}
