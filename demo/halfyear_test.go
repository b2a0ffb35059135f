package demo

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestHalfYear(t *testing.T) {
	end := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	secrets := Secrets{GitHub: "a", Jira: "b"}
	repositories, events := HalfYear(secrets, end, 1)
	if _, again := HalfYear(secrets, end, 1); !reflect.DeepEqual(events, again) {
		t.Error("the same seed gives another half year")
	}
	if _, other := HalfYear(secrets, end, 2); reflect.DeepEqual(events, other) {
		t.Error("another seed gives the same half year")
	}
	if !slices.IsSortedFunc(events, func(a, b Event) int { return a.At.Compare(b.At) }) {
		t.Error("the events are not in the order of their times")
	}
	first, last := events[0].At, events[len(events)-1].At
	if len(repositories) != 5 || len(events) < 1000 || end.Sub(first) > 183*24*time.Hour || end.Sub(last) > 7*24*time.Hour || last.After(end) {
		t.Errorf("%d repositories, %d events from %s to %s", len(repositories), len(events), first, last)
	}
}
