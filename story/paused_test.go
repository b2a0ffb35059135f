package story

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// readerOf returns the process other than the exporter that is in a read transaction of the database, 0 when there is none.
// SQLite locks one of five bytes of the -shm file for it. https://sqlite.org/walformat.html#wal_locks
func (e *exporter) readerOf(shm string) int {
	e.Helper()
	info, err := os.Stat(shm)
	if err != nil {
		e.Fatal(err)
	}
	inode := fmt.Sprintf(":%d", info.Sys().(*syscall.Stat_t).Ino)
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		e.Skip("no /proc/locks: ", err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line) // 1: POSIX ADVISORY READ pid major:minor:inode first last
		if len(f) < 8 || !strings.HasSuffix(f[5], inode) {
			continue
		}
		pid, _ := strconv.Atoi(f[4])
		first, _ := strconv.Atoi(f[6])
		if first >= 123 && first <= 127 && pid != e.process.Process.Pid {
			return pid
		}
	}
	return 0
}

// caught starts reports until one is seen in a read transaction, and then stops a process: the one that was started, or
// the one that reads.
func (e *exporter) caught(theReader bool) (report *exec.Cmd, stderr *strings.Builder) {
	e.Helper()
	shm := filepath.Join(e.folder, "dora-exporter.db-shm")
	for range 200 {
		stderr := &strings.Builder{}
		c := exec.Command(binary, "report")
		c.Dir, c.Stderr, c.Env = e.folder, stderr, []string{"HOME=" + e.folder}
		if err := c.Start(); err != nil {
			e.Fatal(err)
		}
		for zombie := false; !zombie; zombie = state(c.Process.Pid) == "Z" {
			pid := e.readerOf(shm)
			if pid == 0 {
				continue
			}
			if !theReader {
				pid = c.Process.Pid
			}
			if err := syscall.Kill(pid, syscall.SIGSTOP); err == nil {
				return c, stderr
			}
		}
		_ = c.Wait()
	}
	e.Fatal("no report was seen while it read")
	return nil, nil
}

// state returns the state of a process: S, R, T (stopped), Z (ended).
func state(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "Z"
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}

// deploy sends n statuses of a repository, several at a time.
func (e *exporter) deploy(repo string, first, n int) {
	e.Helper()
	var senders sync.WaitGroup
	for s := range 4 {
		senders.Go(func() {
			for id := first + s; id < first+n; id += 4 {
				e.mustPost(deployed{id: id, repo: repo, env: "production"}.status(id, "success", newYear))
			}
		})
	}
	senders.Wait()
}

// A report that is stopped in the middle of reading does not keep the write-ahead log growing, whichever of its processes
// is stopped.
func TestPausedReport(t *testing.T) {
	t.Parallel()
	for name, theReader := range map[string]bool{"the command": false, "the process that reads": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExporter(t, "http://127.0.0.1:1")
			e.start()
			e.deploy("web", 1, 500)
			e.counts("web", 500)
			report, stderr := e.caught(theReader)
			defer func() { _ = report.Process.Kill(); _ = report.Wait() }()
			const bound = 20 << 20 // it is copied at 16 MiB at the latest; all statuses take more than the bound
			for n := range 2 {
				e.deploy("app", 10_000+500*n, 500)
			}
			e.counts("app", 1000)
			e.eventually("the write-ahead log is short", func() error {
				size, err := e.metric("dora_exporter_store_wal_bytes")
				if err == nil && size > bound {
					err = fmt.Errorf("%v bytes", size)
				}
				return err
			})
			if !theReader {
				if s := state(report.Process.Pid); s != "T" {
					t.Errorf("the report is in state %s, want stopped", s)
				}
				_ = report.Process.Signal(syscall.SIGCONT)
				if err := report.Wait(); err != nil {
					t.Errorf("the report that goes on: %v: %s", err, stderr)
				}
				return
			}
			if err := report.Wait(); err == nil || !strings.Contains(stderr.String(), "was suspended") {
				t.Errorf("the report: %v: %s", err, stderr)
			}
		})
	}
}
