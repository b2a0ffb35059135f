package checkpoint

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestEncode(t *testing.T) {
	hostile := dora.Labels{"environment": "a\"b\\c\nd", "repo": "🚀", "status": "success", "team": "Unknown"}
	got, err := encode(header{store: "5f0c", position: 7, start: noon}, dora.Families(), dora.State{
		dora.DeploymentsTotal:       {hostile.Key(): {Labels: hostile, Own: 3}},
		dora.DeploymentsDurationSum: {success.Key(): {Labels: success, Own: 90_500, Baseline: 0.25}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `# dora-exporter checkpoint format=1 store=5f0c position=7 start=2026-03-02T12:00:00Z
# HELP github_deployments_duration_sum The last deployments duration sum
# TYPE github_deployments_duration_sum gauge
github_deployments_duration_sum{environment="production",repo="shop",status="success",team="Platform"} 90.75
# HELP github_deployments_total The amount of successful deployments.
# TYPE github_deployments_total counter
github_deployments_total{environment="a\"b\\c\nd",repo="🚀",status="success",team="Unknown"} 3
# checksum sha256=`
	if len(got) < len(want) {
		t.Fatalf("got %s", got)
	}
	if diff := cmp.Diff(want, string(got[:len(want)])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if end := string(got[len(want)+64:]); end != "\n# EOF\n" {
		t.Errorf("ends in %q", end)
	}
	h, err := decode(got)
	if err != nil || h != (header{store: "5f0c", position: 7, start: noon}) {
		t.Errorf("header %+v, %v", h, err)
	}
}

func decode(data []byte) (header, error) {
	found, err := inspect(bytes.NewReader(data))
	return found.header, err
}

func FuzzDecode(f *testing.F) {
	whole, err := encode(header{store: "5f0c", position: 7, start: time.Unix(0, 0)}, dora.Families(), two(0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:20])
	f.Add([]byte("go_goroutines 7\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = decode(data)
	})
}

func FuzzBaseline(f *testing.F) {
	f.Add([]byte("# TYPE github_deployments_total counter\ngithub_deployments_total{environment=\"p\",repo=\"r\",status=\"s\",team=\"t\"} 7\n"))
	f.Add([]byte("# TYPE jira_incidents counter\njira_incidents{project=\"p\",team=\"t\"} NaN\n"))
	state := dora.State{dora.IncidentRecovery: oneAndFour()[dora.IncidentRecovery]}
	whole, err := encode(header{}, dora.Families(), state)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, data []byte) {
		state, _, err := readOwnBaseline(bytes.NewReader(data), dora.FamiliesByName())
		if err != nil {
			return
		}
		for family, all := range state {
			for key, series := range all {
				if f := dora.FamiliesByName()[family]; f.Kind == dora.Histogram {
					checkHistogram(t, f, key, series)
				}
				if math.IsNaN(series.Baseline) || math.IsInf(series.Baseline, 0) {
					t.Errorf("%s{%s} is %v", family, key, fmt.Sprint(series.Baseline))
				}
			}
		}
	})
}
