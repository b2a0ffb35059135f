package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What is sent and answered, over the lives of an exporter.
type ledger struct {
	mu sync.Mutex
	// answered are the ids of the statuses that got 202; sent is how many there are.
	answered map[int]bool
	sent     int
}

// load sends new statuses from four senders until one of them gets no answer or another than 202 and 503, so many at most.
func (l *ledger) load(e *exporter, most int) {
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for range most / 4 {
				l.mu.Lock()
				l.sent++
				id := l.sent
				l.mu.Unlock()
				code, err := e.post("deployment_status", status(id, 1, "success"))
				if err != nil {
					return
				}
				if code == 202 {
					l.mu.Lock()
					l.answered[id] = true
					l.mu.Unlock()
				}
			}
		})
	}
	senders.Wait()
}

const total = `github_deployments_total{environment="production",repo="web",status="success",team="Platform"} `

// counted is how many statuses /metrics has.
func (e *exporter) counted() (n int, err error) {
	text, err := get("http://" + e.address + "/metrics")
	if err != nil {
		return 0, err
	}
	_, after, ok := strings.Cut(text, "\n"+total)
	if !ok {
		return 0, nil
	}
	_, err = fmt.Sscan(after, &n)
	return n, err
}

// settle starts the exporter without faults and checks that each status that was answered is counted, once, and after all of
// them are sent again, each once.
func (l *ledger) settle(t *testing.T, e *exporter) {
	t.Helper()
	e.start(t)
	eventually(t, "what was answered is counted", func() error {
		n, err := e.counted()
		if err == nil && (n < len(l.answered) || n > l.sent) {
			err = fmt.Errorf("%d are counted, %d were answered and %d sent", n, len(l.answered), l.sent)
		}
		return err
	})
	for id := 1; id <= l.sent; id++ {
		e.send(t, "deployment_status", status(id, 1, "success"))
	}
	eventually(t, "each is counted once", func() error {
		n, err := e.counted()
		if err == nil && n != l.sent {
			err = fmt.Errorf("%d are counted, %d were sent", n, l.sent)
		}
		return err
	})
	if strings.Contains(e.output.String(), "damaged") {
		t.Error("a kill left a damaged file")
	}
}

// points are where the exporter is killed: when a call of a kind is about to be made on a file.
var points = map[string]struct {
	file, syscall string
	// again is set for calls that are made often, so that a later one makes a difference.
	again bool
}{
	"while the log is written":                      {"dora-exporter.db-wal", "pwrite64", true},
	"after the insert, before the log is synced":    {"dora-exporter.db-wal", "fdatasync", true},
	"before the checkpoint's file is made":          {"dora-exporter.prom.tmp", "openat", false},
	"while the checkpoint is written":               {"dora-exporter.prom.tmp", "write", false},
	"before the checkpoint is synced":               {"dora-exporter.prom.tmp", "fsync", false},
	"before the previous checkpoint is unlinked":    {"dora-exporter.prom.prev", "unlinkat", false},
	"before the checkpoint is kept as the previous": {"dora-exporter.prom.prev", "linkat", false},
	"before the checkpoint is renamed":              {"dora-exporter.prom.tmp", "renameat,renameat2,rename", false},
	"after it is renamed, before that is synced":    {".", "fsync", false},
	"while the log is moved into the database":      {"dora-exporter.db", "pwrite64", false},
	"before the database is synced after the move":  {"dora-exporter.db", "fdatasync", false},
}

// kill -9 at named points, of an exporter that starts and of one that is under load.
func TestKillAtNamedPoints(t *testing.T) {
	for name, point := range points {
		for _, n := range []int{1, 7, 30} { // strace counts the calls of each thread
			if n > 1 && !point.again {
				continue
			}
			for _, when := range []string{"at the start", "under load"} {
				t.Run(fmt.Sprintf("%s/%s/%d", name, when, n), func(t *testing.T) {
					t.Parallel()
					e := newExporter(t, "http://127.0.0.1:1")
					l := &ledger{answered: map[int]bool{}}
					fault := []string{ // the file as it is named, and as it is open
						"-P", point.file, "-P", filepath.Join(e.folder, point.file),
						"-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", point.syscall, n),
					}
					if when == "under load" {
						e.start(t)
						l.load(e, 20)
						e.attach(t, fault...)
					} else {
						e.startTraced(t, append(fault, "-o", "/dev/null")...)
					}
					if !e.untilDeath(t, func() { l.load(e, 20) }) {
						t.Fatalf("it was not killed, with %d sent", l.sent)
					}
					t.Logf("%d sent, %d answered", l.sent, len(l.answered))
					l.settle(t, e)
				})
			}
		}
	}
}

// attach traces the running exporter with strace until it ends or detach is called.
func (e *exporter) attach(t *testing.T, arguments ...string) (detach func()) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	file, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	strace := exec.Command("strace", append([]string{"-f", "-p", fmt.Sprint(e.process.Process.Pid), "-o", "/dev/null"}, arguments...)...)
	strace.Stderr = file
	if err := errors.Join(strace.Start(), file.Close()); err != nil {
		t.Fatal(err)
	}
	detach = sync.OnceFunc(func() {
		_ = strace.Process.Signal(syscall.SIGTERM)
		_ = strace.Wait()
	})
	t.Cleanup(detach)
	eventually(t, "strace is attached", func() error {
		text, err := os.ReadFile(log)
		if err == nil && !strings.Contains(string(text), "attached") {
			err = fmt.Errorf("strace says %q", text)
		}
		return err
	})
	return detach
}

// untilDeath loads the exporter until it ends, some seconds at most, and then kills it.
func (e *exporter) untilDeath(t *testing.T, load func()) (died bool) {
	t.Helper()
	ended := make(chan struct{})
	go func() { _ = e.process.Wait(); close(ended) }()
	deadline := time.After(20 * time.Second) // a checkpoint is written every five
	for {
		select {
		case <-ended:
			return true
		case <-deadline:
			_ = syscall.Kill(-e.process.Process.Pid, syscall.SIGKILL)
			<-ended
			return false
		case <-time.After(20 * time.Millisecond):
			load()
		}
	}
}

// Between the take-over of another program's .prom and the first checkpoint, the store has the baseline and the file is still
// the other program's: it is known by its hash, and taken once.
func TestKillDuringTheTakeOver(t *testing.T) {
	for n := 1; n <= 4; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			e := newExporter(t, "http://127.0.0.1:1")
			foreign := "# TYPE github_deployments_total counter\n" + total + "41\n"
			if err := os.WriteFile(filepath.Join(e.folder, "dora-exporter.prom"), []byte(foreign), 0o600); err != nil {
				t.Fatal(err)
			}
			call := []string{"openat", "write", "fsync", "renameat,renameat2,rename"}[n-1]
			e.startTraced(t, "-e", "inject="+call+":signal=SIGKILL", "-P", "dora-exporter.prom.tmp", "-P", filepath.Join(e.folder, "dora-exporter.prom.tmp"), "-o", "/dev/null")
			if !e.untilDeath(t, func() {}) {
				t.Fatal("it was not killed")
			}
			e.start(t)
			if n, err := e.counted(); n != 41 || err != nil {
				t.Errorf("%d are counted, %v; want the 41 that were taken over", n, err)
			}
			e.send(t, "deployment_status", status(1, 1, "success"))
			eventually(t, "it goes on from there", func() error {
				if n, err := e.counted(); n != 42 || err != nil {
					return errors.Join(fmt.Errorf("%d are counted", n), err)
				}
				return nil
			})
		})
	}
}
