package checkpoint

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// A family that is encoded in several parts has one HELP and one TYPE line, and its series are sorted by their labels.
func TestEncodeLargeFamily(t *testing.T) {
	for _, series := range []int{1, encodeAtOnce, encodeAtOnce + 1, 2*encodeAtOnce + 3} {
		state := dora.State{dora.Incidents: {}}
		var want strings.Builder
		want.WriteString("# HELP jira_incidents The amount of incidents.\n# TYPE jira_incidents counter\n")
		for n := range series {
			labels := dora.Labels{"project": fmt.Sprintf("P%05d", n), "team": "Platform"}
			state[dora.Incidents][labels.Key()] = dora.Series{Labels: labels, Own: int64(n)}
			fmt.Fprintf(&want, "jira_incidents{project=\"P%05d\",team=\"Platform\"} %d\n", n, n)
		}
		var got bytes.Buffer
		if err := encodeValues(&got, dora.Families(), state); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Errorf("%d series: -want +got:\n%s", series, diff)
		}
	}
}
