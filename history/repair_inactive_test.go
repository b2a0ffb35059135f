package history

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// What a webhook did not send since it was looked for last is compared, although the checks in between have found all that it had delivered.
func TestRepairAfterInactiveWebhook(t *testing.T) {
	for name, test := range map[string]struct {
		isInactive, isRestarted bool
		changed                 time.Duration // of the webhook, after the first check
	}{
		"made inactive":                            {isInactive: true},
		"made inactive, then a restart":            {isInactive: true, isRestarted: true},
		"made inactive and active again":           {changed: 20 * time.Minute},
		"inactive and active again, and a restart": {changed: 20 * time.Minute, isRestarted: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHooks{sent: []sent{{1, 202, "s100", ""}}}
			f := newRepairing(t, h)
			g := &comparedGitHub{fakeHooks: h}
			f.Accounts[0].GitHub = g
			c := newAccountCheck(f.Repair, 0)
			for range 4 {
				must(t, c.run(t.Context()))
				h.now = h.now.Add(hooksInterval / 4)
			}
			if test.isRestarted {
				c = newAccountCheck(f.Repair, 0)
			}
			if test.changed > 0 {
				h.made = h.now.Add(-hooksInterval).Add(test.changed)
			}
			if h.denied = test.isInactive; h.denied {
				h.sent = nil
			}
			const ago = 50 * time.Minute // ten minutes after the first check
			g.deployments = [][2]time.Duration{{ago, ago}}
			must(t, c.run(t.Context()))
			if diff := cmp.Diff([]int64{1}, f.stored(t)); diff != "" {
				t.Errorf("stored: -want +got:\n%s", diff)
			}
		})
	}
}

// While a webhook is there, nothing is compared.
func TestActiveWebhookIsNotCompared(t *testing.T) {
	h := &fakeHooks{sent: []sent{{1, 202, "s100", ""}}}
	f := newRepairing(t, h)
	c := newAccountCheck(f.Repair, 0)
	must(t, c.save(t.Context(), repairPrefix+c.Name+"/owner/acme", ownerState{Checked: h.now.Add(-dora.Day), ByWebhooks: true}))
	for range 10 {
		must(t, c.run(t.Context()))
		h.now = h.now.Add(hooksInterval / 4)
	}
	for _, call := range h.calls {
		if call == "compare" {
			t.Fatalf("the calls are %q", h.calls)
		}
	}
}
