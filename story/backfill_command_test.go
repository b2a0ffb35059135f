package story

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
	"dora-exporter/persistence/sqlite"
)

// A backfill says before what it would read, without a database. Ctrl-C interrupts it, also while it waits for its rate, and the next one goes
// on where it was.
func TestBackfillPlannedAndInterrupted(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, 3, 10)
	run := func(interrupt bool, args ...string) (status int, stdout, stderr string) {
		t.Helper()
		var out, errors bytes.Buffer
		c := o.Command(t.Context(), append([]string{"backfill", "-since", "1200d"}, args...)...)
		c.Stdout, c.Stderr = &out, &errors
		before, _ := o.Spent()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if interrupt {
			for calls, _ := o.Spent(); calls == before; calls, _ = o.Spent() {
				time.Sleep(10 * time.Millisecond)
			}
			_ = c.Process.Signal(syscall.SIGINT)
		}
		_ = c.Wait()
		return c.ProcessState.ExitCode(), out.String(), errors.String()
	}
	// Each repository has one page.
	status, stdout, stderr := run(false, "-dry-run")
	if want := ": 3 repositories, with about 3 calls of the GitHub API"; status != 0 || !strings.Contains(stdout, want) {
		t.Fatalf("status %d: %s%s, want %s", status, stdout, stderr, want)
	}
	// What was named and is not there is an error.
	status, stdout, stderr = run(false, "-dry-run", "-repo", "acme/none")
	if want := "can't read: acme/none\n"; status != 1 || !strings.Contains(stdout, want) || !strings.Contains(stderr, "not all that was named could be read: acme/none") {
		t.Errorf("status %d: %s%s, want %s", status, stdout, stderr, want)
	}
	o.configure(o.config + "- {name: Former, github_repositories: [acme/gone]}\n")
	status, stdout, stderr = run(false, "-dry-run")
	if status != 1 || !strings.Contains(stdout, "can't read: acme/gone\n") || !strings.Contains(stderr, "not all that was named could be read: acme/gone") {
		t.Errorf("a repository that a team names: status %d: %s%s", status, stdout, stderr)
	}
	o.configure(o.config)
	if left, err := filepath.Glob(filepath.Join(o.Folder, "*.db")); err != nil || len(left) > 0 {
		t.Errorf("the plan left %v, error %v", left, err)
	}
	status, stdout, stderr = run(true, "-max-rate", "1200/h") // a call each three seconds
	if status != 1 || !strings.Contains(stderr, "dora-exporter: interrupted: the next backfill goes on where this one was") {
		t.Errorf("status %d: %s%s", status, stdout, stderr)
	}
	before, _ := o.Spent()
	if status, stdout, stderr = run(false); status != 0 || !strings.Contains(stdout, "repositories: 3 of 3\n") {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	if _, err := os.Stat(filepath.Join(o.Folder, "dora-exporter.db")); err != nil {
		t.Error(err)
	}
	o.checkReport()
	t.Logf("%d calls before the interruption; %s", before, o.Kinds())
}

// A backfill beside another one, which is no server and carries out no requests, waits for its end and reads what is left.
func TestBackfillBesideAnotherOne(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, 3, 10)
	begin := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
		t.Helper()
		var out bytes.Buffer
		c := o.Command(t.Context(), append([]string{"backfill", "-since", "1200d"}, args...)...)
		c.Stdout, c.Stderr = &out, &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c, &out
	}
	first, _ := begin("-max-rate", "1200/h") // a call each three seconds
	for calls, _ := o.Spent(); calls < 2; calls, _ = o.Spent() {
		time.Sleep(10 * time.Millisecond)
	}
	second, out := begin()
	requested := func() (done bool, err error) {
		r, err := sqlite.OpenReader(t.Context(), filepath.Join(o.Folder, "dora-exporter.db"))
		if err != nil {
			return false, err
		}
		defer func() { _ = r.Close() }()
		var request struct{ Done bool }
		known, err := r.BackfillPart(t.Context(), "request", &request)
		if err == nil && !known {
			err = errors.New("there is none")
		}
		return request.Done, err
	}
	testexporter.Eventually(t, "the second one has requested its backfill", func() error {
		_, err := requested()
		return err
	})
	_ = first.Process.Signal(syscall.SIGINT)
	_ = first.Wait()
	if err := second.Wait(); err != nil || !strings.Contains(out.String(), "repositories: 3 of 3\n") {
		t.Fatalf("%v: %s", err, out)
	}
	if done, err := requested(); err != nil || !done {
		t.Errorf("the request is done: %t, %v; want it to be, so that no server makes the backfill again", done, err)
	}
	o.checkReport()
}
