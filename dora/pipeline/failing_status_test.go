package pipeline_test

import (
	"testing"

	"dora-exporter/dora"
)

// A failing status marks the newest success of its scope alone; the next success repairs it.
func TestFailingStatuses(t *testing.T) {
	ship := func(id int64, sha string, minute int) dora.Event { return deployed(id, sha, "success", minute) }
	fail := func(id int64, sha string, minute int) dora.Event { return deployed(id, sha, "failure", minute) }
	rework := func(recovery string) []string {
		return []string{`failures_total{cause="status"} 1`, "recovery " + recovery, `rework{cause="status"} 1`}
	}
	repaired := func(recovery string) []string {
		return []string{`failures_total{cause="status"} 1`, "recovery " + recovery}
	}
	checkFailures(t, []failureCase{
		{
			name:   "it is repaired by the next deployment",
			events: created(ship(1, "V1", 10), fail(1, "V1", 15), ship(2, "V2", 40)),
			want:   rework("30"),
		},
		{
			name:   "it is repaired by its own next success",
			events: created(ship(1, "V1", 10), fail(1, "V1", 15), ship(1, "V1", 20), ship(2, "V2", 40)),
			want:   repaired("10"),
		},
		{
			name:   "failure, error, success: the first of these begins, the last one ends",
			events: created(ship(1, "V1", 10), fail(1, "V1", 15), deployed(1, "V1", "error", 17), ship(1, "V1", 20), fail(1, "V1", 30), ship(2, "V2", 40)),
			want:   repaired("10"),
		},
		{
			name:   "a deployment that had been replaced",
			events: created(ship(1, "V1", 10), ship(2, "V2", 12), deployed(1, "V1", "error", 15), ship(3, "V3", 40)),
		},
		{
			name:   "another success at the time of the failing status",
			events: created(ship(1, "V1", 10), ship(2, "V2", 15), fail(1, "V1", 15), ship(3, "V3", 40)),
			want:   rework("30"),
		},
		{
			name:   "replaced a second before",
			events: created(ship(1, "V1", 10), ship(2, "V2", 14), fail(1, "V1", 15), ship(3, "V3", 40)),
		},
		{
			name:   "inactive is no failure",
			events: created(ship(1, "V1", 10), deployed(1, "V1", "inactive", 15), ship(2, "V2", 40)),
		},
		{
			name:   "a failure before the success",
			events: created(fail(1, "V1", 10), ship(1, "V1", 15), ship(2, "V2", 40)),
		},
		{
			name:   "the failure of a deployment that never succeeded",
			events: created(ship(1, "V1", 10), fail(2, "V2", 15), ship(3, "V3", 40)),
		},
		{
			name:   "a deployment that was replaced, runs again, and fails",
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), deployed(1, "V1", "error", 22), ship(1, "V1", 30), fail(1, "V1", 40), ship(3, "V3", 60)),
			want: []string{
				`failures_total{cause="rollback"} 1`, "recovery 10",
				`failures_total{cause="status"} 1`, "recovery 50", `rework{cause="status"} 1`,
			},
		},
		{
			name:   "it is repaired by an old deployment that runs again, which is no new one",
			events: created(ship(1, "V1", 10), ship(2, "V2", 20), fail(2, "V2", 25), ship(1, "V1", 30), ship(3, "V3", 60)),
			want:   repaired("10"),
		},
		{
			name:   "its own success comes after another one's",
			events: created(ship(1, "V1", 10), fail(1, "V1", 15), ship(2, "V2", 20), ship(1, "V1", 30)),
			want: []string{
				`failures_total{cause="status"} 1`, "recovery 10", `rework{cause="status"} 1`, `failures_total{cause="rollback"} 1`, "recovery 10",
			},
		},
	})
}
