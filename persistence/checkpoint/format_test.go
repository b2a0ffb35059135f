package checkpoint

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
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

// What is published above a baseline gives the baseline and the whole number again, with the same bits.
func TestSplit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, base := range []float64{0, 3, 0.1, 94778.17152176499, 5294.0982427260005, 9.223372036854775e+09} {
		for range 10_000 {
			own := random.Int64N(1e12)
			family := dora.Family{Kind: dora.Sum, Unit: dora.Milliseconds}
			before := dora.Series{Baseline: base, Own: own}.Value(family)
			b, n, err := splitValue(before, base, dora.Milliseconds)
			if err != nil || n != own {
				t.Fatalf("%g above %g: %d ms, %v; want %d ms", before, base, n, err, own)
			}
			if after := (dora.Series{Baseline: b, Own: n}).Value(family); math.Float64bits(after) != math.Float64bits(before) {
				t.Fatalf("%g became %g", before, after)
			}
		}
	}
	for _, value := range []float64{math.NaN(), math.Inf(1), 0.5} {
		if _, n, err := splitValue(value, 0, dora.One); err == nil {
			t.Errorf("%g is %d things", value, n)
		}
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
