package rules

import (
	"testing"
	"time"

	"dora-exporter/dora"
)

// The run time starts with the first in_progress, unless that is after the outcome.
func TestRunTime(t *testing.T) {
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return nine.Add(time.Duration(minutes) * time.Minute) }
	const minute = int64(60_000)
	for name, test := range map[string]struct {
		created, started time.Time
		ms               int64
		reason           string
	}{
		"waited for an approval": {at(0), at(2880), 5 * minute, ""},
		"no in_progress":         {at(2880), time.Time{}, 5 * minute, ""},
		"in_progress too late":   {at(2880), at(2886), 5 * minute, ""},
		"at the same time":       {at(2880), at(2885), 0, ""},
		"creation not known":     {time.Time{}, at(2884), 1 * minute, ""},
		"nothing known":          {time.Time{}, time.Time{}, 0, ReasonNoCreation},
		"created later":          {at(2890), time.Time{}, 0, ReasonBeforeCreation},
	} {
		t.Run(name, func(t *testing.T) {
			record := dora.DeploymentRecord{Deployment: dora.Deployment{ID: 1, CreatedAt: test.created}, Started: test.started}
			record.AddOutcome(dora.Outcome{ID: 2, State: "success", At: at(2885)})
			if ms, reason := RunTime(record, dora.Success); ms != test.ms || reason != test.reason {
				t.Errorf("%d ms, %q; want %d, %q", ms, reason, test.ms, test.reason)
			}
		})
	}
}
