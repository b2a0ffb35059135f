package app

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/config"
	"dora-exporter/report"
	"dora-exporter/story/org"
)

func TestWantedRepositories(t *testing.T) {
	const (
		gitHub     = "{owners: [acme], token: a}"
		enterprise = "{base_url: 'https://ghe.example.com/api/v3/', owners: [beta], token: b}"
		wildcard   = "{base_url: 'https://ghe.example.com/api/v3/', token: b}"
	)
	for _, test := range []struct {
		name, accounts string
		names          []string
		want           map[string][]string
	}{
		{"the server of the owner", gitHub + ", " + enterprise, []string{"acme/web", "beta/api"}, map[string][]string{"api.github.com": {"acme/web"}, "ghe.example.com": {"beta/api"}}},
		{"an owner that no account lists", gitHub + ", " + wildcard, []string{"acme/web", "other/api"}, map[string][]string{"api.github.com": {"acme/web"}, "ghe.example.com": {"other/api"}}},
		{"no account for the owner", gitHub + ", " + enterprise, []string{"other/api"}, map[string][]string{}},
		{"a host", gitHub + ", " + wildcard, []string{"ghe.example.com/acme/web"}, map[string][]string{"ghe.example.com": {"acme/web"}}},
		{"the host of the pages", gitHub + ", " + enterprise, []string{"github.com/acme/*"}, map[string][]string{"api.github.com": {"acme/*"}}},
		{"a host that no account is for", gitHub + ", " + enterprise, []string{"gitlab.com/acme/web"}, map[string][]string{}},
		{
			"an owner on two servers", "{owners: [acme], token: a}, {base_url: 'https://ghe.example.com/api/v3/', owners: [Acme], token: b}",
			[]string{"acme/*"},
			map[string][]string{"api.github.com": {"acme/*"}, "ghe.example.com": {"acme/*"}},
		},
		{"twice", gitHub, []string{"acme/web", "Acme/Web"}, map[string][]string{"api.github.com": {"acme/web"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _, err := config.Parse("config.yml", []byte("github: {accounts: ["+test.accounts+"]}"), func(string) string { return "" })
			if err != nil {
				t.Fatal(err)
			}
			w := newWanted(c)
			for _, name := range test.names {
				if added := w.add(name); added != (len(test.want) > 0) {
					t.Errorf("%s: added is %v", name, added)
				}
			}
			if diff := cmp.Diff(test.want, w.byHost); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A backfill has failed if it can't read what -repo or a team names, unless a team's repository may be on another server.
func TestNamedRepositories(t *testing.T) {
	const teams = "\nteams: [{name: Shop, github_repositories: [web, acme/api, beta/app]}]\n"
	for name, test := range map[string]struct {
		github    string
		requested []string
		want      []string
	}{
		"one server":             {"{owner: acme, token: a}", nil, []string{"acme/web", "acme/api", "beta/app"}},
		"an owner on each":       {"{owner: acme, accounts: [{owners: [acme], token: a}, {base_url: 'https://ghe.example.com', owners: [beta], token: b}]}", nil, []string{"acme/web", "acme/api", "beta/app"}},
		"one owner on both":      {"{owner: acme, accounts: [{owners: [acme], token: a}, {base_url: 'https://ghe.example.com', owners: [acme, beta], token: b}]}", nil, []string{"beta/app"}},
		"a request for one more": {"{owner: acme, token: a}", []string{"other/one"}, []string{"other/one", "acme/web", "acme/api", "beta/app"}},
	} {
		c, _, err := config.Parse("config.yml", []byte("github: "+test.github+teams), func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, NamedRepositories(c, BackfillRequest{Repositories: test.requested})); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// Two servers have an owner, repositories and deployments with the same names and numbers. Each is read with its own account, and both count.
func TestBackfillOfTwoServers(t *testing.T) {
	end := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	plan := org.Plan{Repositories: 2, Releases: 12, Begin: end.AddDate(0, -3, 0), End: end, Seed: 3}
	public, private := org.NewGitHub(org.New(plan)), org.NewGitHub(org.New(plan))
	private.WithoutQueries = true
	first, second := httptest.NewServer(public), httptest.NewServer(private)
	defer first.Close()
	defer second.Close()
	private.Site = second.URL
	text := fmt.Sprintf("github: {accounts: [{base_url: %s, owners: [acme], token: token-of-first}, {base_url: %s/api/v3, owners: [acme], token: token-of-second}]}\n"+
		"storage: {file: {path: %s}}\ndeployments: {settle: 1s}\n%s", first.URL, second.URL, filepath.Join(t.TempDir(), "dora-exporter.prom"), public.Config())
	c, _, err := config.Parse("config.yml", []byte(text), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Config: c, Logger: slog.New(slog.DiscardHandler)}
	made, err := Backfill(t.Context(), o, BackfillRequest{Since: end.AddDate(0, -4, 0)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := 2 * public.Deployments(); made.Repositories != 4 || made.Done != 4 || made.Deployments != n || len(made.Failed) > 0 {
		t.Errorf("%+v, want %d deployments of 4 repositories", made, n)
	}
	r, err := Report(t.Context(), c, report.Options{Since: 200 * 24 * time.Hour, Now: end})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]int{}
	for _, row := range r.Rows {
		got[row.Name] = []int{row.Frequency.Observations, row.LeadTime.Observations, row.Failures, row.Repairs}
	}
	want := map[string][]int{}
	for team, m := range public.Truth(time.Time{}) {
		want[team] = []int{2 * m.Deployments, 2 * m.Changes, 2 * m.Failures, 2 * m.Repairs}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
