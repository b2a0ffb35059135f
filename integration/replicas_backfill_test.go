package integration

import (
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
	"dora-exporter/story/org"
)

// The command makes a backfill itself before the first start of a server, and has a replica make it afterwards, also while webhooks arrive.
func TestBackfillBesideReplicas(t *testing.T) {
	end := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	github := org.NewGitHub(org.New(org.Plan{Repositories: 2, Releases: 10, Begin: end.AddDate(-3, 0, 0), End: end, Seed: 1}))
	hub := httptest.NewServer(github)
	defer hub.Close()
	server := pgserver.Start(t)
	r := newReplicas(t, 2, func(int) string { return server.URL("postgres", "postgres") }, "")
	for _, e := range r.all {
		e.setConfig(t, strings.Replace(e.config(t), "http://127.0.0.1:1/", hub.URL, 1)+"deployments: {settle: 1s}\n")
	}
	backfill := func(since string) int {
		t.Helper()
		before, _ := github.Spent()
		c := exec.CommandContext(t.Context(), binary, "-config.file", "config.yml", "backfill", "-since", since, "-source", "github", "-repo", "acme/*")
		c.Dir, c.Env = r.all[0].folder, []string{"HOME=" + r.all[0].folder}
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "repositories: 2 of 2\n") {
			t.Fatalf("%v: %s", err, out)
		}
		after, _ := github.Spent()
		return after - before
	}
	if backfill("400d") == 0 {
		t.Error("no call was made before the first start")
	}
	r.start(t)
	r.load()
	if backfill("1200d") == 0 {
		t.Error("no call was made beside the replicas")
	}
	r.stopLoad()
	done := 0
	for _, e := range r.all {
		done += strings.Count(e.output.String(), `msg="backfill done"`)
	}
	if done != 1 {
		t.Errorf("the replicas made %d backfills, want 1", done)
	}
}
