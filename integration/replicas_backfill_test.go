package integration

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
	"dora-exporter/story/org"
)

// The command makes a backfill itself before the first start of a server, and has a replica make it afterwards, also while webhooks arrive.
func TestBackfillBesideReplicas(t *testing.T) {
	end := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	github := org.NewGitHub(org.New(org.Plan{Repositories: 2, Releases: 10, Begin: end.AddDate(-3, 0, 0), End: end, Seed: 1}))
	server := pgserver.Start(t)
	r := newReplicas(t, 2, func(int) string { return server.URL("postgres", "postgres") }, "")
	ofTeams := r.github.Config.Handler
	r.github.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.HasPrefix(q.URL.Path, "/repos/acme/shop-") || strings.HasPrefix(q.URL.Path, "/repos/acme/jobs-") {
			ofTeams.ServeHTTP(w, q)
			return
		}
		github.ServeHTTP(w, q)
	})
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

// Of two commands without a server, one makes the backfill and the other waits for it, also if they begin at the same moment.
func TestBackfillCommandsAtTheSameTime(t *testing.T) {
	t.Parallel()
	alone, both := newBackfills(t), newBackfills(t)
	if err := alone.run(t, "alone"); err != nil {
		t.Fatal(err)
	}
	want, _ := alone.github.Spent()
	reached, release := both.holdCall(2)
	ended := make(chan error, 2)
	go func() { ended <- both.run(t, "first") }()
	<-reached
	go func() { ended <- both.run(t, "second") }()
	both.hasSessions(t, "second")
	release()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if calls, _ := both.github.Spent(); calls != want {
		t.Errorf("two commands make %d calls, and one alone makes %d", calls, want)
	}
	for range 2 {
		go func() { ended <- both.run(t, "again") }()
	}
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// If the process that makes a backfill is killed, another command that waits for it goes on.
func TestBackfillCommandKilled(t *testing.T) {
	t.Parallel()
	b := newBackfills(t)
	reached, release := b.holdCall(3)
	victim := b.command(t, "first")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	other := make(chan error, 1)
	go func() { other <- b.run(t, "second") }()
	b.hasSessions(t, "second")
	children, err := exec.CommandContext(t.Context(), "pgrep", "-P", strconv.Itoa(victim.Process.Pid)).Output()
	child, _ := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil || child == 0 {
		t.Fatalf("the process that reads was not found: %s, %v", children, err)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := victim.Wait(); err == nil {
		t.Error("the command whose process was killed succeeds")
	}
	release()
	if err := <-other; err != nil {
		t.Error(err)
	}
}

// backfills are commands that read the same GitHub into the same database.
type backfills struct {
	github *org.GitHub
	server *pgserver.Server
	folder string

	mu sync.Mutex
	// calls counts calls; before the one of that number, hold is called.
	calls, number int
	hold          func()
}

func newBackfills(t *testing.T) *backfills {
	t.Helper()
	end := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	b := &backfills{
		github: org.NewGitHub(org.New(org.Plan{Repositories: 2, Releases: 40, Begin: end.AddDate(-1, 0, 0), End: end, Seed: 1})),
		server: pgserver.Start(t), folder: t.TempDir(),
	}
	hub := httptest.NewServer(b)
	t.Cleanup(hub.Close)
	e := &exporter{folder: b.folder}
	e.setConfig(t, fmt.Sprintf("github: {base_url: %q, webhook_secret: %s}\nstorage: {database: %q}\ndeployments: {settle: 1s}\n"+
		"teams:\n  - {name: Platform, github_repositories: [acme/*]}\n", hub.URL, secret, b.server.URL("postgres", "postgres")))
	return b
}

// command returns a command, whose sessions have a name.
func (b *backfills) command(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary, "-config.file", "config.yml", "backfill", "-since", "400d", "-source", "github", "-repo", "acme/*")
	c.Dir, c.Env = b.folder, []string{"HOME=" + b.folder, "PGAPPNAME=" + name}
	return c
}

func (b *backfills) run(t *testing.T, name string) error {
	t.Helper()
	out, err := b.command(t, name).CombinedOutput()
	if err == nil && strings.Contains(string(out), "repositories: 2 of 2\n") {
		return nil
	}
	return fmt.Errorf("the command %q: %w: %s", name, err, out)
}

// hasSessions waits until a command is connected.
func (b *backfills) hasSessions(t *testing.T, name string) {
	t.Helper()
	eventually(t, "the command is connected", func() error {
		if n := b.server.Psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = '"+name+"'"); n == "0" {
			return errors.New("it is not")
		}
		return nil
	})
}

func (b *backfills) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.calls++
	hold := b.hold
	if b.calls != b.number {
		hold = nil
	}
	b.mu.Unlock()
	if hold != nil {
		hold()
	}
	b.github.ServeHTTP(w, r)
}

// holdCall holds the call of a number until release is called.
func (b *backfills) holdCall(number int) (reached <-chan struct{}, release func()) {
	is, goesOn := make(chan struct{}), make(chan struct{})
	b.number, b.hold = number, func() {
		close(is)
		<-goesOn
	}
	return is, func() { close(goesOn) }
}
