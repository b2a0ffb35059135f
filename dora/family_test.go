package dora

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFamiliesAreSound(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Families() {
		if names[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		names[f.Name] = true
		if f.Help == "" {
			t.Errorf("%s has no HELP", f.Name)
		}
		if !slices.IsSorted(f.Labels) {
			t.Errorf("%s: the labels %q are not sorted", f.Name, f.Labels)
		}
		if total := strings.HasSuffix(f.Name, "_total"); total != (f.Kind == Counter) && f.Name != Incidents {
			t.Errorf("%s: only counters end in _total", f.Name)
		}
		if (f.Kind == Histogram) != (len(f.Bounds) > 0) {
			t.Errorf("%s has the bounds %d", f.Name, f.Bounds)
		}
		for i, b := range f.Bounds {
			if b <= 0 || i > 0 && b <= f.Bounds[i-1] {
				t.Errorf("%s: the bounds %d don't rise", f.Name, f.Bounds)
			}
		}
	}
	// What a histogram is published as must not have the name of another family.
	for _, f := range Families() {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if f.Kind == Histogram && names[f.Name+suffix] {
				t.Errorf("%s%s is there twice", f.Name, suffix)
			}
		}
	}
}

// 10 min, 30 min, 1 h, 2 h, 4 h, 8 h, 12 h, 1 d, 2 d, 3 d, 5 d, 7 d, 14 d, 30 d, 60 d, 90 d in seconds.
func TestUpperBoundsAreInSeconds(t *testing.T) {
	want := []float64{
		600, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 172800, 259200, 432000, 604800, 1209600, 2592000, 5184000, 7776000,
	}
	if diff := cmp.Diff(want, FamiliesByName()[LeadTime].UpperBounds()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A label set of a repository and environment takes 52: the time of the newest deployment, the changes, and histograms of 11,
// 16 and 14 bounds with 3 more series each. One of a stage takes 16 + 3, one of a cause those of failures and rework, one of an
// incident's priority and project two and 14 + 3.
func TestWidth(t *testing.T) {
	for family, want := range map[string]int{
		DeploymentsTotal: 3, DeploymentsDuration: 3, DeploymentsDurationSum: 3, DeploymentsDurationUnavailable: 1,
		Incidents: 2, IncidentsDurationSum: 2,
		Deployments: 1, DeploymentTimestamp: 52, DeploymentRun: 52, Changes: 52, LeadTime: 52, Recovery: 52,
		LeadTimeStage: 19, LeadTimeUnavailable: 1, ChangeFailures: 2, ReworkDeployments: 2,
		IncidentsOpened: 19, IncidentsOpen: 19, IncidentRecovery: 19,
	} {
		if got := FamiliesByName()[family].Width(); got != want {
			t.Errorf("a label set of %s takes %d series, want %d", family, got, want)
		}
	}
}
