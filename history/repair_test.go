package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/teststore"
	"dora-exporter/receivers"
)

// repairing is a repair of acme/web with a store in which nothing is.
type repairing struct {
	*Repair

	hooks  *fakeHooks
	store  *teststore.Store
	counts map[string][3]int
}

func newRepairing(t *testing.T, h *fakeHooks) *repairing {
	t.Helper()
	h.now = time.Date(2026, 1, 10, 15, 0, 0, 0, time.UTC)
	if h.made.IsZero() {
		h.made = h.now.Add(-100 * dora.Day)
	}
	store := teststore.At(t, filepath.Join(t.TempDir(), "dora-exporter.db"))
	f := &repairing{hooks: h, store: store, counts: map[string][3]int{}}
	f.Repair = &Repair{
		Interval: time.Minute, Store: store.Store, Created: h.now.Add(-10 * dora.Day), Logger: slog.New(slog.DiscardHandler),
		DecodeDeployment: receivers.DecodeDeployment, DecodeDelivery: receivers.DecodeGitHub, NeedsFlags: isUnusual, Runner: "a", Shared: true,
		Now: func() time.Time { return h.now }, Clock: func() time.Time { return h.now }, Sleep: func(_ context.Context, d time.Duration) { h.now = h.now.Add(d) },
		AccountOf: func(_, owner string) (int, bool) { return map[string]int{"acme": 0, "other": 1}[owner], true },
		Accounts:  []RepairAccount{{Name: "github.com/acme", Host: "api.github.com", Window: 3 * dora.Day, Hooks: h, GitHub: h, Repositories: []string{"acme/web"}}},
		OnChecked: func(kind, _ string, checked, missing, repaired int) {
			n := f.counts[kind]
			f.counts[kind] = [3]int{n[0] + checked, n[1] + missing, n[2] + repaired}
		},
	}
	return f
}

// stored returns the numbers of the statuses that are stored, in the order in which they were.
func (f *repairing) stored(t *testing.T) (ids []int64) {
	t.Helper()
	pending, err := f.store.Pending(t.Context(), f.hooks.now, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range pending {
		if d.Event.Backfilled {
			t.Errorf("%s counts in History", d.Key)
		}
		ids = append(ids, d.Event.Status.ID)
	}
	return ids
}

func failed(minutes int, guid string) sent { return sent{minutes: minutes, status: 502, guid: guid} }

func TestRepairDeliveries(t *testing.T) {
	noPages := fmt.Errorf("%w: 422", dora.ErrNoHooks)
	for name, test := range map[string]struct {
		hooks  fakeHooks
		stored []int64
		counts [3]int // checked, missing, repaired
		calls  []string
	}{
		"nothing was sent": {calls: []string{"list "}},
		"all was delivered": {
			hooks: fakeHooks{sent: []sent{{9, 202, "s1", ""}, {8, 200, "s2", ""}}}, counts: [3]int{2, 0, 0}, calls: []string{"list "},
		},
		"failures on several pages, the oldest first": {
			hooks:  fakeHooks{sent: []sent{failed(9, "s1"), {8, 202, "s2", ""}, {7, 0, "s3", ""}, failed(6, "s4"), {5, 401, "s5", ""}}},
			stored: []int64{1, 3, 4, 5}, counts: [3]int{5, 4, 4}, calls: []string{"list ", "list 2", "list 4", "payload 1", "payload 3", "payload 4", "payload 5"},
		},
		"a list with null": {
			hooks:  fakeHooks{sent: []sent{failed(9, "s1"), failed(8, ""), failed(7, "s3")}},
			stored: []int64{1, 3}, counts: [3]int{2, 2, 2}, calls: []string{"list ", "list 2", "payload 1", "payload 3"},
		},
		"redelivered by hand": {
			hooks:  fakeHooks{sent: []sent{failed(9, "s1"), failed(8, "s2"), {3, 202, "s1", ""}}},
			stored: []int64{2}, counts: [3]int{2, 1, 1}, calls: []string{"list ", "list 2", "payload 2"},
		},
		"redelivered in vain": {
			hooks:  fakeHooks{sent: []sent{failed(9, "s1"), failed(3, "s1")}},
			stored: []int64{1}, counts: [3]int{1, 1, 1}, calls: []string{"list ", "payload 2"},
		},
		"other events": {
			hooks: fakeHooks{sent: []sent{{9, 502, "s1", "push"}, {8, 502, "s2", "ping"}}}, calls: []string{"list "},
		},
		"before the store was created": {
			hooks: fakeHooks{sent: []sent{failed(11*24*60, "s1"), failed(9, "s2")}}, stored: []int64{2}, counts: [3]int{1, 1, 1}, calls: []string{"list ", "payload 2"},
		},
		"a cursor that is not valid any more": {
			hooks:  fakeHooks{sent: []sent{failed(9, "s1"), failed(8, "s2"), failed(7, "s3")}, errors: []error{nil, noPages}},
			stored: []int64{1, 2, 3}, counts: [3]int{3, 3, 3},
			calls: []string{"list ", "list 2", "list ", "list 2", "payload 1", "payload 2", "payload 3"},
		},
		"a rate limit": {
			hooks:  fakeHooks{sent: []sent{failed(9, "s1")}, errors: []error{&dora.LimitedError{Wait: time.Minute, Err: errors.New("403")}}},
			stored: []int64{1}, counts: [3]int{1, 1, 1}, calls: []string{"list ", "list ", "payload 1"},
		},
		"an outage": {
			hooks:  fakeHooks{sent: []sent{failed(9, "s1")}, errors: []error{errors.New("502"), errors.New("502")}},
			stored: []int64{1}, counts: [3]int{1, 1, 1}, calls: []string{"list ", "list ", "list ", "payload 1"},
		},
		"the payload is gone": {
			hooks: fakeHooks{sent: []sent{failed(9, "s1")}, hidden: true}, counts: [3]int{1, 1, 1}, calls: []string{"list ", "payload 1", "redeliver 1"},
		},
		"the payload is gone and can't be delivered again": {
			hooks: fakeHooks{sent: []sent{failed(9, "s1")}, hidden: true, denied: true}, counts: [3]int{1, 1, 0},
			calls: []string{"list ", "payload 1", "redeliver 1", "compare"},
		},
		"the webhook sends forms": {
			hooks: fakeHooks{sent: []sent{failed(9, "s1"), failed(8, "s2")}, payload: func(guid string) []byte {
				if guid == "s1" {
					return []byte(strconv.Quote("payload=%7B%22action%22%3A%22created%22%7D"))
				}
				return []byte(fmt.Sprintf(`{"payload":%s}`, encode(statusPayload(guid, "acme"))))
			}},
			stored: []int64{2}, counts: [3]int{2, 2, 1}, calls: []string{"list ", "payload 1", "payload 2"},
		},
		"an event of another account": {
			hooks:  fakeHooks{sent: []sent{failed(9, "s1")}, payload: func(guid string) []byte { return []byte(statusPayload(guid, "other")) }},
			counts: [3]int{1, 1, 0}, calls: []string{"list ", "payload 1"},
		},
		"a webhook that is younger than the store's last check": {
			hooks:  fakeHooks{sent: []sent{failed(9, "s1")}, made: time.Date(2026, 1, 10, 14, 50, 0, 0, time.UTC)},
			stored: []int64{1}, counts: [3]int{1, 1, 1}, calls: []string{"list ", "payload 1", "compare"},
		},
		"webhooks can't be read": {hooks: fakeHooks{denied: true}, calls: []string{"hooks of web", "compare"}},
		"a suspended App":        {hooks: fakeHooks{sent: []sent{failed(9, "s1")}, suspended: &dora.InaccessibleError{Err: errors.New("suspended")}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newRepairing(t, &test.hooks)
			c := newAccountCheck(f.Repair, 0)
			must(t, c.save(t.Context(), repairPrefix+c.Name+"/owner/acme", ownerState{Checked: f.hooks.now.Add(-2 * time.Hour)}))
			must(t, c.run(t.Context()))
			if diff := cmp.Diff(test.stored, f.stored(t)); diff != "" {
				t.Errorf("stored: -want +got:\n%s", diff)
			}
			if got := f.counts[KindDelivery]; got != test.counts {
				t.Errorf("checked, missing and repaired are %v, want %v", got, test.counts)
			}
			if diff := cmp.Diff(test.calls, f.hooks.calls); diff != "" {
				t.Errorf("calls: -want +got:\n%s", diff)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What was repaired is not fetched again: after a check, after a check that was cut off, and by another process.
func TestRepairGoesOn(t *testing.T) {
	h := &fakeHooks{}
	for n := range 30 {
		h.sent = append(h.sent, failed(100-n, fmt.Sprint("s", n+1)))
	}
	f := newRepairing(t, h)
	cut, cancel := context.WithCancel(t.Context())
	h.payload = func(guid string) []byte {
		if guid == "s25" {
			cancel()
		}
		return []byte(statusPayload(guid, "acme"))
	}
	if err := newAccountCheck(f.Repair, 0).run(cut); err == nil {
		t.Error("a check that was cut off has no error")
	}
	h.calls, h.payload = nil, nil
	must(t, newAccountCheck(f.Repair, 0).run(t.Context()))
	fetched := func() []string {
		return slices.DeleteFunc(h.calls, func(call string) bool { return !strings.HasPrefix(call, "payload") })
	}
	if diff := cmp.Diff([]string{"payload 25", "payload 26", "payload 27", "payload 28", "payload 29", "payload 30"}, fetched()); diff != "" {
		t.Errorf("the second check: -want +got:\n%s", diff)
	}
	if got := len(f.stored(t)); got != 30 {
		t.Errorf("%d events are stored", got)
	}
	h.calls = nil
	h.sent = append(h.sent, failed(1, "s31"))
	must(t, newAccountCheck(f.Repair, 0).run(t.Context()))
	if diff := cmp.Diff([]string{"payload 31"}, fetched()); diff != "" {
		t.Errorf("the third check: -want +got:\n%s", diff)
	}
}

// What a webhook sends besides is not listed again, either.
func TestRepairListsOtherEventsOnce(t *testing.T) {
	h := &fakeHooks{}
	for n := range 9 {
		h.sent = append(h.sent, sent{100 - 10*n, 202, fmt.Sprint("p", n), "push"})
	}
	f := newRepairing(t, h)
	must(t, newAccountCheck(f.Repair, 0).run(t.Context()))
	if diff := cmp.Diff([]string{"list ", "list 2", "list 4", "list 6", "list 8", "compare"}, h.calls); diff != "" {
		t.Errorf("the first check: -want +got:\n%s", diff)
	}
	h.calls = nil
	must(t, newAccountCheck(f.Repair, 0).run(t.Context()))
	if diff := cmp.Diff([]string{"list "}, h.calls); diff != "" {
		t.Errorf("the second check: -want +got:\n%s", diff)
	}
}

// An event that can be neither fetched nor delivered again is looked for by a comparison, even if the last one was just before.
func TestRepairComparesForLostEvents(t *testing.T) {
	h := &fakeHooks{hidden: true, denied: true, sent: []sent{failed(90, "s1")}}
	f := newRepairing(t, h)
	c := newAccountCheck(f.Repair, 0)
	compares := func(want int) {
		t.Helper()
		h.calls = nil
		must(t, c.run(t.Context()))
		got := 0
		for _, call := range h.calls {
			if call == "compare" {
				got++
			}
		}
		if got != want {
			t.Errorf("%d comparisons, want %d", got, want)
		}
	}
	must(t, c.save(t.Context(), repairPrefix+c.Name+"/owner/acme", ownerState{Checked: h.now.Add(-2 * time.Hour)}))
	compares(1)
	h.now = h.now.Add(15 * time.Minute)
	h.sent = []sent{failed(5, "s2")}
	compares(0) // an hour has not passed
	h.now = h.now.Add(15 * time.Minute)
	h.sent = []sent{{1, 202, "s3", ""}}
	compares(0)
	h.now = h.now.Add(time.Hour)
	compares(1)
	h.now = h.now.Add(2 * time.Hour)
	compares(0)
}

// What happened while an App was suspended was never sent, so it is looked for when the App acts again.
func TestRepairAfterSuspension(t *testing.T) {
	h := &fakeHooks{sent: []sent{{200, 202, "s1", ""}}, suspended: &dora.InaccessibleError{Err: errors.New("suspended")}}
	f := newRepairing(t, h)
	c := newAccountCheck(f.Repair, 0)
	must(t, c.run(t.Context()))
	h.suspended = nil
	c.compared["acme"] = false
	must(t, c.run(t.Context()))
	if !slices.Contains(h.calls, "compare") {
		t.Errorf("calls: %q", h.calls)
	}
	h.calls = nil
	must(t, c.run(t.Context()))
	if slices.Contains(h.calls, "compare") {
		t.Errorf("calls of the next check: %q", h.calls)
	}
}

// backlogged is a store with pending deliveries, of which one is processed between two looks.
type backlogged struct {
	RepairStore

	pending int
}

func (s *backlogged) Backlog(context.Context) (dora.Backlog, error) {
	s.pending = max(0, s.pending-1)
	return dora.Backlog{Deliveries: s.pending}, nil
}

// What the first check has stored is processed before anything is evaluated, unless that takes too long.
func TestEvaluationsWaitForRepair(t *testing.T) {
	for name, test := range map[string]struct {
		interval      time.Duration
		pending, left int
	}{
		"processed soon": {time.Minute, 5, 0},
		"stuck":          {time.Minute, 1000, 700}, // 300 looks in a minute
		"no repair":      {0, 5, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newRepairing(t, &fakeHooks{})
			store := &backlogged{f.Store, test.pending}
			f.Interval, f.Store = test.interval, store
			f.init()
			close(f.checkedOnce)
			f.WaitFirst(t.Context())
			if store.pending != test.left {
				t.Errorf("%d deliveries are pending, want %d", store.pending, test.left)
			}
		})
	}
}

// Of two servers one checks, the other waits for it, and takes over when the first one is silent.
func TestOneServerRepairs(t *testing.T) {
	h := &fakeHooks{}
	f := newRepairing(t, h)
	other := &Repair{Store: f.Store, Clock: f.Clock, Sleep: f.Sleep, Logger: f.Logger, Runner: "b", Shared: true}
	checks := ""
	task := func(r *Repair) repairTask {
		return repairTask{name: "repair/x", interval: time.Minute, check: func(context.Context) error { checks += r.Runner; return nil }}
	}
	started := h.now
	try := func(r *Repair, want bool) {
		t.Helper()
		if checked, err := r.checkIfDue(t.Context(), task(r), started, false); checked != want || err != nil {
			t.Errorf("%s after %v: %t, %v", r.Runner, h.now.Sub(started), checked, err)
		}
	}
	must(t, f.save(t.Context(), "repair/x", taskState{Runner: "b", Beat: h.now}))
	try(f.Repair, false)
	h.now = h.now.Add(silentAfter)
	try(f.Repair, true)
	try(other, true)
	if checks != "a" {
		t.Errorf("checks by %q", checks)
	}
	h.now = h.now.Add(2 * time.Minute)
	try(other, true)
	if checks != "ab" {
		t.Errorf("checks by %q", checks)
	}
}
