package story

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/demo"
	"dora-exporter/internal/process"
)

// untilNow matches what depends on the time of a report: the end of each row, and the frequency.
var untilNow = regexp.MustCompile(`,[^,]*\n|deployment_frequency,[0-9.]+`)

// A backfill is killed with SIGKILL again and again, and goes on where it was. Its report is that of one that was not.
func TestBackfillKilled(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	repositories, _ := demo.HalfYear(demo.Secrets{}, time.Now().UTC().Truncate(time.Second), 2)
	github := demo.NewGitHub(repositories...)
	server := httptest.NewServer(github)
	defer server.Close()
	backfill := func(folder string) (*process.Exporter, *bytes.Buffer) {
		e := &process.Exporter{Program: binary, Folder: folder}
		text := fmt.Sprintf("github: {base_url: %q}\nteams: [{name: Mobile, github_repositories: [acme/app]}]\ndeployments: {settle: 1s}\n", server.URL)
		if err := os.WriteFile(filepath.Join(folder, "config.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return e, &bytes.Buffer{}
	}
	run := func(folder string, killAfter time.Duration) bool {
		t.Helper()
		e, out := backfill(folder)
		c := e.Command(t.Context(), "backfill", "-since", "365d")
		c.Stdout, c.Stderr = out, out
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if killAfter > 0 {
			time.AfterFunc(killAfter, func() { _ = c.Process.Kill() })
		}
		err := c.Wait()
		if err != nil && killAfter == 0 {
			t.Fatalf("%v: %s", err, out)
		}
		return err == nil
	}
	report := func(folder string) string {
		t.Helper()
		e, _ := backfill(folder)
		out, err := e.Command(t.Context(), "report", "-since", "180d", "-o", "csv").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return untilNow.ReplaceAllString(string(out), "\n")
	}
	whole, killed := t.TempDir(), t.TempDir()
	run(whole, 0)
	want := report(whole)
	if !strings.Contains(want, "Mobile") {
		t.Fatalf("the report is %s", want)
	}
	kills := 0
	for range scaled(5, 20) {
		if !run(killed, time.Duration(50+random.IntN(1500))*time.Millisecond) {
			kills++
		}
	}
	t.Logf("%d kills", kills)
	run(killed, 0)
	if diff := cmp.Diff(want, report(killed)); diff != "" {
		t.Errorf("-whole +killed:\n%s", diff)
	}
}
