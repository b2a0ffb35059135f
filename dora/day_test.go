package dora_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestDayBytes(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 123e6, time.UTC)
	day := dora.MeasuredDay{Deployments: []dora.Measured{
		{ID: 7, At: at, First: at, Succeeded: true, Recovery: dora.NoRecovery},
		{ID: 1 << 60, At: at, First: at.Add(-40 * dora.Day), Succeeded: true, Failed: true, LeadTimes: []int64{0, 86_400_000, 1 << 50}, WithoutLeadTime: 2, Recovery: dora.NoRecovery},
		{ID: 3, At: at.Add(time.Hour), First: at.Add(time.Hour), Failed: true, WithoutLeadTime: 1, Recovery: dora.NoRecovery},
		{
			ID: 4, At: at.Add(2 * time.Hour), First: at.Add(2 * time.Hour), Succeeded: true, Cause: dora.CauseWindow, IsRepaired: true, Recovery: 0,
			Rework: dora.CauseStatus,
		},
		{ID: 5, At: at.Add(3 * time.Hour), First: at.Add(3 * time.Hour), Succeeded: true, Cause: dora.CauseHotfix, IsRepaired: true, Recovery: dora.NoRecovery},
		{ID: 6, At: time.Time{}, First: time.Time{}, Failed: true, Cause: dora.CauseRevert, Recovery: dora.NoRecovery, Rework: dora.CauseRollback},
	}}
	bytes := day.Encode()
	var got dora.MeasuredDay
	if err := got.Decode(bytes); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(day, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, bad := range map[string][]byte{
		"cut off":                 bytes[:len(bytes)-1],
		"an unknown cause":        append((dora.MeasuredDay{Deployments: day.Deployments[:1]}).Encode(), 0, 1<<4, 0, 99),
		"a number without an end": {0xff, 0xff},
	} {
		if err := got.Decode(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := got.Decode(nil); err != nil || got.Deployments != nil {
		t.Errorf("nothing: %+v, %v", got, err)
	}
}

func TestDayOf(t *testing.T) {
	for text, want := range map[string]int64{
		"1970-01-01T00:00:00Z": 0, "1970-01-01T23:59:59.999Z": 0, "1970-01-02T00:00:00Z": 1, "1969-12-31T23:59:59.999Z": -1, "1969-12-31T00:00:00Z": -1,
		"1969-12-30T23:00:00Z": -2, "2026-03-02T00:30:00+02:00": 20513, // still the first of March in UTC: 56 years with 14 leap days, and 59 days
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := dora.DayOf(at); got != want {
			t.Errorf("%s is day %d, want %d", text, got, want)
		}
	}
}

func TestCounts(t *testing.T) {
	c := dora.Counts{}
	failed := dora.Measured{Succeeded: true, Failed: true, LeadTimes: []int64{10, 30}, WithoutLeadTime: 1, Cause: dora.CauseStatus, IsRepaired: true, Recovery: 5}
	repair := dora.Measured{Succeeded: true, Recovery: dora.NoRecovery, Rework: dora.CauseStatus}
	c.Add(failed, 1)
	c.Add(repair, 1)
	want := dora.Counts{
		{}: 2, {Family: dora.Deployments, Label: "success"}: 2, {Family: dora.Deployments, Label: "failure"}: 1, {Family: dora.Changes}: 3,
		{Family: dora.LeadTime + "_count"}: 2, {Family: dora.LeadTime + "_sum"}: 40,
		{Family: dora.ChangeFailures, Label: "status"}: 1, {Family: dora.Recovery + "_count"}: 1, {Family: dora.Recovery + "_sum"}: 5,
		{Family: dora.ReworkDeployments, Label: "status"}: 1,
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	c.Merge(dora.Counts{{}: 1})
	c.Add(failed, -1)
	c.Add(repair, -1)
	if diff := cmp.Diff(dora.Counts{{}: 1}, c); diff != "" || c.Deployments() != 1 {
		t.Errorf("what is left: -want +got:\n%s", diff)
	}
}
