package report

import (
	"runtime"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// longHistory has a day with deployments in production for each date.
type longHistory struct {
	dora.StoredDays

	days, each int
	owned      dora.Owned
	// heap is the memory in use when the last day has been read.
	heap uint64
}

func (h *longHistory) OwnedCounts() (map[dora.Owned]dora.Counts, error) {
	counts := dora.Counts{}
	counts.Add(dora.Measured{Succeeded: true}, int64(h.days*h.each))
	return map[dora.Owned]dora.Counts{h.owned: counts}, nil
}

func (h *longHistory) OldestDays() (map[dora.Owned]int64, error) {
	return map[dora.Owned]int64{h.owned: 0}, nil
}

func (h *longHistory) Since(_ int64, _ bool, each func(dora.MeasuredDay)) error {
	for date := range h.days {
		day := dora.MeasuredDay{DayKey: dora.DayKey{Owned: h.owned, Date: int64(date)}}
		for n := range h.each {
			at := startOf(int64(date)).Add(time.Duration(n) * time.Second)
			day.Deployments = append(day.Deployments, dora.Measured{ID: int64(n), At: at, First: at, Succeeded: true, LeadTimes: []int64{60_000}, Recovery: dora.NoRecovery})
		}
		each(day)
	}
	h.heap = heapInUse()
	return nil
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A report keeps what its measures need of each deployment, not the days.
func TestMemoryOfReport(t *testing.T) {
	h := &longHistory{days: 1000, each: 300, owned: dora.Owned{Scope: "a\nproduction\n", Owner: "acme", Repository: "web", Team: "Web", Production: true}}
	o := Options{Now: startOf(1000), Since: 1000 * day}
	s, err := madeDays{StoredDays: h, made: rules.NewDays(dora.Policy{}, h, 1)}.summary(o)
	if err != nil {
		t.Fatal(err)
	}
	before := heapInUse()
	r, err := o.report(s)
	if err != nil || len(r.Rows) != 1 || r.Rows[0].Frequency.Value != 300 || r.Rows[0].LeadTime.Value != 60 {
		t.Fatalf("%+v, %v", r.Rows, err)
	}
	if used := int64(h.heap) - int64(before); used > 40*300_000 { // with the days, some 200 bytes for a deployment
		t.Errorf("%d bytes for each deployment", used/300_000)
	}
}
