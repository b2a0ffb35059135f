package integration

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"dora-exporter/internal/testexporter"
)

// writingFailed is in the log when the store or the checkpoint can't be written.
var writingFailed = regexp.MustCompile("writing (to the store|the checkpoint) failed")

// faulty is a disk that fails for a while: begin and end are called once each. metricsOnly is set when webhooks are taken
// all the same, since only the checkpoint can't be written.
func faulty(t *testing.T, e *exporter, metricsOnly bool, begin, end func()) {
	t.Helper()
	l := &ledger{answered: map[int]bool{}}
	e.start(t)
	l.load(e, 40)
	before := len(l.answered)
	if before != 40 {
		t.Fatalf("%d of 40 were answered", before)
	}
	eventually(t, "they are counted", func() error {
		if n, err := e.counted(); n != before || err != nil {
			return errors.Join(fmt.Errorf("%d are counted", n), err)
		}
		return nil
	})
	begin()
	eventually(t, "it is not ready", func() error {
		l.load(e, 4)
		code, _, text := e.ask("/readyz")
		if code != http.StatusServiceUnavailable {
			return fmt.Errorf("/readyz: status %d: %s", code, text)
		}
		return nil
	})
	if !metricsOnly {
		code, header, text := e.refused(l)
		if code != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
			t.Errorf("a webhook: status %d, Retry-After %q: %s", code, header.Get("Retry-After"), text)
		}
	}
	for _, path := range []string{"/healthz", "/metrics", "/"} {
		if code, _, text := e.ask(path); code != http.StatusOK {
			t.Errorf("%s: status %d: %s", path, code, text)
		}
	}
	if n, err := e.counted(); n < before || n > l.sent || err != nil {
		t.Errorf("%d are counted, %v; %d were before", n, err, before)
	}
	end()
	eventually(t, "it is ready again by itself", func() error {
		code, _, text := e.ask("/readyz")
		if code != http.StatusOK {
			return fmt.Errorf("/readyz: status %d: %s", code, text)
		}
		return nil
	})
	l.load(e, 40)
	e.kill()
	if n := len(writingFailed.FindAllString(e.output.String(), -1)); n == 0 || n > 20 {
		t.Errorf("%d lines say that it can't write", n)
	}
	l.settle(t, e)
}

// ask gets a path and returns status, headers and body.
func (e *exporter) ask(path string) (int, http.Header, string) {
	answer, err := http.Get("http://" + e.address + path)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, fmt.Sprint(string(body), err)
}

// refused sends one more status and returns its answer.
func (e *exporter) refused(l *ledger) (int, http.Header, string) {
	l.sent++
	answer, err := http.DefaultClient.Do(e.request("deployment_status", status(l.sent, 1, "success")))
	if err != nil {
		return 0, nil, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode == http.StatusAccepted {
		l.answered[l.sent] = true
	}
	return answer.StatusCode, answer.Header, fmt.Sprint(string(body), err)
}

// System calls on the store's and the checkpoint's files fail for a while.
func TestFailingSystemCalls(t *testing.T) {
	for name, fault := range map[string]struct {
		file, inject string
		metricsOnly  bool
	}{
		"EIO from fdatasync of the log":        {"dora-exporter.db-wal", "fdatasync:error=EIO", false},
		"EIO from writing the log":             {"dora-exporter.db-wal", "pwrite64:error=EIO", false},
		"ENOSPC from writing the log":          {"dora-exporter.db-wal", "pwrite64:error=ENOSPC", false},
		"EIO from writing the checkpoint":      {"dora-exporter.prom.tmp", "write:error=EIO", true},
		"ENOSPC from syncing the checkpoint":   {"dora-exporter.prom.tmp", "fsync:error=ENOSPC", true},
		"EACCES from renaming the checkpoint":  {"dora-exporter.prom.tmp", "renameat,renameat2,rename:error=EACCES", true},
		"EROFS from opening the checkpoint":    {"dora-exporter.prom.tmp", "openat:error=EROFS", true},
		"some writes of the log fail with EIO": {"dora-exporter.db-wal", "pwrite64:error=EIO:when=3+2", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExporter(t, "http://127.0.0.1:1")
			var detach func()
			faulty(t, e, fault.metricsOnly, func() {
				detach = e.attach(t, "-P", fault.file, "-P", filepath.Join(e.folder, fault.file), "-e", "inject="+fault.inject)
			}, func() { detach() })
		})
	}
}

// mount mounts a small file system in memory at the exporter's folder, until the test ends.
func (e *exporter) mount(t *testing.T) {
	t.Helper()
	config := e.config(t)
	testexporter.AsRoot(t, "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=8m,uid=%d,mode=0700", os.Getuid()), "tmpfs", e.folder)
	t.Cleanup(func() {
		e.kill()
		testexporter.AsRoot(t, "umount", e.folder)
	})
	e.setConfig(t, config)
}

// A real disk that is full, and one that turns read-only.
func TestRealDisk(t *testing.T) {
	t.Run("full", func(t *testing.T) {
		e := newExporter(t, "http://127.0.0.1:1")
		e.mount(t)
		filler := filepath.Join(e.folder, "filler")
		faulty(t, e, false, func() {
			file, err := os.Create(filler)
			if err != nil {
				t.Fatal(err)
			}
			for err == nil { // until nothing fits any more
				_, err = file.Write(make([]byte, 4096))
			}
			_ = file.Close()
		}, func() {
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("full at the start", func(t *testing.T) {
		e := newExporter(t, "http://127.0.0.1:1")
		e.mount(t)
		file, err := os.Create(filepath.Join(e.folder, "filler"))
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = file.Write(make([]byte, 4096))
		}
		_ = file.Close()
		e.refuses(t, nil, "full")
	})
	t.Run("read-only at the start", func(t *testing.T) {
		e := newExporter(t, "http://127.0.0.1:1")
		e.mount(t)
		testexporter.AsRoot(t, "mount", "-o", "remount,ro", e.folder)
		e.refuses(t, nil, "read-only")
	})
}

// Somebody else's folder.
func TestWithoutPermission(t *testing.T) {
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	if os.Geteuid() != 0 {
		nobody = nil // the folder is closed to its owner, too
	}
	e := newExporter(t, "http://127.0.0.1:1")
	for path, mode := range map[string]os.FileMode{
		filepath.Dir(binary): 0o755, filepath.Dir(e.folder): 0o755,
		filepath.Join(e.folder, "config.yml"): 0o644, e.folder: 0o555,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	e.refuses(t, nobody, "let the user with id")
}

// refuses runs the exporter, which must end with status 1 and these words.
func (e *exporter) refuses(t *testing.T, as *syscall.Credential, words string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary)
	c.Dir, c.SysProcAttr = e.folder, &syscall.SysProcAttr{Credential: as}
	out, err := c.CombinedOutput()
	if c.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), words) {
		t.Errorf("%v, want status 1 and the words %q:\n%s", err, words, out)
	}
}
