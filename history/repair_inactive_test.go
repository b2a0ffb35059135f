package history

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// What a webhook did not send since it was looked for last is compared, although the checks in between have found all that it had delivered.
func TestRepairAfterInactiveWebhook(t *testing.T) {
	for name, test := range map[string]struct {
		isInactive, isRestarted bool
		fails                   bool          // the first check after the restart
		changed                 time.Duration // of the webhook, after the first check
	}{
		"made inactive":                            {isInactive: true},
		"made inactive, then a restart":            {isInactive: true, isRestarted: true},
		"made inactive and active again":           {changed: 20 * time.Minute},
		"inactive and active again, and a restart": {changed: 20 * time.Minute, isRestarted: true},
		"a restart in an outage":                   {changed: 20 * time.Minute, isRestarted: true, fails: true},
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
			if test.fails {
				h.errors = slices.Repeat([]error{errors.New("502 Bad Gateway")}, maxRepairFailures)
				if err := c.run(t.Context()); err == nil {
					t.Error("the check does not fail")
				}
			}
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

// repositoryHooks is comparedGitHub with a webhook for each repository of acme.
type repositoryHooks struct {
	*comparedGitHub

	// inactive are the repositories whose webhook is not found, and gone those whose deliveries aren't, either.
	inactive, gone map[string]bool
	// isOwnersInactive is true if the webhook of acme is not found.
	isOwnersInactive bool
	// looked are the repositories that were asked for their webhooks.
	looked []string
}

func (g *repositoryHooks) OfOwner(ctx context.Context, owner string) ([]dora.Hook, error) {
	if g.isOwnersInactive {
		return nil, nil
	}
	return g.comparedGitHub.OfOwner(ctx, owner)
}

func (g *repositoryHooks) OfRepository(_ context.Context, _, name string) ([]dora.Hook, error) {
	g.looked = append(g.looked, name)
	if g.inactive[name] || g.gone[name] {
		return nil, nil
	}
	return []dora.Hook{{Path: "/repos/acme/" + name + "/hooks/7", Changed: g.made}}, nil
}

func (g *repositoryHooks) Deliveries(ctx context.Context, owner, hook, cursor string) ([]dora.HookDelivery, string, error) {
	for name := range g.gone {
		if strings.Contains(hook, "/"+name+"/") {
			return nil, "", dora.ErrNoHooks
		}
	}
	return g.comparedGitHub.Deliveries(ctx, owner, hook, cursor)
}

// Query answers for acme/web alone.
func (g *repositoryHooks) Query(ctx context.Context, owner, query string, v map[string]any, data any) error {
	if v["n0"] != "web" {
		return json.Unmarshal([]byte("{}"), data)
	}
	return g.comparedGitHub.Query(ctx, owner, query, v, data)
}

// A webhook that was removed does not change back to when another one is compared that was made inactive, nor are all repositories asked again.
func TestRepairAfterOtherWebhookIsGone(t *testing.T) {
	for name, test := range map[string]struct {
		gone        []string
		isRestarted bool
		looked      []string // by the next check
	}{
		"the other one is there":           {},
		"the other one is gone":            {gone: []string{"api"}, looked: []string{"api"}},
		"the other one is gone, a restart": {gone: []string{"api"}, isRestarted: true, looked: []string{"web", "api"}},
		"both are gone":                    {gone: []string{"api", "web"}, looked: []string{"web", "api"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHooks{sent: []sent{{1, 202, "s100", ""}}, repositories: []string{"web", "api"}}
			f := newRepairing(t, h)
			g := &repositoryHooks{comparedGitHub: &comparedGitHub{fakeHooks: h}, inactive: map[string]bool{}, gone: map[string]bool{}}
			f.Accounts[0].GitHub, f.Accounts[0].Hooks, f.Accounts[0].Repositories = g, g, []string{"acme/web", "acme/api"}
			c := newAccountCheck(f.Repair, 0)
			check := func(times int) {
				for range times {
					must(t, c.run(t.Context()))
					h.now = h.now.Add(hooksInterval)
					for i := range g.deployments { // their ages
						g.deployments[i][0] += hooksInterval
						g.deployments[i][1] += hooksInterval
					}
				}
			}
			check(6)
			g.inactive["web"] = true
			g.deployments = [][2]time.Duration{{time.Minute, time.Minute}}
			check(3)
			for _, name := range test.gone {
				g.gone[name] = true
			}
			check(1)
			if test.isRestarted {
				c = newAccountCheck(f.Repair, 0)
			}
			g.looked = nil
			check(1)
			if diff := cmp.Diff(test.looked, g.looked); diff != "" {
				t.Errorf("asked for webhooks: -want +got:\n%s", diff)
			}
			check(23) // within which each repository is asked
			if diff := cmp.Diff([]int64{1}, f.stored(t)); diff != "" {
				t.Errorf("stored: -want +got:\n%s", diff)
			}
		})
	}
}

// When the webhook of the organisation is gone, that of a repository is looked for at once.
func TestRepairAfterOwnersWebhookIsGone(t *testing.T) {
	h := &fakeHooks{sent: []sent{{1, 202, "s100", ""}}}
	f := newRepairing(t, h)
	g := &repositoryHooks{comparedGitHub: &comparedGitHub{fakeHooks: h}}
	f.Accounts[0].GitHub, f.Accounts[0].Hooks = g, g
	c := newAccountCheck(f.Repair, 0)
	for _, step := range []struct {
		what         string
		later        time.Duration
		repositories []string // with a webhook; if there is none, the organisation has one
		errors       []error
		want         []string
	}{
		{what: "of the repository", repositories: []string{"web"}, want: []string{"web"}},
		{what: "of the organisation", later: hooksInterval},
		{what: "of the organisation, gone", later: time.Minute, errors: []error{dora.ErrNoHooks}},
		{what: "of the repository again", later: time.Minute, repositories: []string{"web"}, want: []string{"web"}},
		{what: "of the repository, known", later: time.Minute, repositories: []string{"web"}},
	} {
		h.now, h.repositories, h.errors, g.looked = h.now.Add(step.later), step.repositories, step.errors, nil
		must(t, c.run(t.Context()))
		if diff := cmp.Diff(step.want, g.looked); diff != "" {
			t.Errorf("%s: asked for webhooks: -want +got:\n%s", step.what, diff)
		}
	}
}

// A server that takes over compares back to when the other one may have looked for a webhook, also if it has made checks before.
func TestRepairAfterTakeover(t *testing.T) {
	h := &fakeHooks{sent: []sent{{1, 202, "s100", ""}}, repositories: []string{"web"}}
	f := newRepairing(t, h)
	g := &repositoryHooks{comparedGitHub: &comparedGitHub{fakeHooks: h}, inactive: map[string]bool{"web": true}}
	f.Accounts[0].GitHub, f.Accounts[0].Hooks = g, g
	a, b := newAccountCheck(f.Repair, 0), newAccountCheck(f.Repair, 0)
	must(t, a.run(t.Context()))
	g.inactive["web"] = false
	for range 4 {
		h.now = h.now.Add(hooksInterval)
		must(t, b.run(t.Context()))
	}
	g.inactive["web"] = true // since more than an hour
	g.deployments = [][2]time.Duration{{time.Hour, time.Hour}}
	must(t, a.run(t.Context()))
	if diff := cmp.Diff([]int64{1}, f.stored(t)); diff != "" {
		t.Errorf("stored: -want +got:\n%s", diff)
	}
}

// What a webhook did not send before another one took over is compared: that of the App, or of the organisation.
func TestRepairBeforeAnotherWebhook(t *testing.T) {
	for name, test := range map[string]struct {
		isGone      bool // the webhook of the repository, which is inactive otherwise
		ofOwner     bool // and not of the repository
		isRestarted bool
		isQuiet     bool // the App's
		byOwner     bool // instead of the App
	}{
		"inactive":                           {},
		"inactive, then a restart":           {isRestarted: true},
		"inactive, the App's is quiet":       {isQuiet: true},
		"inactive, of the organisation":      {ofOwner: true},
		"removed":                            {isGone: true},
		"removed, then a restart":            {isGone: true, isRestarted: true},
		"removed, the App's is quiet":        {isGone: true, isQuiet: true},
		"of the organisation, and a restart": {ofOwner: true, isRestarted: true},

		"inactive, the organisation takes over":   {byOwner: true},
		"removed, the organisation takes over":    {isGone: true, byOwner: true},
		"and a restart, the organisation as well": {isRestarted: true, byOwner: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &fakeHooks{sent: []sent{{1, 202, "s100", ""}}}
			if !test.ofOwner {
				h.repositories = []string{"web"}
			}
			f := newRepairing(t, h)
			g := &repositoryHooks{comparedGitHub: &comparedGitHub{fakeHooks: h}, inactive: map[string]bool{}, gone: map[string]bool{}}
			f.Accounts[0].GitHub, f.Accounts[0].Hooks = g, g
			c := newAccountCheck(f.Repair, 0)
			check := func(times int) {
				for range times {
					must(t, c.run(t.Context()))
					h.now = h.now.Add(hooksInterval / 4)
					for i := range g.deployments { // their ages
						g.deployments[i][0] += hooksInterval / 4
						g.deployments[i][1] += hooksInterval / 4
					}
				}
			}
			check(5) // webhooks of the owner are looked for in the last one
			if g.inactive["web"], g.isOwnersInactive = true, true; test.isGone {
				g.gone["web"] = true
			}
			g.deployments = [][2]time.Duration{{time.Minute, time.Minute}}
			check(2)
			if test.isRestarted {
				c = newAccountCheck(f.Repair, 0)
			}
			if h.app = !test.byOwner; test.byOwner {
				g.isOwnersInactive, h.made, h.repositories = false, h.now.Add(-time.Minute), nil
			}
			if test.isQuiet {
				h.sent[0].minutes = 120
			}
			check(6)
			if diff := cmp.Diff([]int64{1}, f.stored(t)); diff != "" {
				t.Errorf("stored: -want +got:\n%s", diff)
			}
		})
	}
}

// Days after the App's webhook took over from that of a repository, nothing is compared any more.
func TestAppIsNotCompared(t *testing.T) {
	h := &fakeHooks{sent: []sent{{1, 202, "s100", ""}}, repositories: []string{"web"}}
	f := newRepairing(t, h)
	c := newAccountCheck(f.Repair, 0)
	must(t, c.run(t.Context()))
	h.app = true
	for range 5 * 24 {
		h.calls = nil
		h.now = h.now.Add(hooksInterval)
		must(t, c.run(t.Context()))
	}
	if slices.Contains(h.calls, "compare") {
		t.Errorf("the last calls are %q", h.calls)
	}
}
