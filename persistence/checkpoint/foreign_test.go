package checkpoint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// values returns the imported values by series, written as in the text format.
func values(state dora.State) map[string]float64 {
	all := map[string]float64{}
	for family, series := range state {
		for key, s := range series {
			all[family+"{"+key+"}"] = s.Baseline
		}
	}
	return all
}

const shop = `environment="production",repo="shop",status="success",team="Shop"`

func TestForeignLabels(t *testing.T) {
	for name, test := range map[string]struct {
		optional bool
		lines    []string
		want     map[string]float64
	}{
		"redeployment, true and false": {false, []string{
			`github_deployments_total{redeployment="true",` + shop + `} 3`, `github_deployments_total{redeployment="false",` + shop + `} 20`,
			`github_deployments_duration{redeployment="false",` + shop + `} 86400.5`, `github_deployments_duration{redeployment="true",` + shop + `} 90000`,
			`github_deployments_duration_sum{redeployment="true",` + shop + `} 270000`, `github_deployments_duration_sum{redeployment="false",` + shop + `} 1.728e+06`,
		}, map[string]float64{
			`github_deployments_total{` + shop + `}`: 23, `github_deployments_duration{` + shop + `}`: 86400.5, `github_deployments_duration_sum{` + shop + `}`: 1_998_000,
		}},
		"redeployment as payloads have it": {false, []string{
			`github_deployments_total{redeployment="",` + shop + `} 5`, `github_deployments_total{redeployment="false",` + shop + `} 2`, `github_deployments_total{redeployment="yes",` + shop + `} 1`,
			`github_deployments_duration{redeployment="yes",` + shop + `} 7`, `github_deployments_duration{redeployment="",` + shop + `} 8`, `github_deployments_duration{redeployment="true",` + shop + `} 9`,
		}, map[string]float64{`github_deployments_total{` + shop + `}`: 8, `github_deployments_duration{` + shop + `}`: 8}},
		"redeployments alone": {false, []string{`github_deployments_duration{redeployment="true",` + shop + `} 9`}, map[string]float64{
			`github_deployments_duration{` + shop + `}`: 9,
		}},
		"redeployment, which we have": {true, []string{
			`github_deployments_total{redeployment="true",` + shop + `} 3`, `github_deployments_total{redeployment="false",` + shop + `} 20`,
			`github_deployments_total{redeployment="",` + shop + `} 4`,
			`github_deployments_duration{redeployment="",` + shop + `} 7`, `github_deployments_duration{redeployment="false",` + shop + `} 8`, `github_deployments_duration{redeployment="true",` + shop + `} 9`,
		}, map[string]float64{
			`github_deployments_total{environment="production",redeployment="true",repo="shop",status="success",team="Shop"}`:     3,
			`github_deployments_total{environment="production",redeployment="false",repo="shop",status="success",team="Shop"}`:    24,
			`github_deployments_duration{environment="production",redeployment="false",repo="shop",status="success",team="Shop"}`: 8,
			`github_deployments_duration{environment="production",redeployment="true",repo="shop",status="success",team="Shop"}`:  9,
		}},
		"no redeployment, which we have": {true, []string{`github_deployments_total{` + shop + `} 3`}, map[string]float64{
			`github_deployments_total{environment="production",redeployment="Unknown",repo="shop",status="success",team="Shop"}`: 3,
		}},
		"incidents without a project": {false, []string{
			`jira_incidents{team="Shop"} 7`, `jira_incidents{team="Platform"} 2`, `jira_incidents_duration_sum{team="Shop"} 25200`,
		}, map[string]float64{
			`jira_incidents{project="Unknown",team="Shop"}`: 7, `jira_incidents{project="Unknown",team="Platform"}`: 2,
			`jira_incidents_duration_sum{project="Unknown",team="Shop"}`: 25200,
		}},
		"incidents with and without a project": {false, []string{`jira_incidents{team="Shop"} 7`, `jira_incidents{team="Shop",project="OPS"} 2`}, map[string]float64{
			`jira_incidents{project="Unknown",team="Shop"}`: 7, `jira_incidents{project="OPS",team="Shop"}`: 2,
		}},
		"empty labels, which Prometheus takes for none": {true, []string{
			`jira_incidents{project="",team="Shop"} 7`, `jira_incidents{team="Shop"} 2`, `jira_incidents{project="OPS",team=""} 1`,
		}, map[string]float64{`jira_incidents{project="Unknown",team="Shop"}`: 9, `jira_incidents{project="OPS",team="Unknown"}`: 1}},
		"incidents without labels": {false, []string{`jira_incidents 7`}, map[string]float64{`jira_incidents{project="Unknown",team="Unknown"}`: 7}},
		"labels of a scrape": {false, []string{
			`jira_incidents{instance="a",project="OPS",team="Shop"} 7`, `jira_incidents{instance="b",project="OPS",team="Shop"} 1`,
		}, map[string]float64{`jira_incidents{project="OPS",team="Shop"}`: 8}},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Join(test.lines, "\n") + "\n"
			for _, name := range []string{dora.DeploymentsTotal, dora.Incidents} {
				text = strings.Replace(text, name+"{", "# TYPE "+name+" counter\n"+name+"{", 1)
			}
			state, n, err := readForeignBaseline(strings.NewReader(text), dora.FamiliesByName(), test.optional)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, values(state)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if len(n.rejected) > 0 {
				t.Errorf("rejected %v", n.rejected)
			}
		})
	}
}

// What other programs write around the values of our families.
func TestForeignForms(t *testing.T) {
	const series = `jira_incidents{project="OPS",team="a } # {b\"c"}`
	for name, text := range map[string]string{
		"types":                  "# HELP jira_incidents The amount\n# TYPE jira_incidents counter\n" + series + " 7\n",
		"no types":               series + " 7\n",
		"another type":           "# TYPE jira_incidents gauge\n" + series + " 7\n",
		"unknown of OpenMetrics": "# TYPE jira_incidents unknown\n" + series + " 7.0\n# EOF\n",
		"untyped":                "# TYPE jira_incidents untyped\n" + series + " 7\n",
		"comments before":        "# dora-exporter, Shop's values of March\n#\n\n# TYPE jira_incidents counter\n" + series + " 7\n",
		"type without help":      "# TYPE jira_incidents counter\n" + series + " 7\n",
		"help without type":      "# HELP jira_incidents The amount\n" + series + " 7\n",
		"timestamp":              series + " 7 1772452800000\n",
		"timestamp in seconds":   series + " 7 1772452800.123\n",
		"exemplar":               series + " 7 # {trace_id=\"a\"} 0.67\n",
		"exemplar, timestamps":   series + " 7 1772452800.5 # {trace_id=\"a\"} 0.67 1772452800.123\n",
		"created timestamp":      "# TYPE jira_incidents unknown\n" + series + " 7\njira_incidents_created{project=\"OPS\",team=\"a\"} 1772452800.5\n",
		"Windows":                "# TYPE jira_incidents counter\r\n" + series + " 7\r\n",
		"others of OpenMetrics":  "# TYPE build info\nbuild_info{a=\"b\"} 1\n# TYPE s stateset\ns{s=\"a\"} 1\n# TYPE g gaugehistogram\n# UNIT x seconds\n" + series + " 7\n# EOF\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.put("dora-exporter.prom", []byte(text))
			state, _ := s.mustRestore()
			if diff := cmp.Diff(map[string]float64{series: 7}, values(state)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A file with families of ours is refused rather than ignored.
func TestForeignFilesThatWouldStartAtZero(t *testing.T) {
	for name, test := range map[string]struct{ text, message string }{
		"a summary":        {"# TYPE jira_incidents summary\njira_incidents{quantile=\"1\"} 1\njira_incidents_sum 1\njira_incidents_count 1\n", "jira_incidents would start at 0"},
		"NaN":              {"github_deployments_total{" + shop + "} NaN\n", "github_deployments_total would start at 0, since none of its values can be used"},
		"infinity":         {"jira_incidents_duration_sum{project=\"P\",team=\"t\"} +Inf\njira_incidents{team=\"t\"} 1\n", "jira_incidents_duration_sum would start at 0"},
		"after many NaN":   {strings.Repeat("github_deployments_duration{"+shop+"} NaN\n", 1100) + "jira_incidents{team=\"a\"} NaN\n", "jira_incidents would start at 0"},
		"one NaN of two":   {"jira_incidents{team=\"a\"} NaN\njira_incidents{team=\"b\"} 1\n", ""},
		"a gauge of NaN":   {"github_deployments_duration{" + shop + "} NaN\n", ""},
		"the same series":  {"jira_incidents{team=\"a\"} 1\njira_incidents{team=\"a\"} 1\n", "occurs twice"},
		"another's values": {"other 1\n", ""},
		"cut in a value":   {"jira_incidents{team=\"a\"} 12", "unexpected end"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.put("dora-exporter.prom", []byte(test.text))
			_, _, err := s.restore(s.checkpoint(false))
			if test.message == "" != (err == nil) || err != nil && (!strings.Contains(err.Error(), test.message) || !strings.Contains(err.Error(), "move it away")) {
				t.Errorf("error %v, want %q", err, test.message)
			}
		})
	}
}

// The database has what was taken over, whatever the option is by then.
func TestForeignAfterNewOption(t *testing.T) {
	s := newSite(t)
	s.put("dora-exporter.prom", []byte(`github_deployments_total{redeployment="true",`+shop+`} 3`+"\n"+`github_deployments_total{redeployment="false",`+shop+`} 20`+"\n"))
	for _, optional := range []bool{true, false, true} {
		c := s.checkpoint(false)
		if optional {
			c.KeepOptionalLabels()
		}
		state, position, err := s.restore(c)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]float64{
			`github_deployments_total{environment="production",redeployment="true",repo="shop",status="success",team="Shop"}`:  3,
			`github_deployments_total{environment="production",redeployment="false",repo="shop",status="success",team="Shop"}`: 20,
		}, values(state)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if err := c.Write(t.Context(), state, nil, position); err != nil {
			t.Fatal(err)
		}
	}
}
