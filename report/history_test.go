package report

import (
	"slices"
	"testing"
	"time"

	"dora-exporter/dora"
)

// The memory of a report finds by names what the store finds, as dora.History says.
func TestIndexFindsByName(t *testing.T) {
	names := []string{"", "#1", "#12", "ABC1234", "abc123", "abc1234", "abc1234\xff", "abc12345", "abc1235"}
	var x index
	for i, name := range names {
		x = append(x, entry{name: name, by: &dora.DeploymentRecord{Deployment: dora.Deployment{ID: int64(i)}, Outcomes: []dora.Outcome{{State: "success", At: time.UnixMilli(int64(i))}}}})
	}
	x.sort()
	for name, want := range map[string][]string{
		"": {""}, "#1": {"#1"}, "#": nil, "abc1234": {"abc1234", "abc12345", "abc1234\xff"}, "abc%": nil, "abc1235": {"abc1235"}, "x": nil,
	} {
		var got []string
		for _, e := range x.find(name) {
			got = append(got, e.name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("find(%q) = %q, want %q", name, got, want)
		}
	}
}
