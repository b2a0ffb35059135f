package story

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
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
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if interrupt {
			for calls, _ := o.Spent(); calls < 3; calls, _ = o.Spent() {
				time.Sleep(10 * time.Millisecond)
			}
			_ = c.Process.Signal(syscall.SIGINT)
		}
		_ = c.Wait()
		return c.ProcessState.ExitCode(), out.String(), errors.String()
	}
	// Each repository has one page.
	status, stdout, stderr := run(false, "-dry-run")
	if want := ": 3 repositories, with at most 3 calls of the GitHub API"; status != 0 || !strings.Contains(stdout, want) {
		t.Fatalf("status %d: %s%s, want %s", status, stdout, stderr, want)
	}
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
