package checkpoint

import (
	"strings"
	"testing"

	"dora-exporter/dora"
)

// impossible are changes that make a histogram one that no program can have written rightly.
var impossible = map[string]struct{ old, with string }{
	"a bucket below the one before": {`le="900"} 2`, `le="900"} 1`},
	"a bucket above the one after":  {`le="900"} 2`, `le="900"} 3`},
	"a fraction of an observation":  {`le="60"} 1`, `le="60"} 0.5`},
	"a bucket of NaN":               {`le="60"} 1`, `le="60"} NaN`},
	"a bucket without end":          {`le="+Inf"} 2`, `le="+Inf"} +Inf`},
	"more than a float can tell":    {`le="+Inf"} 2`, `le="+Inf"} 1e+16`},
	"another count":                 {"_count{" + highText + "} 2", "_count{" + highText + "} 3"},
	"a count of a fraction":         {"_count{" + highText + "} 2", "_count{" + highText + "} 2.5"},
	"no count":                      {"dora_incident_recovery_seconds_count{" + highText + "} 2\n", ""},
	"two counts":                    {"dora_incident_recovery_seconds_count{", "dora_incident_recovery_seconds_count{" + highText + "} 7\ndora_incident_recovery_seconds_count{"},
	"a sum below 0":                 {"} 300\n", "} -300\n"},
	"a sum of NaN":                  {"} 300\n", "} NaN\n"},
	"a sum without end":             {"} 300\n", "} +Inf\n"},
	"no sum":                        {"dora_incident_recovery_seconds_sum{" + highText + "} 300\n", ""},
	"two sums":                      {"dora_incident_recovery_seconds_sum{", "dora_incident_recovery_seconds_sum{" + highText + "} 7\ndora_incident_recovery_seconds_sum{"},
	"no le":                         {`,le="900"}`, "}"},
	"an le of NaN":                  {`,le="900"}`, `,le="NaN"}`},
	"the same le twice":             {`,le="900"}`, `,le="300"}`},
	"le in another order":           {`,le="900"}`, `,le="200"}`},
	"no bucket of all":              {"dora_incident_recovery_seconds_bucket{" + highText + `,le="+Inf"} 2` + "\n", ""},
	"a value beside the buckets":    {"dora_incident_recovery_seconds_count{", "dora_incident_recovery_seconds{" + highText + "} 7\ndora_incident_recovery_seconds_count{"},
	"a label is missing":            {`_sum{priority="High",`, "_sum{"},
	"another label":                 {`_sum{priority="High",`, `_sum{severity="High",`},
	"a series twice":                {"# checksum", ""}, // made below
	"another type":                  {"seconds histogram", "seconds summary"},
}

// In another program's file the series is left out and named.
func TestRestoreImpossibleHistograms(t *testing.T) {
	for name, test := range impossible {
		change := func(t *testing.T, text string) string {
			t.Helper()
			if name == "a series twice" {
				at := strings.Index(text, "dora_incident_recovery_seconds_bucket")
				return text[:at] + strings.Repeat(text[at:], 2)
			}
			changed := strings.Replace(text, test.old, test.with, 1)
			if changed == text {
				t.Fatalf("no %q in\n%s", test.old, text)
			}
			return changed
		}
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.put("dora-exporter.prom", []byte(change(t, string(bodyOf(t, dora.Families(), oneAndFour())))))
			state, _ := s.mustRestore()
			wantState(t, dora.State{}, state)
			if log := s.log.String(); !strings.Contains(log, "some values are not taken over") || !strings.Contains(log, dora.IncidentRecovery) {
				t.Errorf("the log does not name what is left out:\n%s", log)
			}
		})
	}
}

// A bucket below 0 is no text of Prometheus to its parser, so that a file with one is not taken over at all.
func TestRestoreNegativeBucket(t *testing.T) {
	s := newSite(t)
	text := strings.Replace(string(bodyOf(t, dora.Families(), oneAndFour())), `le="60"} 1`, `le="60"} -1`, 1)
	s.put("dora-exporter.prom", []byte(text))
	if state, _, err := s.restore(s.checkpoint(false)); err == nil || !strings.Contains(err.Error(), "negative bucket") {
		t.Errorf("state %v, error %v", state, err)
	}
}
