package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// Deployments are compared while the webhook of an App may be inactive or lacks the event, and once when it sends again.
func TestRepairByWebhookOfApp(t *testing.T) {
	h := &fakeHooks{app: true}
	f := newRepairing(t, h)
	c := newAccountCheck(f.Repair, 0)
	delivered := func(minutes int) []sent { return []sent{{minutes, 202, "s1", ""}} }
	for _, step := range []struct {
		what  string
		later time.Duration
		sent  []sent
		noApp bool
		want  []string
	}{
		{"the first check", 0, delivered(1), false, []string{"list ", "compare"}},
		{"deliveries arrive", 30 * time.Minute, delivered(1), false, []string{"list "}},
		{"an hour later they still do", time.Hour, delivered(1), false, []string{"list "}},
		{"nothing arrives", 59 * time.Minute, delivered(60), false, []string{"list ", "compare"}},
		{"nothing arrives, compared half an hour ago", 30 * time.Minute, nil, false, []string{"list "}},
		{"they arrive again, compared less than an hour ago", 15 * time.Minute, delivered(1), false, []string{"list "}},
		{"they arrive again", 15 * time.Minute, delivered(1), false, []string{"list ", "compare"}},
		{"they go on", 2 * time.Hour, delivered(1), false, []string{"list "}},
		{"the App lacks the event", time.Minute, nil, true, []string{"hooks of web", "compare"}},
		{"the App lacks it for an hour", time.Hour, nil, true, []string{"hooks of web", "compare"}},
		{"the App has it again", time.Hour, delivered(1), false, []string{"list ", "compare"}},
	} {
		h.now, h.sent, h.app, h.denied, h.calls = h.now.Add(step.later), step.sent, !step.noApp, step.noApp, nil
		must(t, c.run(t.Context()))
		if diff := cmp.Diff(step.want, h.calls); diff != "" {
			t.Errorf("%s: -want +got:\n%s", step.what, diff)
		}
	}
}

// What an App's webhook did not send before it was found to be quiet is compared, back to its last delivery.
func TestRepairComparesSinceLastDeliveryOfApp(t *testing.T) {
	h := &fakeHooks{app: true, sent: []sent{{30, 202, "s1", ""}}}
	f := newRepairing(t, h)
	c := newAccountCheck(f.Repair, 0)
	part := repairPrefix + c.Name + "/owner/acme"
	must(t, c.save(t.Context(), part, ownerState{Checked: h.now.Add(-2 * time.Hour), ByApp: true}))
	must(t, c.run(t.Context()))
	var state ownerState
	must(t, c.load(t.Context(), part, &state))
	if want := h.now.Add(-30 * time.Minute); !state.Checked.Equal(want) || slices.Contains(h.calls, "compare") {
		t.Errorf("checked up to %v, want %v; calls %q", state.Checked, want, h.calls)
	}
}

// The deliveries of few webhooks of repositories are listed by each check, those of many once an hour.
func TestRepairListsRepositoryWebhooks(t *testing.T) {
	for name, test := range map[string]struct{ repositories, lists int }{
		"few":  {fewHooks, fewHooks},
		"many": {fewHooks + 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHooks{}
			f := newRepairing(t, h)
			f.Accounts[0].Repositories = nil
			for n := range test.repositories {
				h.repositories = append(h.repositories, fmt.Sprint("r", n))
				f.Accounts[0].Repositories = append(f.Accounts[0].Repositories, fmt.Sprint("acme/r", n))
			}
			c := newAccountCheck(f.Repair, 0)
			must(t, c.save(t.Context(), repairPrefix+c.Name+"/owner/acme", ownerState{Checked: h.now.Add(-dora.Day)}))
			must(t, c.run(t.Context()))
			if len(h.calls) != test.repositories {
				t.Errorf("the first check makes %d calls, want %d", len(h.calls), test.repositories)
			}
			h.now, h.calls = h.now.Add(15*time.Minute), nil
			must(t, c.run(t.Context()))
			if len(h.calls) != test.lists {
				t.Errorf("the next check makes %d calls, want %d", len(h.calls), test.lists)
			}
		})
	}
}
