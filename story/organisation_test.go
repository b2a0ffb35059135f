package story

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/internal/process"
	"dora-exporter/internal/testexporter"
	"dora-exporter/story/org"
)

// The size of the organisation whose history is read: three years of it.
var (
	orgRepositories = flag.Int("org.repositories", 10, "how many repositories the organisation has")
	orgReleases     = flag.Int("org.releases", 60, "how many releases each of them made in three years, on average")
	orgKills        = flag.Int("org.kills", 5, "how often reading it is killed")
	orgSkew         = flag.Float64("org.skew", 0, "how much they differ in that: the exponent of Zipf's law")
)

// maxPerDeployment is how many calls and points of GitHub's limits a deployment may cost with its changes.
const maxPerDeployment = 0.05

// organisation is an organisation with an exporter that reads it.
type organisation struct {
	*testing.T
	*org.GitHub
	process.Exporter
	end    time.Time
	config string
}

func newOrganisation(t *testing.T, repositories, releases int) *organisation {
	t.Helper()
	end := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	seed := newRandom(t).Uint64()
	plan := org.Plan{Repositories: repositories, Releases: releases, Skew: *orgSkew, Begin: end.AddDate(-3, 0, 0), End: end, Seed: seed}
	g := org.NewGitHub(org.New(plan))
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	o := &organisation{T: t, GitHub: g, end: end}
	o.Program, o.Folder = binary, t.TempDir()
	o.config = fmt.Sprintf("github: {owner: acme, base_url: %q, webhook_secret: "+gitHubSecret+"}\ndeployments: {settle: 1s}\n%s", server.URL, g.Config())
	o.configure(o.config)
	return o
}

// configure writes the configuration of the program.
func (o *organisation) configure(text string) {
	o.Helper()
	if err := os.WriteFile(filepath.Join(o.Folder, "config.yml"), []byte(text), 0o600); err != nil {
		o.Fatal(err)
	}
}

// checkReport compares the numbers of a report with the truth.
func (o *organisation) checkReport() {
	o.Helper()
	text, err := o.Command(o.Context(), "report", "-since", "1200d", "-o", "json").Output()
	if err != nil {
		o.Fatal(err)
	}
	got, err := org.Reported(text)
	if err != nil {
		o.Fatal(err)
	}
	if diff := cmp.Diff(o.Truth(time.Time{}), got); diff != "" {
		o.Errorf("-truth +report:\n%s", diff)
	}
}

// A server reads three years of an organisation while it is killed with SIGKILL again and again, and while webhooks arrive that GitHub sends
// again, older and newer ones. Each event counts once.
func TestOrganisationWithKillsAndWebhooks(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, scaled(4, *orgRepositories), scaled(25, *orgReleases))
	random := newRandom(t)
	e := newExporter(t, "")
	_, port, _ := net.SplitHostPort(e.address)
	config := o.config + fmt.Sprintf("server: {host: 127.0.0.1, port: %q}\nbackfill: {since: %s}\n", port, o.end.AddDate(-4, 0, 0).Format(time.DateOnly))
	e.write("config.yml", config)
	o.Folder = e.folder
	var webhooks []string
	for index := range scaled(4, *orgRepositories) {
		webhooks = append(webhooks, o.Statuses(index)...)
	}
	kills, patience := *orgKills, time.Duration(scaled(2, 20))*time.Second
	between := max(2, int(float64(o.Deployments())*maxPerDeployment/2)/kills) // calls, so that the backfill takes about as many as there are kills
	for range kills {
		e.start("-log", "info")
		before, _ := o.Spent()
		began, last := time.Now(), before+random.IntN(2*between)
		for now := before; now <= last && time.Since(began) < patience; now, _ = o.Spent() {
			e.mustPost(gitHub("deployment_status", webhooks[random.IntN(len(webhooks))]))
		}
		e.kill()
	}
	e.start("-log", "info")
	for range 50 {
		e.mustPost(gitHub("deployment_status", webhooks[random.IntN(len(webhooks))]))
	}
	for end := time.Now().Add(time.Duration(scaled(1, 10)) * testexporter.Patience); !strings.Contains(e.log.String(), "backfill done") || e.idle() != nil; {
		if time.Now().After(end) {
			t.Fatal("the history was not read and evaluated in time")
		}
		time.Sleep(100 * time.Millisecond)
	}
	calls, points := o.Spent()
	t.Logf("the backfill began %d times; %d deployments, %d calls, %d points: %s", strings.Count(e.log.String(), "backfill begins"), o.Deployments(), calls, points, o.Kinds())
	if *orgRepositories >= 100 { // in a small one, a call that is made again is a large share
		o.checkCost(calls, points)
	}
	o.checkReport()
}

// checkCost compares what reading the organisation took with maxPerDeployment.
func (o *organisation) checkCost(calls, points int) {
	o.Helper()
	if n := float64(o.Deployments()) * maxPerDeployment; float64(calls) > n || float64(points) > n {
		o.Errorf("%d calls and %d points for %d deployments", calls, points, o.Deployments())
	}
}

// Three years of an organisation give the numbers that are right, for few calls.
func TestOrganisation(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, *orgRepositories, *orgReleases)
	var out bytes.Buffer
	c := o.Command(t.Context(), "backfill", "-since", "1200d")
	c.Stdout, c.Stderr = &out, &out
	began := time.Now()
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	took := time.Since(began)
	calls, points := o.Spent()
	deployments := o.Deployments()
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	t.Logf("%d deployments in %s, %.0f a second; %s of CPU, %d MiB; %.4f calls and %.4f points a deployment; %s\n%s",
		deployments, took.Round(time.Second), float64(deployments)/took.Seconds(), c.ProcessState.UserTime()+c.ProcessState.SystemTime(), usage.Maxrss>>10,
		float64(calls)/float64(deployments), float64(points)/float64(deployments), o.Kinds(), &out)
	if *orgReleases >= 60 || *orgRepositories >= 100 {
		o.checkCost(calls, points)
	}
	o.checkReport()
}
